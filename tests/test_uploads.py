"""Uploads on the disk: names that are data, pieces in order, one writer, nothing left behind."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from naru.care import sweep
from naru.errors import BadRequest, NoSpace, UnknownUpload, UploadBusy, UploadOffset, UploadTooLarge
from naru.house import House
from naru.settings import Settings
from naru.uploads import EXPIRES_AFTER_S, RESERVE_BYTES, Upload, Uploads, display_name

NASTY = [
    *("../../etc/passwd", "..\\..\\windows\\win.ini", "/etc/shadow", "C:\\boot.ini", "....//x", "a/../../b.shp"),
    *("..", ".", "", "/", "\\", "//", "./.", "a/", "nul\x00.shp", "\x00", "\r\nSet-Cookie: a=b", "a\nb.shp", "\t"),
    *("%2e%2e%2f", "%00.zip", "~root", "$HOME.zip", "`id`.zip", "$(id).shp", "; rm -rf /.shp", "|cat.shp", "&.kml"),
    *("-rf", "--help.geojson", "*.shp", "?.shp", "<script>alert(1)</script>.kml", "'; DROP TABLE jobs; --.zip"),
    *('"quoted".shp', "CON", "NUL.shp", "aux.geojson", "a" * 300 + ".shp", "가" * 300 + ".zip", "한글.shp"),
    *("\u1112\u1161\u11ab\u1100\u1173\u11af.shp", "\u202egpj.exe", "\ufeff.zip", "🗺️.geojson", "é.shp", ".htaccess"),
    *(
        ".shp",
        "x.tar.gz.",
        "x.",
        " x.shp ",
        "x.s/hp",
        "x.SHP",
        "file:///etc/passwd",
        "http://evil/x.shp",
        "a:b.shp",
    ),
]


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(tmp_path / "uploads")


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_name_is_shown_and_is_no_path(uploads: Uploads, tmp_path: Path, name: str) -> None:
    shown = display_name(name)
    assert shown and shown not in (".", "..") and "/" not in shown and "\\" not in shown
    assert shown.isprintable()
    stored = uploads.receive(uploads.begin(), [(shown, [b"abc"])], 10)
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert files == [stored.source]
    assert stored.source.name.isascii() and stored.source.name.startswith("0001")
    assert stored.names == {stored.source.name: shown}


def test_there_are_fifty_nasty_names() -> None:
    assert len(set(NASTY)) >= 50


def test_files_of_one_dataset_keep_one_stem_and_their_suffixes(uploads: Uploads) -> None:
    names = [
        "지적도.SHP",
        "지적도.dbf",
        "항공 2024.05.tif",
        "항공 2024.05.tfw",
        "항공 2024.05.tif.aux.xml",
        "b.shp.xml",
    ]
    stored = uploads.receive(uploads.begin(), [(name, [b"x"]) for name in names], 100)
    assert list(stored.names) == [
        "0001.shp",
        "0001.dbf",
        "0002.tif",
        "0002.tfw",
        "0002.tif.aux.xml",
        "0003.shp.xml",
    ]
    assert (stored.name, stored.source.name) == ("지적도.SHP", "files")


def test_two_files_of_one_name_are_refused(uploads: Uploads) -> None:
    with pytest.raises(BadRequest, match="twice"):
        uploads.receive(uploads.begin(), [("a.shp", [b"1"]), ("A.SHP", [b"2"])], 100)


def test_bytes_are_for_the_owner_alone(uploads: Uploads) -> None:
    stored = uploads.receive(uploads.begin(), [("a.kml", [b"1"])], 100)
    assert stat.S_IMODE(stored.source.stat().st_mode) == 0o600
    assert stat.S_IMODE(uploads.folder.stat().st_mode) == 0o700


def test_too_many_bytes_stop_in_the_middle(uploads: Uploads) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 100
            yield b"x" * 100

    with pytest.raises(UploadTooLarge):
        uploads.receive(uploads.begin(), [("a.kml", endless())], 1000)
    assert taken == 1100


def test_a_disk_without_room_is_said_before_anything_is_written(uploads: Uploads, tmp_path: Path) -> None:
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    with pytest.raises(NoSpace, match="no room"):
        uploads.create("a.kml", free - RESERVE_BYTES // 2, {}, "key-1")
    assert not uploads.folder.exists()


def test_pieces_add_up(uploads: Uploads) -> None:
    upload = uploads.create("강.kml", 6, {"id": "gang"}, "key-1")
    assert uploads.append(upload, 0, [b"ab", b"c"]) == 3
    assert uploads.append(uploads.find(upload.id), 3, [b"def"]) == 6
    assert uploads.stored(upload).source.read_bytes() == b"abcdef"
    assert uploads.find(upload.id) == upload


def test_a_piece_elsewhere_is_refused_and_changes_nothing(uploads: Uploads) -> None:
    upload = uploads.create("a.kml", 6, {}, "key-1")
    uploads.append(upload, 0, [b"abc"])
    for offset in (0, 2, 4):
        with pytest.raises(UploadOffset, match="goes on at byte 3"):
            uploads.append(upload, offset, [b"x"])
    assert uploads.offset(upload) == 3


def test_more_than_announced_is_not_kept(uploads: Uploads) -> None:
    upload = uploads.create("a.kml", 4, {}, "key-1")
    uploads.append(upload, 0, [b"ab"])
    with pytest.raises(UploadTooLarge, match="4 bytes announced"):
        uploads.append(upload, 2, [b"c", b"defg"])
    assert uploads.offset(upload) == 2


def test_what_came_before_a_break_is_kept(uploads: Uploads) -> None:
    upload = uploads.create("a.kml", 10, {}, "key-1")

    def broken() -> Iterator[bytes]:
        yield b"abc"
        raise ConnectionError("gone")

    with pytest.raises(Exception, match="gone"):
        uploads.append(upload, 0, broken())
    assert uploads.offset(upload) == 3


def test_one_writer_at_a_time(uploads: Uploads) -> None:
    upload = uploads.create("a.kml", 10, {}, "key-1")
    writing, go = threading.Event(), threading.Event()

    def slow() -> Iterator[bytes]:
        yield b"abc"
        writing.set()
        go.wait(10)
        yield b"def"

    first = threading.Thread(target=uploads.append, args=(upload, 0, slow()))
    first.start()
    assert writing.wait(10)
    with pytest.raises(UploadBusy):
        uploads.append(upload, 3, [b"x"])
    go.set()
    first.join(10)
    assert uploads.stored(upload).source.read_bytes() == b"abcdef"


@pytest.mark.parametrize("upload_id", ["0" * 16, "../etc", "..", "", "0" * 15 + "g", "0" * 400])
def test_an_unknown_upload_is_named_plainly(uploads: Uploads, upload_id: str) -> None:
    with pytest.raises(UnknownUpload):
        uploads.find(upload_id)


def aged(uploads: Uploads, upload_id: str, seconds: float) -> None:
    """Make an upload look as if nobody had touched it for so long."""
    then = time.time() - seconds
    for path in sorted((uploads.folder / upload_id).rglob("*"), reverse=True):
        os.utime(path, (then, then))
    os.utime(uploads.folder / upload_id, (then, then))


def test_an_unfinished_upload_expires(uploads: Uploads) -> None:
    upload: Upload = uploads.create("a.kml", 10, {}, "key-1")
    aged(uploads, upload.id, EXPIRES_AFTER_S - 60)
    assert uploads.find(upload.id) == upload
    aged(uploads, upload.id, EXPIRES_AFTER_S + 60)
    with pytest.raises(UnknownUpload):
        uploads.find(upload.id)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = House.open(Settings.from_environ({}, home=tmp_path / "home"))
    yield opened
    opened.close()


def test_gc_sweeps_what_no_job_will_read(house: House) -> None:
    uploads = house.uploads
    queued, ended, broken_off, fresh = (uploads.begin() for _ in range(4))
    young, old = (uploads.create("a.kml", 10, {}, "key-1").id for _ in range(2))
    for upload_id in (queued, ended):
        house.jobs.submit("ingest", {}, job_id=upload_id)
    house.jobs.cancel(ended)
    for upload_id in (queued, ended, broken_off, young):
        aged(uploads, upload_id, 7200)
    aged(uploads, old, EXPIRES_AFTER_S + 60)
    swept = {name for name, _ in sweep(house)}
    assert swept == {f"uploads/{upload_id}" for upload_id in (ended, broken_off, old)}
    assert set(uploads.ids()) == {queued, fresh, young}


def test_gc_sweeps_a_finished_resumable_upload_whose_job_has_ended(house: House) -> None:
    upload = house.uploads.create("a.kml", 0, {}, "key-1")
    house.jobs.submit("ingest", {}, job_id=upload.id)
    house.jobs.cancel(upload.id)
    aged(house.uploads, upload.id, 7200)
    assert sweep(house, dry_run=True) and house.uploads.ids() == [upload.id]
    assert sweep(house) and house.uploads.ids() == []
