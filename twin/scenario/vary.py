"""`vary:` of a scenario file: one file stands for many runs, its members."""

from __future__ import annotations

import copy
import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from naru.errors import BadSpec

MOST_MEMBERS = 1_000
MOST_VALUES = 2_000_000  # of all members together
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_PATH = re.compile(r"[^.\[\]]+(\.[^.\[\]]+|\[\d+\])*")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_NAME = 60
_NEW = ("overrides",)  # groups in which a member may set what the file does not have yet


@dataclass(frozen=True)
class Member:
    """One run of an ensemble: the scenario with values set. `mapping` has no `vary` any more."""

    name: str  # letters, digits and hyphens: a folder's name
    values: Mapping[str, Any]  # by path, as `vary` names them; empty: the scenario as it is
    mapping: Mapping[str, Any]


def members(mapping: Mapping[str, Any], file: Path | None = None) -> list[Member]:
    """Return the runs that a scenario file stands for: one, without `vary`.

    `vary` is a mapping of paths to lists, of which every combination is run in the order of the last path
    running fastest; or a list of `{name, set: {path: value}}`. A path leads through the file by names, and through
    lists by an item's `name` (or `id`) or its number from 0: `rain.design.depth_mm`, `overrides.pump-3.status`,
    `levee_breaches[0].width_m`.

    Raises:
        BadSpec: a path leads nowhere, a name is given twice, or there are more than 1,000 members.

    >>> [m.name for m in members({"manning_n": 0.03, "vary": {"manning_n": [0.03, 0.04]}})]
    ['manning-n-0-03', 'manning-n-0-04']
    """
    plain = {name: value for name, value in mapping.items() if name != "vary"}
    vary = mapping.get("vary")
    if vary is None:
        return [Member("only", {}, plain)]
    wishes = _product(vary, file) if isinstance(vary, Mapping) else _listed(vary, file)
    for name, count in Counter(name for name, _ in wishes).items():
        if count > 1:
            raise _wrong("vary", f"gives two members the name '{name}'", "Give each its own.", file)
    _check_size(plain, len(wishes), file)
    return [Member(name, values, _with(plain, values, file)) for name, values in wishes]


def _product(vary: Mapping[str, Any], file: Path | None) -> list[tuple[str, dict[str, Any]]]:
    count = 1
    for path, values in vary.items():
        if not isinstance(values, Sequence) or isinstance(values, str) or not values:
            raise _wrong(f"vary.{path}", "is no list of values", "Write a list, such as [0.03, 0.04].", file)
        count *= len(values)
    if not vary:
        raise _wrong("vary", "is empty", "Name a path and its values, or leave it out.", file)
    _check_count(count, file)
    short = _short_names([str(path) for path in vary])
    out = []
    for chosen in itertools.product(*vary.values()):
        values = {str(path): value for path, value in zip(vary, chosen, strict=True)}
        out.append(("-".join(_slug(f"{short[path]}-{_told(value)}") for path, value in values.items()), values))
    return _numbered(out)


def _listed(vary: Any, file: Path | None) -> list[tuple[str, dict[str, Any]]]:
    if not isinstance(vary, Sequence) or isinstance(vary, str) or not vary:
        raise _wrong("vary", "is no group of paths and no list of variants", "docs/planners.md shows both.", file)
    _check_count(len(vary), file)
    out = []
    for number, item in enumerate(vary):
        where = f"vary[{number}]"
        if not isinstance(item, Mapping) or not isinstance(item.get("set", {}), Mapping):
            raise _wrong(where, "is no variant", "Write {name: NAME, set: {PATH: VALUE}}.", file)
        for key in item:
            if key not in ("name", "set"):
                raise _wrong(f"{where}.{key}", "is unknown", "Known are: name, set.", file)
        name = str(item.get("name", ""))
        if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
            raise _wrong(
                f"{where}.name",
                f"is '{name}' where small letters, digits and single hyphens are expected",
                f"It names a folder: at most {_LONGEST_NAME} characters, such as pump-3-fails.",
                file,
            )
        out.append((name, {str(path): value for path, value in item.get("set", {}).items()}))
    return out


