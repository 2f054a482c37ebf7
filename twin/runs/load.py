"""A wish becomes a scenario: its file or text is read, and changed as is wished."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from naru.errors import BadSpec
from naru.runs import INPUTS, SCENARIO
from naru.storage import disk_errors
from twin.runs.request import RunRequest
from twin.scenario.vary import Member, members
from twin.strict_yaml import dump_yaml, load_yaml

_MOST_FILES = 64
_NAME = re.compile(r"\w[\w-]{0,79}\.(csv|txt)")


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
    """Read the scenario. Of one that came as a text, the files that it holds are laid into `folder`/inputs.

    Raises:
        FileMissing, BadSpec, TooLarge: it cannot be read, or a change leads nowhere.
        StorageFailed: its files cannot be written.
    """
    file = request.file or _laid_down(request, folder)
    mapping = load_yaml(file)
    if request.file is None:
        mapping = _unpacked(mapping, file)
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


def _laid_down(request: RunRequest, folder: Path) -> Path:
    path = folder / INPUTS / SCENARIO
    if request.text:
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(request.text, encoding="utf-8")
    return path


def _unpacked(mapping: Mapping[str, Any], file: Path) -> Mapping[str, Any]:
    """Write the texts under `files` beside the scenario; return it without them. Raises BadSpec, StorageFailed."""
    files = mapping.get("files")
    if files is None:
        return mapping
    if not isinstance(files, Mapping) or len(files) > _MOST_FILES:
        raise _wrong("files", f"is no group of at most {_MOST_FILES} names with their texts", file)
    for name, content in files.items():
        if not _NAME.fullmatch(str(name)):
            raise _wrong(f"files.{str(name)[:80]}", "is no name of a table, such as rain.csv", file)
        if not isinstance(content, str) or "<" in content or "\0" in content:  # GDAL would follow some XML anywhere
            raise _wrong(f"files.{name}", "is no text of a table", file)
        with disk_errors(file):
            (file.parent / str(name)).write_text(content, encoding="utf-8")
    return {name: value for name, value in mapping.items() if name != "files"}


def _wrong(field: str, what: str, file: Path) -> BadSpec:
    remedy = "Give names that end in .csv or .txt, and the rows of each as a text."
    return BadSpec(f"field '{field}' {what}", file=str(file), field=field, remedy=remedy)
