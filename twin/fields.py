"""Reads the fields of a file that people write: each is asked for by name, what nobody asked for is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from naru.errors import BadSpec, FileMissing, NaruError

# controls, and what turns the direction of a line
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufffe\uffff]")
_NEEDED = object()  # default of a field that must be there


class Fields:
    """One mapping of such a file. `path` is where it stands in it, such as "sections" or "sections[2]"."""

    def __init__(self, given: Mapping[str, Any], file: Path, path: str = "") -> None:
        self._given = given
        self.file = file
        self.path = path
        self._asked: list[str] = []

    def where(self, name: str) -> str:
        """Return a field's path from the top of the file."""
        return f"{self.path}.{name}" if self.path else name

    @property
    def names(self) -> tuple[str, ...]:
        """What is given, whether it is known or not."""
        return tuple(str(name) for name in self._given)

    def has(self, name: str) -> bool:
        """Whether the field has a value (an empty one, `field:`, counts as none)."""
        self._note(name)
        return self._given.get(name) is not None

    def get(self, name: str, default: Any = None) -> Any:
        """Return a field's value as it is."""
        self._note(name)
        value = self._given.get(name)
        if value is not None:
            return value
        if default is _NEEDED:
            raise self.wrong(name, "is missing", "Give it.")
        return default

    def needed(self, name: str) -> Any:
        """Return a field's value. Raises BadSpec where there is none."""
        return self.get(name, _NEEDED)

    def text(self, name: str, default: str | None = None) -> str | None:
        """Return a text. Numbers are taken as they are written: ids and column names may look like some."""
        value = self.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, str | int | float) or not str(value).strip():
            raise self.wrong(name, f"is {_shown(value)} where a text is expected", "Give a text.")
        text = str(value).strip()
        if _STEERING.search(text):
            raise self.wrong(name, "holds signs that steer terminals and printers", "Give plain words.")
        return text

    def number(
        self, name: str, low: float, high: float, unit: str, default: float | None = None, *, needed: bool = False
    ) -> float | None:
        """Return a number from `low` to `high`, both allowed. Raises BadSpec, which names range and unit."""
        value = self.get(name)
        if value is not None:
            return self.as_number(value, name, low, high, unit)
        if needed:
            raise self.wrong(name, "is missing", f"Give {_range(low, high, unit)}.")
        return default

    def as_number(self, value: Any, name: str, low: float, high: float, unit: str) -> float:
        """Return a value as a number from `low` to `high`. Raises BadSpec."""
        allowed = _range(low, high, unit)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(name, f"is {_shown(value)} where {allowed} is expected", "Give a number.")
        if not low <= value <= high:  # nor is NaN
            raise self.wrong(name, f"is {_number(value)} where {allowed} is expected", "Check the unit.")
        return float(value)

    def choice(self, name: str, choices: Sequence[str], default: str | None = None) -> str:
        """Return one of `choices`. Raises BadSpec, which names them and the nearest."""
        value = self.get(name, _NEEDED if default is None else default)
        if value not in choices:
            raise self.wrong(name, f"is {_shown(value)}", _nearest(str(value), choices))
        return str(value)

    def source_file(self, name: str) -> Path:
        """Return the absolute path of a file that is there; relative ones begin at the file that names it."""
        value = self.needed(name)
        if not isinstance(value, str) or not value.strip() or "\x00" in value:
            raise self.wrong(name, f"is {_shown(value)} where a file's name is expected", "Give a path.")
        path = found_file(self.file, value.strip())
        if path is None:
            raise FileMissing(
                f"there is no file '{value}' beside the file that names it",
                file=str(self.file),
                field=self.where(name),
                remedy="Paths begin at the folder of that file, or are absolute.",
            )
        if not path.is_file():
            raise self.wrong(name, f"names the folder '{value}' where a file is expected", "Name the file in it.")
        return path

    def put(self, fields: Mapping[str, Any]) -> None:
        """Take fields that stand elsewhere for this group's own."""
        self._given = {**self._given, **fields}

    def done(self) -> None:
        """Say that all fields were asked for. Raises BadSpec on one that was not, with the nearest known."""
        for name in self._given:
            if name not in self._asked:
                raise self.wrong(str(name), "is unknown", _nearest(str(name), self._asked))

    def wrong(self, name: str, what: str, remedy: str) -> BadSpec:
        """Return the error that names a field."""
        where = self.where(name)
        return BadSpec(f"field '{where}' {what}", file=str(self.file), field=where, remedy=remedy)

    def _note(self, name: str) -> None:
        if name not in self._asked:
            self._asked.append(name)


@contextmanager
def named_by(field: str) -> Iterator[None]:
    """Within this, errors that do not know better are of a field."""
    try:
        yield
    except NaruError as error:
        error.field = error.field or field
        raise


_beside: ContextVar[Path | None] = ContextVar("beside", default=None)


@contextmanager
def only_beside(folder: Path) -> Iterator[None]:
    """Within this, files that strangers' text names are found in `folder` only: others are said not to be there."""
    token = _beside.set(folder.resolve())
    try:
        yield
    finally:
        _beside.reset(token)


def only_own_files() -> bool:
    """Whether what is read came from strangers, with all the files that it may name (see `only_beside`)."""
    return _beside.get() is not None


def _range(low: float, high: float, unit: str) -> str:
    return f"a number from {low:g} to {high:g}" + (f" {unit}" if unit else "")


def found_file(named_in: Path, name: str) -> Path | None:
    """Return the absolute path of a file that another names, or None where there is none (see `only_beside`)."""
    beside = _beside.get()
    try:
        path = (named_in.parent / (Path(name) if beside else Path(name).expanduser())).resolve()
        if beside and beside not in path.parents:
            return None
        return path if path.exists() else None
    except (OSError, RuntimeError, ValueError):  # too long, no such user, a loop of links
        return None


def _nearest(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name.lower(), [k.lower() for k in known], n=1, cutoff=0.6)
    match = next((k for k in known if close and k.lower() == close[0]), None)
    listed = ", ".join(sorted(known))
    return f"Did you mean '{match}'? Known are: {listed}." if match else f"Known are: {listed}."


def _number(value: int | float) -> str:
    """Return a number in short; whole ones may be longer than any fraction can be."""
    return f"{value:g}" if isinstance(value, float) or abs(value) < 1e300 else f"{str(value)[:20]}…"


def _shown(value: Any) -> str:
    kinds = {list: "a list", dict: "a group of fields", type(None): "empty"}
    return kinds.get(type(value)) or f"'{' '.join(str(value)[:60].split())}'"
