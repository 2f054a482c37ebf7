"""A scenario that is only read: what is wrong with it is said before any job is there."""

from __future__ import annotations

import contextlib
import resource
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from naru.errors import FileMissing, NaruError, TooLarge
from twin.runs.load import Wish, load
from twin.runs.reach import confined
from twin.runs.request import RunRequest
from twin.scenario.read import read_mapping

_MOST_BYTES = 2 * 2**30  # of addresses, beside what is there when the reading begins


def check(request: RunRequest, *, alone: bool = False) -> dict[str, Any]:
    """Return what a scenario is: id, title, members by name. With `alone` it may name no files of this machine.

    Raises:
        NaruError: why it cannot be followed; of a member, its name is told.
    """
    with tempfile.TemporaryDirectory(prefix="naru-scenario-") as scratch, _bounded(alone):
        if alone:
            request = replace(request, scenario="", text=_text(Path(request.scenario)))
        wish = load(request, Path(scratch))
        with confined(wish.alone):
            return describe(wish)


def describe(wish: Wish) -> dict[str, Any]:
    """Read a scenario and all its members; return what `check` does."""
    members = wish.members
    scenario = read_mapping(members[0].mapping, wish.file)
    for member in members[1:]:
        try:
            read_mapping(member.mapping, wish.file)
        except NaruError as error:
            error.message = f"member '{member.name}': {error.message}"
            raise
    shown = scenario.publication
    title = shown.title_ko or scenario.name, shown.title_en or shown.title_ko or scenario.name
    return {
        "scenario": scenario.name,
        "title": {"ko": title[0], "en": title[1]},
        "visibility": shown.visibility,
        "members": [m.name for m in members] if wish.varies else [],
    }


@contextlib.contextmanager
def _bounded(alone: bool) -> Iterator[None]:
    """Keep what strangers sent from taking the machine's memory while it is read. Raises TooLarge."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    try:
        with contextlib.suppress(ValueError, OSError):  # macOS refuses, and has no /proc
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
            most = pages * resource.getpagesize() + _MOST_BYTES
            if alone and (before[0] == resource.RLIM_INFINITY or most < before[0]):
                resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
        yield
    except MemoryError as error:
        raise TooLarge("the scenario takes too much memory to read", remedy="Make it shorter.") from error
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileMissing(f"the file cannot be read ({error})", file=str(path), remedy="Check the path.") from error
