"""What a run must not have done to anything outside: connections, files elsewhere, crashes, things left behind."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path, PurePosixPath

from bench.lab import Lab
from bench.watching import Trace

_CRASH = re.compile(r"Traceback \(most recent call last\)|Segmentation fault|job worker ended|broke off|panicked")


class Outside:
    """Looks before and after."""

    def __init__(self, lab: Lab, corpus: Path) -> None:
        self._lab = lab
        self._targets = {Path(name).name for name in _names_that_lead_out(corpus)}
        self._before = self._places()
        self._corpus_before = _stamps(corpus)
        self._corpus = corpus

    def while_running(self) -> list[str]:
        """Return what can be seen while the server still runs."""
        return [f"crash: {dead}" for dead in self._lab.dead()]

    def afterwards(self) -> list[str]:
        """Return what can be seen when all has ended."""
        lab = self._lab
        found = [f"outside connection: the canary was asked {asked}" for asked in lab.asked]
        found += [f"crash in a log: {line}" for line in _crashes(lab.logs())]
        found += [f"written outside: {path}" for path in sorted(self._places() - self._before)]
        if _stamps(self._corpus) != self._corpus_before:
            found.append("written outside: the corpus itself has changed")
        found += [f"left behind: {path}" for path in _left_behind(lab)]
        for log in sorted(lab.folder.glob("*.calls")):
            if lab.trace:
                trace = Trace(log, lab.trace.allowed, lab.trace.ports)
                trace.read()
                found += [f"outside connection: {one}" for one in sorted(set(trace.connections))]
                found += [f"written outside: {one}" for one in sorted(set(trace.written))]
        return found

    def _places(self) -> set[str]:
        """Return those files, in the places that archives of the corpus try to reach, that bear such a name."""
        around = [Path("/"), Path("/tmp"), Path("/etc"), Path.home(), Path.cwd()]
        around += [self._lab.folder, *(self._lab.folder / n for n in ("home", "tmp", "cwd", "nobody", "home/jobs"))]
        return {str(place / name) for place in around for name in self._targets if (place / name).exists()}


def _crashes(text: str) -> list[str]:
    return [line[:200] for line in text.splitlines() if _CRASH.search(line)]


def _left_behind(lab: Lab) -> list[str]:
    """Return what lies in the folders of jobs and of temporary files when no job is at work any more."""
    places = (lab.home / "jobs", lab.home / "archives" / "incoming", lab.folder / "tmp", lab.folder / "cwd")
    return [str(p.relative_to(lab.folder)) for place in places if place.exists() for p in sorted(place.iterdir())]


def _names_that_lead_out(corpus: Path) -> set[str]:
    """Return the entries of the corpus's zips that would lie outside the folder where they are unpacked."""
    found = set()
    for path in corpus.rglob("*.zip"):
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except (zipfile.BadZipFile, OSError, ValueError):
            continue
        for name in names:
            pure = PurePosixPath(name.replace("\\", "/"))
            if ".." in pure.parts or pure.is_absolute():
                found.add(str(pure))
    return found


def _stamps(folder: Path) -> set[tuple[str, int, int]]:
    """Return name, size and time of every file of a folder."""
    files = (p for p in folder.rglob("*") if p.is_file())
    return {(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in files}
