"""kill -9 at every step of an ingest: the old layer goes on serving, nothing is half there, nothing is lost."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from naru import care
from naru.house import House
from naru.settings import Settings
from tests.conftest import NARU, Served, clean_environ, naru, naru_json, start_server, stop_server
from tests.processes import alive
from tests.test_ingest import points

TILE = "/tiles/sites/8/218/99.mvt"

# Runs the naru command, and kills its own process just before or after the n-th call of one function.
KILLER = """
import importlib, os, signal, sys
module, path, when, nth = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
*owners, name = path.split(".")
owner = importlib.import_module(module)
for part in owners:
    owner = getattr(owner, part)
original, calls = getattr(owner, name), [0]
def killed(*args, **named):
    calls[0] += 1
    if when == "before" and calls[0] == nth:
        os.kill(os.getpid(), signal.SIGKILL)
    result = original(*args, **named)
    if when == "after" and calls[0] == nth:
        os.kill(os.getpid(), signal.SIGKILL)
    return result
setattr(owner, name, killed)
sys.argv = ["naru", *sys.argv[5:]]
from naru.cli import main
main()
"""

# The steps of a publication in their order. The source is stored first, then the tiles.
STEPS = {
    "the tiles are being built": ("ingest.tiling.blocks", "Workshop.make", "before", 2),
    "the tiles are written": ("ingest.vector_layers", "build_tileset", "after", 1),
    "the source is moved beside": ("naru.storage", "sync_file", "before", 1),
    "the source is on the disk": ("naru.storage", "sync_file", "after", 1),
    "the source is hashed": ("naru.storage", "file_hash", "after", 1),
    "the source is renamed": ("naru.storage", "sync_folder", "before", 1),
    "the source is in": ("naru.storage", "Storage.put", "after", 1),
    "the tiles are renamed": ("naru.storage", "sync_folder", "before", 2),
    "the tiles are in": ("naru.storage", "Storage.put", "after", 2),
    "the transaction has begun": ("naru.catalogue", "Catalogue._publish_one", "before", 1),
    "the rows are written": ("naru.catalogue", "Catalogue._publish_one", "after", 1),
    "the generation is advanced": ("naru.catalogue", "advance", "after", 1),
}


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Path]]:
    """A served home with version 1 of a layer, and the file that would be version 2."""
    folder = tmp_path_factory.mktemp("crash")
    naru_json("ingest", str(points(folder / "one.geojson", 3)), "--id", "sites", home=folder / "home")
    served = start_server(folder / "home", folder / "serve.log")
    yield served, points(folder / "two.geojson", 5)
    stop_server(served)


def features_served(served: Served) -> int:
    layer = next(row for row in served.get("/api/layers").json()["layers"] if row["id"] == "sites")
    assert served.get(TILE).status == 200
    return int(layer["features"])


def live_version(home: Path) -> int:
    """The version that is live; nothing is damaged, and nothing is left once it has been swept."""
    house = House.open(Settings.from_environ({}, home=home))
    try:
        assert care.verify(house, lambda *_: None) == []
        care.sweep(house, grace_s=0)
        versions = house.catalogue.versions("sites")
        wanted = {t.archive.name for v in versions for t in v.tilesets} | {
            v.source.name for v in versions if v.source
        }
        assert set(house.storage.names()) == wanted
        assert not list(house.storage.incoming.iterdir())
        return house.catalogue.layer("sites").live.number
    finally:
        house.close()


@pytest.mark.parametrize("step", STEPS)
def test_killed_when(step: str, sites: tuple[Served, Path]) -> None:
    served, file = sites
    words = [*map(str, STEPS[step]), "--home", str(served.home), "ingest", str(file), "--id", "sites"]
    done = subprocess.run(
        [sys.executable, "-c", KILLER, *words], env=clean_environ(), capture_output=True, timeout=120, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert features_served(served) == 3
    assert live_version(served.home) == 1


def test_what_was_acknowledged_is_there_and_seen(sites: tuple[Served, Path], tmp_path: Path) -> None:
    """The last step: killed right after the commit, the new version is live, whatever the killed process said."""
    home = tmp_path / "home"
    naru_json("ingest", str(points(tmp_path / "one.geojson", 3)), "--id", "sites", home=home)
    words = ["naru.catalogue", "Catalogue.publish", "after", "1", "--home", str(home), "ingest", str(sites[1])]
    done = subprocess.run(
        [sys.executable, "-c", KILLER, *words, "--id", "sites"], env=clean_environ(), timeout=120, check=False
    )
    assert done.returncode == -signal.SIGKILL
    shown = naru_json("layers", "show", "sites", home=home)
    assert shown["features"] == 5
    assert live_version(home) == shown["version"] == 2


def test_no_child_outlives_a_killed_ingest(sites: tuple[Served, Path]) -> None:
    served, file = sites
    process = subprocess.Popen(
        [*NARU, "--home", str(served.home), "ingest", str(file), "--id", "sites", "--json"],
        env=clean_environ(),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 30
    while not (children := descendants(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert children, "the sandboxed reader should have been started"
    process.kill()
    process.wait()
    while any(alive(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [child for child in children if alive(child)]


def descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def test_a_queued_file_survives_its_worker(tmp_path: Path) -> None:
    home = tmp_path / "home"
    file = points(tmp_path / "sites.geojson", 4)
    [job] = naru_json("ingest", str(file), "--queue", home=home)["jobs"]
    words = ["ingest.tiling.blocks", "Workshop.make", "before", "1", "--home", str(home), "work", "--once"]
    killed = subprocess.run(
        [sys.executable, "-c", KILLER, *words], env=clean_environ(), capture_output=True, timeout=120, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert naru_json("jobs", "show", job["id"], home=home)["state"] == "running"
    with sqlite3.connect(home / "catalog.sqlite") as catalogue:  # time passes: the lease ends
        catalogue.execute("UPDATE jobs SET lease_until = '2000-01-01 00:00:00'")
    catalogue.close()
    assert naru_json("work", "--once", home=home) == {"jobs": 1}
    shown = naru_json("jobs", "show", job["id"], home=home)
    assert (shown["state"], shown["attempt"], shown["progress"]) == ("done", 2, 1.0)
    assert shown["result"]["layers"][0]["features_published"] == 4
    assert naru_json("layers", "show", "sites", home=home)["version"] == 1
    assert not list((home / "jobs").glob("*/attempt-2"))


def test_a_queued_file_is_not_published_twice(tmp_path: Path) -> None:
    """Killed right after the commit: the job was done in the same transaction, so nobody takes it up again."""
    home = tmp_path / "home"
    [job] = naru_json("ingest", str(points(tmp_path / "sites.geojson", 4)), "--queue", home=home)["jobs"]
    words = ["naru.catalogue", "Catalogue.publish", "after", "1", "--home", str(home), "work", "--once"]
    killed = subprocess.run(
        [sys.executable, "-c", KILLER, *words], env=clean_environ(), capture_output=True, timeout=120, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    shown = naru_json("jobs", "show", job["id"], home=home)
    assert (shown["state"], shown["result"]["layers"][0]["version"]) == ("done", 1)


def test_interrupted_by_the_user_it_says_so_in_one_line(tmp_path: Path) -> None:
    file = points(tmp_path / "sites.geojson", 4)
    words = ["ingest.pipeline", "read_file", "after", "1"]
    listening = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"  # nohup and & ignore it
    script = listening + KILLER.replace("signal.SIGKILL", "signal.SIGINT")
    done = subprocess.run(
        [sys.executable, "-c", script, *words, "--home", str(tmp_path / "home"), "ingest", str(file), "--json"],
        env=clean_environ(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == "naru: stopped"
    assert done.stdout == "" or "error" in json.loads(done.stdout)
    assert naru("layers", "show", "sites", home=tmp_path / "home").returncode == 1
    assert not list((tmp_path / "home" / "jobs").iterdir())
