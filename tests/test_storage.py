"""Archives at rest: named by their hash, never half there."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
from pathlib import Path

import pytest

from naru.errors import ArchiveDamaged, StorageFailed
from naru.storage import Storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    made = Storage(tmp_path / "archives")
    made.prepare()
    return made


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_an_archive_is_called_by_its_hash(storage: Storage, tmp_path: Path) -> None:
    archive = storage.put(write(tmp_path / "a.pmtiles", b"tiles"))
    assert archive.sha256 == hashlib.sha256(b"tiles").hexdigest()
    assert storage.path(archive).read_bytes() == b"tiles"
    assert not (tmp_path / "a.pmtiles").exists()
    assert not list(storage.incoming.iterdir())


def test_the_same_bytes_are_kept_once(storage: Storage, tmp_path: Path) -> None:
    first = storage.put(write(tmp_path / "a.parquet", b"same"))
    second = storage.put(write(tmp_path / "b.parquet", b"same"))
    assert first == second
    assert storage.names() == [first.name]


def test_a_changed_archive_is_noticed(storage: Storage, tmp_path: Path) -> None:
    archive = storage.put(write(tmp_path / "a.pmtiles", b"tiles"))
    storage.path(archive).write_bytes(b"tilez")
    with pytest.raises(ArchiveDamaged, match="changed on disk"):
        storage.verify(archive)
    storage.path(archive).unlink()
    with pytest.raises(ArchiveDamaged, match="missing"):
        storage.verify(archive)


def test_a_sweep_spares_what_is_wanted_or_young(storage: Storage, tmp_path: Path) -> None:
    kept = storage.put(write(tmp_path / "a.pmtiles", b"kept"))
    old = storage.put(write(tmp_path / "b.pmtiles", b"old"))
    young = storage.put(write(tmp_path / "c.pmtiles", b"young"))
    for archive in (kept, old):
        os.utime(storage.path(archive), (0, 0))
    assert storage.sweep({kept.name}, older_than_s=60, dry_run=True) == [(old.name, 3)]
    assert storage.path(old).exists()
    assert storage.sweep({kept.name}, older_than_s=60) == [(old.name, 3)]
    assert storage.names() == sorted([kept.name, young.name])


def test_a_sweep_spares_what_took_long_to_make(storage: Storage, tmp_path: Path) -> None:
    file = write(tmp_path / "a.pmtiles", b"made hours ago, not yet in the catalogue")
    os.utime(file, (0, 0))
    archive = storage.put(file)
    assert storage.sweep(set(), older_than_s=60) == []
    os.utime(storage.path(archive), (0, 0))
    storage.put(write(tmp_path / "b.pmtiles", b"made hours ago, not yet in the catalogue"))
    assert storage.sweep(set(), older_than_s=60) == []


def test_a_sweep_does_not_stumble_over_what_is_moved_meanwhile(storage: Storage) -> None:
    (storage.incoming / "moved").symlink_to("elsewhere")  # listed, and gone when it is looked at
    assert storage.sweep(set(), older_than_s=0) == []


def test_putting_the_same_bytes_again_mends_a_damaged_archive(storage: Storage, tmp_path: Path) -> None:
    archive = storage.put(write(tmp_path / "a.pmtiles", b"tiles"))
    storage.path(archive).write_bytes(b"tilez")
    storage.put(write(tmp_path / "a.pmtiles", b"tiles"))
    storage.verify(archive)


def test_a_full_disk_leaves_nothing_behind(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = write(tmp_path / "big.parquet", bytes(200_000))
    # A move across file systems is a copy: make it one, under a limit on file size that stands for a full disk.
    monkeypatch.setattr(os, "rename", _other_device)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StorageFailed) as caught:
            storage.put(big)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert "disk space" in caught.value.remedy
    assert storage.names() == []
    assert not list(storage.incoming.iterdir())


def _other_device(*_: object) -> None:
    raise OSError(18, "Invalid cross-device link")
