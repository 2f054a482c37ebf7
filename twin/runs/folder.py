"""A run's folder: whose it is, who works in it, and what may lie there already."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from naru.errors import StorageFailed
from naru.runs import MARK, WORK
from naru.storage import disk_errors, sync_file, sync_folder

_IDENTITY = ".run-began.json"  # stays: what the run was made from
_PATIENCE_S = 20.0  # a killed worker's lock is gone at once; one that was only late needs a moment


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Make the folder and keep every other process out of it.

    Raises:
        StorageFailed: it cannot be made, or another process is at work in it.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)
        with contextlib.suppress(OSError):  # it holds something
            folder.rmdir()


def _lock(descriptor: int, folder: Path) -> None:
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > until:
                raise StorageFailed(
                    "another process is at work on the run in this folder",
                    file=str(folder),
                    remedy="Wait for its end, or give the run another folder (`--out`).",
                ) from error
        time.sleep(0.2)


def make_ready(folder: Path, name: str, *, resume: bool, overwrite: bool) -> None:
    """Return if a run of the scenario `name` may begin in the folder, or go on there.

    Raises:
        StorageFailed: something else lies there, or a run that may not be touched unless so is said.
    """
    if not any(folder.iterdir()):
        return
    if not (folder / MARK).exists() and not (folder / _IDENTITY).exists():
        raise StorageFailed(
            "the folder is not empty, and what lies in it is no run of ours",
            file=str(folder),
            remedy="Name a new folder with `--out`.",
        )
    if overwrite:
        clear(folder)
        return
    if not resume:
        state = "a finished run" if (folder / MARK).exists() else "a run that was broken off"
        raise StorageFailed(
            f"the folder holds {state} already",
            file=str(folder),
            remedy="`--resume` goes on with it, `--overwrite` begins anew, another `--out` leaves it alone.",
        )
    before = (identity(folder) or {}).get("name", name)
    if before != name:
        raise StorageFailed(
            f"the folder holds a run of another scenario, '{before}'",
            file=str(folder),
            remedy="Name a new folder with `--out`, or begin anew with `--overwrite`.",
        )


def clear(folder: Path) -> None:
    """Remove all that lies in a run's folder."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def identity(folder: Path) -> dict[str, Any] | None:
    """Return what was written down of the run at work here; None where there is none."""
    try:
        found: dict[str, Any] = json.loads((folder / _IDENTITY).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found


def write_identity(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write down whose folder this is, before anything else lies in it."""
    (folder / WORK).mkdir(parents=True, exist_ok=True)
    write_aside(folder / _IDENTITY, json.dumps(dict(facts), ensure_ascii=False))


def write_aside(path: Path, text: str, *, sync: bool = True) -> None:
    """Write a text file in one move: readers see the old or the new, never a part."""
    with disk_errors(path):
        aside = path.with_name(f".{path.name}.{os.getpid()}.part")
        aside.write_text(text, encoding="utf-8")
        if sync:
            sync_file(aside)
        aside.rename(path)
        if sync:
            sync_folder(path.parent)


def remove_work(folder: Path) -> None:
    """Remove what was needed only while the run went on."""
    shutil.rmtree(folder / WORK, ignore_errors=True)
