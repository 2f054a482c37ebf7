"""Files made to harm, handed in over the network: nobody is called, nothing is told, the server lives.

A handful of those that `bench/hostile.py` uploads, chosen by what they try.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.hostile_files import hostile_files
from bench.lab import Lab, Outcome, running

# part of the name → code of the refusal; "" is for those that hold something to draw beside the trap
WANTED = {
    "ogr-vrt-local.csv": "FORMAT",
    "vrt-raw.tif": "FORMAT",
    "wms.asc": "FORMAT",
    "gdalg.geojson": "FORMAT",
    "crs-link.geojson": "",
    "network.kml": "",
    "file.kml": "FILE_DAMAGED",
    "parameter.xlsx": "FILE_DAMAGED",
    "symlink.zip": "ZIP",
    "slip-0.zip": "ZIP",
    "bomb.zip": "TOO_LARGE",
    "huge-1000000-1.tif": "TOO_LARGE",
    "contents-view.gpkg": "FILE_DAMAGED",
}


@pytest.fixture(scope="module")
def uploaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, str, dict[str, Outcome]]]:
    """A running Naru, the token in a secret file, and what became of each file."""
    folder = tmp_path_factory.mktemp("hostile")
    token, secret = secrets.token_hex(16), folder / "secret.csv"
    secret.write_text(f"token,x,y\n{token},127,37\n")
    with running(folder / "lab", traced=False) as lab:
        made = {p.name.split("-", 1)[1]: p for p in hostile_files(folder / "files", lab.canary_url, secret)}
        outcomes = {}
        for number, name in enumerate(WANTED):
            outcomes[name] = outcome = lab.submit([made[name]], {"id": f"x-{number}"})
            while not lab.settled(outcome):
                time.sleep(0.05)
        yield lab, token, outcomes


@pytest.mark.parametrize("name", WANTED)
def test_it_ends_in_a_plain_answer(uploaded, name: str) -> None:
    outcome = uploaded[2][name]
    assert (outcome.status, outcome.attempts) == (202, 1)
    assert outcome.error.get("code", "") == WANTED[name], outcome.error
    assert outcome.state == ("failed" if WANTED[name] else "done")
    assert outcome.error.get("remedy") or not WANTED[name]


def test_nobody_was_called_and_nothing_told(uploaded) -> None:
    lab, token, outcomes = uploaded
    assert lab.asked == []
    assert token not in json.dumps([[o.error, o.layers] for o in outcomes.values()])
    held = [p for p in (lab.home / "archives").rglob("*") if p.is_file() and token.encode() in p.read_bytes()]
    assert held == []


def test_the_server_goes_on(uploaded, tmp_path: Path) -> None:
    lab = uploaded[0]
    good = tmp_path / "good.geojson"
    good.write_text('{"type": "Point", "coordinates": [127, 37.5]}')
    outcome = lab.submit([good], {"id": "good"})
    while not lab.settled(outcome):
        time.sleep(0.05)
    assert outcome.state == "done"
    assert lab.dead() == []
