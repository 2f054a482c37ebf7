"""The corpus bench itself: it must see what is wrong, or its zero means nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.legible import garbled
from bench.watching import Trace
from tests.conftest import ROOT
from tests.reading import dbf, geojson, point, shapefile


def layer(count: int, extent: list[float], crs: str) -> dict:
    return {"name": "x", "count": count, "null": 0, "empty": 0, "extent": extent, "crs": crs, "read_error": None}


def record(path: str, kind: str, *layers: dict) -> dict:
    truth = {"ok": True, "layers": list(layers)} if layers else None
    return {"path": path, "group": "made", "kind": kind, "expect": "", "truth": truth, "truth2": None}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict, dict]:
    """Exit status, whole account, and cases by path of a corpus of which some truths are lies."""
    folder = tmp_path_factory.mktemp("corpus")
    geojson(folder / "good.geojson", point(), point(127.1, 37.5))
    geojson(folder / "lost.geojson", point(), point(127.1, 37.5))
    geojson(folder / "moved.geojson", point(), point(127.1, 37.5))
    geojson(folder / "partly.geojson", point(), None)
    table = dbf(["이름".encode("cp949")], [["강남구".encode("cp949")]])
    shapefile(folder / "gu", [(200000, 550000)], table, prj="EPSG:5186")
    (folder / "page.geojson").write_text("<html><body>404</body></html>")
    two = [126.978, 37.5, 127.1, 37.5665]
    records = [
        record("good.geojson", "vector", layer(2, two, "EPSG:4326")),
        record("lost.geojson", "vector", layer(3, two, "EPSG:4326")),
        record("moved.geojson", "vector", layer(2, [126.979, *two[1:]], "EPSG:4326")),
        record("partly.geojson", "vector", layer(2, [126.978, 37.5665] * 2, "EPSG:4326")),
        record("gu.shp", "vector", layer(1, [200000, 550000] * 2, "EPSG:5186")),
        *(record(f"gu.{end}", "other") for end in ("shx", "dbf", "prj")),
        record("page.geojson", "vector"),
    ]
    (folder / "truth.json").write_text(json.dumps(records))
    account = folder / "account.json"
    command = [sys.executable, "bench/corpus.py", str(folder), "--json", str(account), "--workers", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert account.exists(), done.stdout + done.stderr
    told = json.loads(account.read_text("utf-8"))
    return done.returncode, told, {case["path"]: case for case in told["cases"]}


def test_every_file_has_one_fate(verdicts) -> None:
    _, told, cases = verdicts
    assert (told["files"], told["uploads"]) == (9, 6)
    assert {path: case["word"] for path, case in cases.items()} == {
        "good.geojson": "as in truth",
        "gu.shp": "as in truth",
        "partly.geojson": "accounted for",
        "page.geojson": "not an upload format",
        "lost.geojson": "violation",
        "moved.geojson": "violation",
    }


def test_a_missing_feature_and_a_moved_layer_are_seen(verdicts) -> None:
    status, told, cases = verdicts
    assert (status, told["violations"], told["of_the_run"]) == (1, 2, [])
    assert cases["lost.geojson"]["violations"] == ["count: 2 read where the truth has 3"]
    assert cases["moved.geojson"]["violations"][0].startswith("position: 88.")  # 0.001° of longitude in Seoul


@pytest.mark.parametrize(
    ("read_as", "was"), [("latin-1", "cp949"), ("cp437", "cp949"), ("cp949", "utf-8"), ("latin-1", "utf-8")]
)
def test_mojibake_is_seen(read_as: str, was: str) -> None:
    seen = garbled("서울특별시강남구".encode(was).decode(read_as, "ignore"))
    assert len(set(seen) & set("서울특별시강남구")) >= 4


@pytest.mark.parametrize("text", ["강남구", "Ñandú über Åse", "東京都", "Москва́", "ä", "naïve café", "№ 12 — «да»"])
def test_legible_text_is_not_taken_for_mojibake(text: str) -> None:
    assert garbled(text) == ""


def test_connections_and_files_elsewhere_are_read_from_the_trace(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    log.write_text(
        '7 connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("10.1.2.3")}, 16) = -1\n'
        '7 connect(3, {sa_family=AF_INET, sin_port=htons(99), sin_addr=inet_addr("127.0.0.1")}, 16) = 0\n'
        '7 openat(AT_FDCWD</lab/cwd>, "../out.txt", O_WRONLY|O_CREAT, 0644) = 5</lab/out.txt>\n'
        '7 openat(AT_FDCWD</lab/cwd>, "/lab/home/ok", O_WRONLY|O_CREAT, 0644) = 5</lab/home/ok>\n'
        '7 openat(AT_FDCWD</lab/cwd>, "/etc/hosts", O_RDONLY) = 5</etc/hosts>\n'
        '7 rename("/lab/home/a", "/etc/b") = 0\n'
    )
    trace = Trace(log, allowed=(Path("/lab/home"),), ports=(99,))
    trace.read()
    assert trace.connections == ["10.1.2.3:80"]
    assert trace.written == ["openat /lab/out.txt", "rename /etc/b"]
