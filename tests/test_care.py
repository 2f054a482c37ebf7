"""Care of an installation: layers from the command line, verify, gc, backup, restore, doctor."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from naru.house import House
from naru.settings import Settings
from tests.conftest import NARU, clean_environ, naru, naru_json, start_server, stop_server
from tests.test_crash import KILLER
from tests.test_ingest import points
from tileserver.usage.tables import open_database


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one layer in two versions and one key; tests do not change it."""
    folder = tmp_path_factory.mktemp("care")
    for count in (3, 5):
        naru_json("ingest", str(points(folder / "sites.geojson", count)), "--id", "sites", home=folder / "home")
    words = ("--name", "map", "--functions", "content", "--access", "public", "--day", "10")
    naru_json("keys", "create", *words, home=folder / "home")
    return folder / "home"


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may spoil: made by backup and restore, which this tries each time."""
    naru_json("backup", str(tmp_path / "backup.tar"), home=made)
    naru_json("restore", str(tmp_path / "backup.tar"), home=tmp_path / "home")
    return tmp_path / "home"


def backed_up(home: Path, file: Path) -> Path:
    naru_json("backup", str(file), home=home)
    return file


def test_a_backup_brings_everything_back(made: Path, home: Path) -> None:
    for words in (("layers", "show", "sites"), ("keys", "list"), ("verify",)):
        assert naru_json(*words, home=home) == naru_json(*words, home=made)
    assert (home / "key-pepper").read_bytes() == (made / "key-pepper").read_bytes()
    assert {p.name for p in (home / "archives").iterdir()} == {p.name for p in (made / "archives").iterdir()}


def test_a_backup_holds_usage_and_nothing_that_tells_who_called(made: Path, tmp_path: Path) -> None:
    naru_json("restore", str(backed_up(made, tmp_path / "first.tar")), home=tmp_path / "home")
    salt, hashes = os.urandom(16), os.urandom(4096)
    house = House.open(Settings.from_environ({}, home=tmp_path / "home"))
    open_database(house.settings, house.database).close()
    house.close()
    with closing(sqlite3.connect(tmp_path / "home" / "usage.sqlite")) as ledger:
        ledger.execute("INSERT INTO usage_salts VALUES (20000, ?)", (salt,))
        ledger.execute("INSERT INTO usage_visits VALUES (1, 28800000, 'k', 'content', 'sites', ?)", (hashes,))
        ledger.execute("INSERT INTO usage_dims VALUES (1, 'k', 'content', 'sites', -2, 2, NULL)")
        ledger.execute("INSERT INTO usage_months VALUES (28800000, 1, 12345, 0)")
        ledger.commit()
    file = backed_up(tmp_path / "home", tmp_path / "second.tar")
    assert salt not in file.read_bytes()
    assert hashes[:64] not in file.read_bytes()
    naru_json("restore", str(file), home=tmp_path / "again")
    with closing(sqlite3.connect(tmp_path / "again" / "usage.sqlite")) as ledger:
        assert ledger.execute("SELECT requests FROM usage_months").fetchall() == [(12345,)]


def test_a_ledger_that_is_damaged_keeps_a_backup_from_being_made(home: Path, tmp_path: Path) -> None:
    (home / "usage.sqlite").write_bytes(os.urandom(4096))
    refused = naru("backup", str(tmp_path / "new.tar"), home=home)
    assert (refused.returncode, "usage.sqlite" in refused.stderr) == (1, True)
    assert not (tmp_path / "new.tar").exists()


def test_a_backup_is_not_restored_over_a_ledger(made: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "usage.sqlite").write_bytes(b"kept")
    done = naru("restore", str(backed_up(made, tmp_path / "backup.tar")), home=tmp_path / "home")
    assert (done.returncode, "usage.sqlite" in done.stderr) == (1, True)
    assert (tmp_path / "home" / "usage.sqlite").read_bytes() == b"kept"


def test_a_backup_is_private_and_not_restored_over_a_catalogue(made: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar"
    naru_json("backup", str(file), home=made)
    assert file.stat().st_mode & 0o077 == 0
    done = naru("restore", str(file), home=made)
    assert done.returncode == 1
    assert "empty folder" in done.stderr


def test_a_backup_is_not_restored_beside_a_catalogue_elsewhere(made: Path, tmp_path: Path) -> None:
    naru_json("backup", str(tmp_path / "backup.tar"), home=made)
    elsewhere = f"sqlite:///{tmp_path / 'other.sqlite'}"
    done = naru("restore", str(tmp_path / "backup.tar"), home=tmp_path / "home", NARU_DATABASE_URL=elsewhere)
    assert done.returncode == 1
    assert "NARU_DATABASE_URL" in done.stderr
    assert not (tmp_path / "home" / "catalog.sqlite").exists()


@pytest.mark.parametrize("spoil", ["text", "no catalogue", "changed archive", "way out"])
def test_a_bad_backup_is_refused_and_leaves_no_catalogue(spoil: str, made: Path, tmp_path: Path) -> None:
    file, home = tmp_path / "backup.tar", tmp_path / "home"
    naru_json("backup", str(file), home=made)
    if spoil == "text":
        file.write_text("not a tar")
    else:
        respoil(file, spoil)
    done = naru("restore", str(file), "--json", home=home)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["remedy"]
    assert not (home / "catalog.sqlite").exists()
    assert not (tmp_path / "out").exists()


def respoil(file: Path, how: str) -> None:
    with tarfile.open(file) as tar:
        members = {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}  # type: ignore[union-attr]
    if how == "no catalogue":
        del members["catalog.sqlite"]
    elif how == "changed archive":
        name = next(n for n in members if n.endswith(".pmtiles"))
        members[name] += b"x"
    else:
        members["../out"] = b"x"
    folder = file.with_suffix("")
    folder.mkdir()
    with tarfile.open(file, "w") as tar:
        for number, (name, content) in enumerate(members.items()):
            part = folder / str(number)
            part.write_bytes(content)
            tar.add(part, name)


def test_verify_names_the_damaged_archive_and_no_backup_is_made_of_it(home: Path, tmp_path: Path) -> None:
    damaged = next((home / "archives").glob("*.pmtiles"))
    damaged.chmod(0o644)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    done = naru("verify", "--json", home=home)
    assert done.returncode == 1
    assert [e["file"] for e in json.loads(done.stdout)["damaged"]] == [str(damaged)]
    refused = naru("backup", str(tmp_path / "new.tar"), "--json", home=home)
    assert json.loads(refused.stdout)["error"]["file"] == str(damaged)
    assert not (tmp_path / "new.tar").exists()


def test_gc_takes_only_what_nothing_points_to(home: Path) -> None:
    before = {p.name for p in (home / "archives").iterdir()}
    stray = home / "archives" / "incoming" / "half.pmtiles"
    stray.write_bytes(b"half an archive")
    assert naru_json("gc", home=home)["removed"] == []  # younger than the grace
    would = naru_json("gc", "--grace", "0", "--dry-run", home=home)
    assert [r["name"] for r in would["removed"]] == ["half.pmtiles"]
    assert stray.exists()
    assert naru_json("gc", "--grace", "0", home=home)["bytes"] == 15
    assert {p.name for p in (home / "archives").iterdir()} == before
    versions = naru_json("layers", "show", "sites", home=home)["versions"]
    named = {version["source"] for version in versions}
    named |= {tileset["archive"] for version in versions for tileset in version["tilesets"]}
    naru_json("layers", "delete", "sites", "--yes", home=home)
    assert naru_json("gc", home=home)["removed"] == []  # a deleted layer waits for a week
    assert [row["id"] for row in naru_json("layers", "list", "--deleted", home=home)["deleted"]] == ["sites"]
    would = naru_json("gc", "--grace", "0", "--dry-run", home=home)["removed"]
    assert naru_json("layers", "restore", "sites", home=home)["done"] == "is back"
    naru_json("layers", "delete", "sites", "--yes", home=home)
    gone = naru_json("gc", "--grace", "0", home=home)["removed"]
    assert gone == would
    assert {removed["name"] for removed in gone} == named == before - {"incoming"}
    assert naru_json("verify", home=home) == {"archives": 0, "damaged": []}


def test_publish_rollback_rename_are_seen_by_a_running_server(home: Path, tmp_path: Path) -> None:
    served = start_server(home, tmp_path / "serve.log")
    try:

        def shown() -> tuple[int, int, str]:
            [layer] = served.get("/api/layers").json()["layers"]
            return layer["version"], layer["features"], layer["title"]["ko"]

        assert shown()[:2] == (2, 5)
        naru_json("layers", "rollback", "sites", home=home)
        wait_until(lambda: shown()[:2] == (1, 3))
        naru_json("layers", "publish", "sites", "2", home=home)
        wait_until(lambda: shown()[:2] == (2, 5))
        naru_json("layers", "rename", "sites", "--title", "현장", home=home)
        wait_until(lambda: shown()[2] == "현장")
        naru_json("layers", "delete", "sites", "--yes", home=home)
        wait_until(lambda: served.get("/tiles/sites/8/218/99.mvt").status == 404)
    finally:
        stop_server(served)


def wait_until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "not seen within five seconds"
        time.sleep(0.1)


def test_doctor_finds_a_misspelt_setting_and_an_unwritable_home(tmp_path: Path) -> None:
    well = naru("doctor", "--json", home=tmp_path / "home")
    assert well.returncode == 0
    assert json.loads(well.stdout)["ok"] is True
    spoiled = naru("doctor", "--json", home=tmp_path / "home", NARU_WORKER="2")
    assert spoiled.returncode == 1
    check = next(c for c in json.loads(spoiled.stdout)["checks"] if c["name"] == "settings")
    assert "NARU_WORKER" in check["found"]


def test_doctor_says_that_a_home_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("in the way")
    checks = json.loads(naru("doctor", "--json", home=tmp_path / "home").stdout)["checks"]
    home = next(check for check in checks if check["name"] == "home")
    assert (home["ok"], "NOT a folder" in home["found"]) == (False, True)


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = naru("layers", "list", home=tmp_path / "file" / "home")
    assert done.returncode == 1
    assert "NARU_HOME" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("layers", "show", "nowhere"),
        ("layers", "rollback", "nowhere"),
        ("layers", "publish", "nowhere", "1"),
        ("layers", "rename", "nowhere", "--title", "x"),
        ("layers", "delete", "nowhere", "--yes"),
        ("jobs", "show", "nowhere"),
        ("jobs", "cancel", "nowhere"),
    ],
    ids=" ".join,
)
def test_what_is_not_there_is_said_in_one_line_with_a_remedy(words: tuple[str, ...], made: Path) -> None:
    done = naru(*words, home=made)
    assert done.returncode == 1
    assert "nowhere" in done.stderr
    assert "list" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_output_that_cannot_be_written_is_no_fault_of_ours(made: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*NARU, "layers", "list"],
            env=clean_environ() | {"NARU_HOME": str(made)},
            stdout=full,
            stderr=-1,
            check=False,
        )
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    assert b"fault" not in done.stderr


def test_a_fault_of_our_own_is_said_to_be_one(tmp_path: Path) -> None:
    script = KILLER.replace("os.kill(os.getpid(), signal.SIGKILL)", "raise RuntimeError('boom')")
    done = subprocess.run(
        [sys.executable, "-c", script, "naru.house", "House.open", "before", "1", "layers", "list"],
        env={**os.environ, "NARU_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "fault of naru itself" in done.stderr
    assert "Traceback" not in done.stderr
