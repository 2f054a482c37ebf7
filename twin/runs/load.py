"""A wish becomes a scenario: its file or text is read, and changed as is wished."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from naru.errors import BadSpec
from naru.storage import disk_errors
from twin.runs.folder import SCENARIO
from twin.runs.request import RunRequest
from twin.scenario.vary import Member, members
from twin.strict_yaml import dump_yaml, load_yaml

INPUTS = "inputs"  # the folder, in a run's, of a scenario that came as a text


@dataclass(frozen=True)
class Wish:
    """A scenario file with the changes in it, not yet understood."""

    file: Path  # relative paths in it begin at its folder
    mapping: Mapping[str, Any]
    changed: bool
    alone: Path | None  # it came as a text: it may name only files that came along, which lie here

    @property
    def name(self) -> str:
        """The scenario's id, as it is written."""
        return str(self.mapping.get("scenario", ""))

    @property
    def members(self) -> list[Member]:
        """The runs that it stands for. Raises BadSpec."""
        return members(self.mapping, self.file)

    @property
    def varies(self) -> bool:
        """Whether it is an ensemble."""
        return self.mapping.get("vary") is not None


def load(request: RunRequest, folder: Path) -> Wish:
    """Read the scenario; one that came as a text is laid into the run's folder first.

    Raises:
        FileMissing, BadSpec, TooLarge: it cannot be read, or a change leads nowhere.
    """
    file = request.file or _lay_down(request, folder)
    mapping = load_yaml(file)
    if request.changes:
        mapping = changed(mapping, request.changes, file)
    return Wish(file, mapping, bool(request.changes), alone=None if request.file else file.parent)


def changed(mapping: Mapping[str, Any], changes: Mapping[str, Any], file: Path) -> Mapping[str, Any]:
    """Return a scenario with values set by their paths, as `vary` has them. Raises BadSpec."""
    plain = {name: value for name, value in mapping.items() if name != "vary"}
    try:
        made = members({**plain, "vary": [{"name": "set", "set": dict(changes)}]}, file)[0].mapping
    except BadSpec as error:
        field = (error.field or "").removeprefix("vary.")
        message = error.message.replace("'vary.", "'", 1)
        raise BadSpec(message, file=error.file, field=field, remedy=error.remedy) from error
    return {**made, "vary": mapping["vary"]} if "vary" in mapping else made


def keep_copy(wish: Wish, folder: Path) -> None:
    """Lay the scenario into the run's folder: as it was written, or with its changes. Raises StorageFailed."""
    path = folder / SCENARIO
    with disk_errors(path):
        if wish.changed:
            head = f"# {wish.file.name}, with values set for this run\n"
            path.write_text(head + dump_yaml(wish.mapping), encoding="utf-8")
        elif path.resolve() != wish.file.resolve():
            shutil.copyfile(wish.file, path)


def _lay_down(request: RunRequest, folder: Path) -> Path:
    inputs = folder / INPUTS
    with disk_errors(inputs):
        inputs.mkdir(parents=True, exist_ok=True)
        for name, content in (request.files or {}).items():
            (inputs / Path(name).name).write_text(content, encoding="utf-8")
        (inputs / SCENARIO).write_text(request.text, encoding="utf-8")
    return inputs / SCENARIO
