"""Care of an installation: re-hash, sweep, back up, restore, look it over."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import entry_points
from itertools import chain
from pathlib import Path

import sqlalchemy as sa

from naru.errors import ArchiveDamaged, BadInput, FileMissing, StorageFailed
from naru.house import House
from naru.records import Progress
from naru.settings import Settings, unknown_settings
from naru.storage import Storage, sync_file

GRACE_S = 3600.0  # readers in flight may hold an archive this long after it left the catalogue
DELETED_S = 7 * 86400.0  # a deleted layer can be restored for this long
_CATALOGUE = "catalog.sqlite"
_USAGE = "usage.sqlite"
_PEPPER = "key-pepper"
# Of today's callers; with a salt and their hashes, a backup would tell who they were.
_NOT_KEPT = ("usage_salts", "usage_visits")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at, and how it is."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


def verify(house: House, progress: Progress) -> list[ArchiveDamaged]:
    """Re-hash every archive that the catalogue points to; return what is wrong."""
    archives = house.catalogue.archives()
    wrong = []
    for done, archive in enumerate(archives):
        progress(done / len(archives), archive.name)
        try:
            house.storage.verify(archive)
        except ArchiveDamaged as error:
            wrong.append(error)
    return wrong


def sweep(house: House, *, grace_s: float | None = None, dry_run: bool = False) -> list[tuple[str, int]]:
    """Remove what nothing points to any more: archives, strays, folders of ended jobs and of failed runs.

    Returns name and size of each.

    `grace_s` is how long things are left untouched; None: files for an hour, deleted layers for a week.
    """
    files_s = GRACE_S if grace_s is None else grace_s
    long_deleted = house.catalogue.now() - timedelta(seconds=DELETED_S if grace_s is None else grace_s)
    if not dry_run:
        house.jobs.settle()
        house.catalogue.purge(long_deleted)
    keep = {archive.name for archive in house.catalogue.archives(but_deleted=long_deleted)}
    gone = house.storage.sweep(keep, older_than_s=files_s, dry_run=dry_run)
    gone += _sweep_jobs(house, files_s, dry_run)
    return gone + _sweep_uploads(house, files_s, dry_run) + _sweep_runs(house, files_s, dry_run)


def _sweep_jobs(house: House, grace_s: float, dry_run: bool) -> list[tuple[str, int]]:
    active = house.jobs.active()
    folder = house.settings.home / "jobs"
    newest = house.jobs.now().timestamp() - grace_s
    gone = []
    for path in folder.iterdir() if folder.exists() else ():
        with contextlib.suppress(FileNotFoundError):  # its worker was faster
            if path.name in active or path.stat().st_mtime >= newest:
                continue
            gone.append((f"jobs/{path.name}", sum(p.stat().st_size for p in path.rglob("*") if p.is_file())))
            if not dry_run:
                shutil.rmtree(path)
    return gone


def _sweep_uploads(house: House, grace_s: float, dry_run: bool) -> list[tuple[str, int]]:
    """Remove uploads that no job will read: given up for 24 h, broken off, or of jobs that have ended."""
    there = house.uploads.ids()
    ended, active = house.jobs.ended(there), house.jobs.active()
    now = house.jobs.now().timestamp()
    return house.uploads.sweep(active, ended, now, grace_s, dry_run=dry_run)


def _sweep_runs(house: House, grace_s: float, dry_run: bool) -> list[tuple[str, int]]:
    """Remove runs that failed, were cancelled or have no job, and what the work on the others left."""
    there = house.runs.ids()
    older_than = house.jobs.now().timestamp() - grace_s
    return house.runs.sweep(house.jobs.active(), house.jobs.done(there), older_than, dry_run=dry_run)


def backup(house: House, file: Path, progress: Progress) -> int:
    """Write catalogue and usage (each one consistent state), pepper and archives in use into a tar; return bytes.

    Raises:
        StorageFailed: the catalogue is on PostgreSQL (use its own tools), or the disk is full.
        ArchiveDamaged: an archive is missing or damaged.
    """
    aside = file.with_name(f".{file.name}.part")
    try:
        with tempfile.TemporaryDirectory(dir=house.settings.home) as folder:
            copies = Path(folder)
            _copy_catalogue(house, copies / _CATALOGUE)
            archives = house.catalogue.archives()
            _copy_usage(house.settings.home / _USAGE, copies / _USAGE)
            with tarfile.open(aside, "w") as tar:
                for copy in sorted(copies.iterdir()):
                    tar.add(copy, copy.name)
                if (house.settings.home / _PEPPER).exists():
                    tar.add(house.settings.home / _PEPPER, _PEPPER)
                for done, archive in enumerate(archives):
                    progress(done / len(archives), archive.name)
                    house.storage.verify(archive)  # with a damaged one, none of the backup could be restored
                    tar.add(house.storage.path(archive), f"archives/{archive.name}")
        aside.chmod(0o600)  # it holds the pepper under the key hashes
        sync_file(aside)
        aside.rename(file)
    except OSError as error:
        raise StorageFailed(
            f"the backup cannot be written: {error.strerror or error}",
            file=str(file),
            remedy="Choose a folder with enough space that you may write to.",
        ) from error
    finally:
        aside.unlink(missing_ok=True)
    return file.stat().st_size


def restore(settings: Settings, file: Path) -> int:
    """Unpack a backup into an empty home; every archive is re-hashed first; return how many there were.

    Raises:
        FileMissing, BadInput: no such file, or no backup.
        StorageFailed: the home already has a catalogue, or the settings keep the catalogue elsewhere.
        ArchiveDamaged: an archive in the backup is not what its name says.
    """
    if Path(sa.make_url(settings.database_url).database or "") != settings.home / _CATALOGUE:
        raise StorageFailed(
            "a backup holds a SQLite catalogue for the home folder, and NARU_DATABASE_URL names another place",
            remedy="Unset NARU_DATABASE_URL to restore it into the home folder.",
        )
    there = next((name for name in (_CATALOGUE, _USAGE) if (settings.home / name).exists()), None)
    if there:
        raise StorageFailed(
            f"there is a {there} here already",
            file=str(settings.home),
            remedy="Restore into an empty folder: `naru --home NEW-FOLDER restore FILE`.",
        )
    settings.home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.home) as folder:
        unpacked = Path(folder)
        _unpack(file, unpacked)
        storage = Storage(settings.storage)
        storage.prepare()
        archives = sorted((unpacked / "archives").glob("*")) if (unpacked / "archives").exists() else []
        for path in archives:
            _take_in(storage, path)
        for name in (_PEPPER, _USAGE, _CATALOGUE):  # the catalogue last: with it the restored state begins
            if (unpacked / name).exists():
                (unpacked / name).rename(settings.home / name)
    return len(archives)


def _take_in(storage: Storage, path: Path) -> None:
    named = path.stem
    if storage.put(path).sha256 != named:
        raise ArchiveDamaged(
            "an archive in the backup is damaged",
            file=path.name,
            remedy="Use another backup of the same day.",
        )


def _unpack(file: Path, folder: Path) -> None:
    if not file.is_file():
        raise FileMissing("there is no such file", file=str(file), remedy="Check the path.")
    try:
        with tarfile.open(file, "r:") as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError) as error:
        raise BadInput(f"is no backup ({error})", file=str(file), remedy="Use a file of `naru backup`.") from error
    if not (folder / _CATALOGUE).exists():
        raise BadInput("holds no catalogue", file=str(file), remedy="Use a file that `naru backup` wrote.")


def _copy_catalogue(house: House, destination: Path) -> None:
    url = house.database.engine.url
    if url.get_backend_name() != "sqlite":
        raise StorageFailed(
            "the catalogue is on PostgreSQL",
            remedy="Back it up with pg_dump, and the archives' folder beside.",
        )
    _copy_sqlite(Path(str(url.database)), destination)


def _copy_usage(ledger: Path, destination: Path) -> None:
    """Copy the ledger of usage, if there is one, without what could tell who its callers were."""
    if not ledger.exists():
        return
    try:
        _copy_sqlite(ledger, destination)
        with contextlib.closing(sqlite3.connect(destination)) as copy:
            for (table,) in copy.execute(
                "SELECT name FROM sqlite_master WHERE name IN (?, ?)", _NOT_KEPT
            ).fetchall():
                copy.execute(f"DELETE FROM {table}")  # noqa: S608 - one of our two names
            copy.commit()
            copy.execute("VACUUM")  # what was deleted, now and before, lies in free pages
    except sqlite3.Error as error:
        raise StorageFailed(
            f"the ledger of usage cannot be copied ({error})",
            file=str(ledger),
            remedy="Move it aside to back up all else: it is made anew, without what was counted.",
        ) from error


def _copy_sqlite(source: Path, destination: Path) -> None:
    """Copy a database as it is at one moment, while others write."""
    with (
        contextlib.closing(sqlite3.connect(source)) as reads,
        contextlib.closing(sqlite3.connect(destination)) as copy,
    ):
        reads.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # no files beside it


def look_over(settings: Settings) -> list[Check]:
    """Look at everything an installation needs; nothing raises, everything is told.

    Rooms bring their own checks through the entry-point group `naru.checks`: functions of the settings.
    """
    checks: list[Callable[[], Check]] = [
        lambda: Check("python", True, platform.python_version()),
        _misspelt,
        lambda: _space(settings.home),
        lambda: _catalogue(settings),
        _sandbox,
    ]
    of_rooms = (entry.load()(settings) for entry in entry_points(group="naru.checks"))
    return [*(check() for check in checks), *chain.from_iterable(of_rooms)]


def _misspelt() -> Check:
    unknown = unknown_settings(os.environ)
    return Check(
        "settings",
        not unknown,
        ", ".join(unknown) or "all known",
        "These NARU_ variables are no settings and do nothing: see docs/settings.md." if unknown else "",
    )


def _space(home: Path) -> Check:
    there = next(p for p in (home, *home.parents) if p.exists())
    free = shutil.disk_usage(there).free
    writable = there.is_dir() and os.access(there, os.W_OK)
    state = "writable" if writable else "NOT writable" if there.is_dir() else f"{there} is NOT a folder"
    found = f"{home}: {free / 2**30:.1f} GiB free, {state}"
    remedy = "Set NARU_HOME to a folder that you may write to, with at least 1 GiB free."
    ok = writable and free > 2**30
    return Check("home", ok, found, "" if ok else remedy)


def _catalogue(settings: Settings) -> Check:
    try:
        house = House.open(settings)
    except StorageFailed as error:
        return Check("catalogue", False, error.message, error.remedy)
    try:
        with house.database.read() as connection:
            layers = connection.execute(sa.text("SELECT count(*) FROM layers")).scalar()
        return Check("catalogue", True, f"{layers} layers at {house.database.engine.url.render_as_string()}")
    finally:
        house.close()


def _sandbox() -> Check:
    system = platform.system()
    return Check(
        "sandbox",
        system == "Linux",
        "system-call filter, limits, no network" if system == "Linux" else f"limits only, on {system}",
        "" if system == "Linux" else "Take in files from strangers on Linux only.",
    )
