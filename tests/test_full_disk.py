"""A full disk while a layer is replaced: a clear error, and the old layer as it was. `bench/full_disk.py` does all
stations; here are the one in the child, the one in the engine, and the last.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.aftermath import inspect
from bench.full_disk import ingest_while_full, small_disk
from bench.killing import points
from tests.conftest import naru_json


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small disk with a home in which a layer is live."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    folder = tmp_path_factory.mktemp("full")
    try:
        with small_disk(folder / "disk") as mounted:
            naru_json("ingest", str(points(folder / "old.geojson", 5)), "--id", "sites", home=mounted / "home")
            yield mounted
    except OSError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("station", ["read", "encode", "catalogue"])
def test_full_while(station: str, disk: Path, tmp_path: Path) -> None:
    new = points(tmp_path / "new.geojson", 2000)
    assert ingest_while_full(station, disk / "home", disk / "ballast", new) == []
    shown = naru_json("layers", "show", "sites", home=disk / "home")
    assert (shown["version"], shown["features"]) == (1, 5)
    assert inspect(disk / "home") == []
