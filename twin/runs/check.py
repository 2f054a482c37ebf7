"""A scenario that is only read: what is wrong with it is said before any job is there."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from naru.errors import FileMissing, NaruError
from twin.runs.load import load
from twin.runs.reach import confined
from twin.runs.request import RunRequest
from twin.scenario.read import read_mapping


def check(request: RunRequest, *, alone: bool = False) -> dict[str, Any]:
    """Return what a scenario is: id, title, members by name. With `alone` it may name no files of this machine.

    Raises:
        NaruError: why it cannot be followed; of a member, its name is told.
    """
    with tempfile.TemporaryDirectory(prefix="naru-scenario-") as scratch:
        if alone:
            request = replace(request, scenario="", text=_text(Path(request.scenario)))
        wish = load(request, Path(scratch))
        members = wish.members
        with confined(wish.alone):
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


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileMissing(f"the file cannot be read ({error})", file=str(path), remedy="Check the path.") from error