def _check_count(count: int, file: Path | None) -> None:
    if count > MOST_MEMBERS:
        raise _wrong(
            "vary",
            f"makes {count} runs where at most {MOST_MEMBERS} are made",
            "Vary less at once, or split the file.",
            file,
        )


def _check_size(plain: Mapping[str, Any], count: int, file: Path | None) -> None:
    """Refuse long scenarios of which each member would hold a copy."""
    values = _values(plain)
    if values * count > MOST_VALUES:
        raise _wrong(
            "vary",
            f"makes {count} runs of a scenario with {values} values, more than {MOST_VALUES} together",
            "Put tables and shapes into files or layers, or vary less at once.",
            file,
        )


def _values(of: Any) -> int:
    inner = of.values() if isinstance(of, Mapping) else of if isinstance(of, list) else ()
    return 1 + sum(_values(each) for each in inner)


# --- names ------------------------------------------------------------------------------------------


def _short_names(paths: list[str]) -> dict[str, str]:
    """Return what tells paths apart: their last words, or the whole where those are the same."""
    last = {path: re.split(r"[.\]\[]+", path.rstrip("]"))[-1] for path in paths}
    words = Counter(last.values())
    return {path: word if words[word] == 1 else path for path, word in last.items()}


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return "-".join(f"{key}-{_told(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return "-".join(_told(inner) for inner in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _slug(text: str) -> str:
    text = text.replace("-.", "-0.").replace("--", "-minus-")
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


def _numbered(wishes: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """Return the same with names that are short and differ: long or equal ones get their number."""
    names = Counter(name for name, _ in wishes)
    width = len(str(len(wishes)))
    return [
        (name if len(name) <= _LONGEST_NAME and names[name] == 1 else f"member-{number:0{width}d}", values)
        for number, (name, values) in enumerate(wishes, 1)
    ]


# --- paths ------------------------------------------------------------------------------------------


def _with(mapping: Mapping[str, Any], values: Mapping[str, Any], file: Path | None) -> Mapping[str, Any]:
    out = copy.deepcopy(dict(mapping))
    for path, value in values.items():
        _set(out, path, copy.deepcopy(value), file)
    return out


def _set(top: dict[str, Any], path: str, value: Any, file: Path | None) -> None:
    if not _PATH.fullmatch(path):
        raise _wrong(f"vary.{path}", "is no path", "Write it like rain.design.depth_mm.", file)
    steps = [int(number) if number else name for name, number in _STEP.findall(path)]
    here: Any = top
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        try:
            key = _key(here, step, steps[:number], last)
        except LookupError as there:
            where = ".".join(str(s) for s in steps[:number]) or "the file"
            what = f"leads nowhere: there is no '{step}' in {where}"
            raise _wrong(f"vary.{path}", what, f"There is: {there}.", file) from None
        if last:
            here[key] = value
            return
        if isinstance(here, dict) and key not in here:
            here[key] = {}
        here = here[key]


def _key(here: Any, step: str | int, before: list[str | int], last: bool) -> str | int:
    """Return where a step of a path leads. Raises LookupError, which tells what there is instead.

    The last step may name a field that is not in the file: whether there is such a field the reader knows.
    """
    if isinstance(here, dict):
        if step in here or last or [*before, step][0] in _NEW:
            return str(step)
        raise LookupError(", ".join(str(key) for key in here))
    if not isinstance(here, list):
        raise LookupError("nothing in it")
    if isinstance(step, int) and step < len(here):
        return step
    names = [str(i.get("name", i.get("id", ""))) if isinstance(i, Mapping) else "" for i in here]
    if step in names:
        return names.index(str(step))
    numbers = f"[0] to [{len(here) - 1}]" if here else "an empty list"
    raise LookupError(", ".join([numbers, *(name for name in names if name)]))


def _wrong(where: str, what: str, remedy: str, file: Path | None) -> BadSpec:
    return BadSpec(f"field '{where}' {what}", file=None if file is None else str(file), field=where, remedy=remedy)
