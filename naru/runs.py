"""Runs of flood scenarios: one folder each, under the id of its job.

    runs/<id>/inputs/scenario.yaml   a scenario that came over HTTP, and the files that came along
    runs/<id>/run.json               what came of it; there when the run is finished
    runs/<id>/.checkpoint/live.json  how it stands while it goes on
    runs/<id>/gauges.csv …           the results

Here is only what the server, its care and the runs themselves share; the rest is in twin/runs and twin/results.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Collection, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from naru.storage import disk_errors, sync_file, sync_folder

if TYPE_CHECKING:
    from naru.settings import Settings

KIND = "flood"  # of the jobs
INPUTS = "inputs"
SCENARIO = "scenario.yaml"
MARK = "run.json"
MOST_WAITING = 20  # runs of one key that have not ended
WORK = ".checkpoint"  # what is needed only while the run goes on
LIVE = "live.json"
_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Share:
    """What a run that came over HTTP may take (the settings NARU_RUN_…)."""

    cells: int = 25_000_000
    numbers: int = 1_000_000_000  # its cells times its output times: what lies on the disk
    members: int = 1000
    cpu_s: float = 24 * 3600.0  # of processor time, all its members and threads together
    memory_bytes: int = 0  # of a process; 0: seven tenths of the machine's


_share: ContextVar[Share | None] = ContextVar("share", default=None)


def share_of(settings: Settings) -> Share:
    """Return what the settings allow a run that came over HTTP."""
    return Share(
        cells=settings.run_max_cells,
        members=settings.run_max_members,
        cpu_s=settings.run_max_cpu_h * 3600.0,
        memory_bytes=settings.run_memory_mb * 2**20,
    )


@contextlib.contextmanager
def sharing(share: Share) -> Iterator[None]:
    """Within this, a scenario that came over HTTP may take no more."""
    token = _share.set(share)
    try:
        yield
    finally:
        _share.reset(token)


def share_now() -> Share:
    """Return what a run that came over HTTP may take here."""
    return _share.get() or Share()


class Runs:
    """The folder of all runs of a home."""

    def __init__(self, folder: Path) -> None:
        self.root = folder

    def folder(self, run_id: str) -> Path:
        """Return a run's folder, which need not be there."""
        return self.root / run_id

    def lay_down(self, run_id: str, text: str) -> None:
        """Keep the text of a scenario for the job that will run it. Raises StorageFailed."""
        inputs = self.folder(run_id) / INPUTS
        with disk_errors(inputs):
            inputs.mkdir(parents=True)
            path = inputs / SCENARIO
            path.write_text(text, encoding="utf-8")
            sync_file(path)
            sync_folder(inputs)

    def remove(self, run_id: str) -> None:
        """Remove a run's folder, if there is one."""
        shutil.rmtree(self.folder(run_id), ignore_errors=True)

    def ids(self) -> list[str]:
        """Return the ids of the runs that have a folder."""
        return [path.name for path in self._folders()]

    def sweep(
        self, active: Collection[str], kept: Collection[str], older_than: float, *, dry_run: bool = False
    ) -> list[tuple[str, int]]:
        """Remove what no run needs any more; return names and sizes.

        Of runs in `kept` (they are done) only what their work left; those in `active` are let be, as is what was
        changed at or after `older_than` (seconds since the epoch).
        """
        gone = []
        for path in self._folders():
            rubbish = path / WORK if path.name in kept else path
            with contextlib.suppress(FileNotFoundError):  # its worker was faster
                if path.name in active or rubbish.stat().st_mtime >= older_than:
                    continue
                name = rubbish.relative_to(self.root.parent)
                gone.append((str(name), sum(p.stat().st_size for p in rubbish.rglob("*") if p.is_file())))
                if not dry_run:
                    shutil.rmtree(rubbish)
        return gone

    def _folders(self) -> Iterator[Path]:
        for path in sorted(self.root.iterdir()) if self.root.exists() else ():
            if _ID.fullmatch(path.name):
                yield path


def told(folder: Path) -> dict[str, Any] | None:
    """Return what a finished run tells (`run.json`); None before its end."""
    return _json(folder / MARK)


def standing(folder: Path) -> dict[str, Any] | None:
    """Return how far a run that goes on is; None where nothing was written down yet."""
    return _json(folder / WORK / LIVE)


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found
