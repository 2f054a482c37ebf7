"""The files of a corpus as people would hand them in: each with its side files, and what is known of it.

A corpus is a folder with `truth.json`: a list of records `path`, `group`, `kind` (vector, raster, other), `what`,
`expect`, and `truth`, `truth2`: what two independent readers found (layers with counts and extents, or size, bands
and geotransform), or why they failed. Nothing here knows the name of any file.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

SIDE_SUFFIXES = {
    ".shp": (".shx", ".dbf", ".prj", ".cpg", ".sbn", ".sbx", ".qix", ".idm", ".ind", ".qpj", ".shp.xml"),
    ".csv": (".csvt", ".prj"),
}
WORLD_FILES = {
    **{".tif": (".tfw", ".tifw"), ".tiff": (".tfw", ".tiffw"), ".png": (".pgw", ".pngw")},
    **{".jpg": (".jgw", ".jpgw"), ".jpeg": (".jgw", ".jpegw"), ".asc": (".prj",), ".grd": (".prj",)},
}
_OF_PICTURES = (".wld", ".prj", ".aux.xml", ".ovr", ".msk")
_WANTED = re.compile(r"load (\d+|\[[\d, ]+\])(?![\d+.-])")  # "load 25", "load [1, 35]"; not "load 800+"
_CODE = re.compile(r"\bEPSG:(\d{4,5})\b")


@dataclass(frozen=True)
class Case:
    """One upload: the main file, what goes with it, and the record of the main file."""

    path: str  # in the corpus
    group: str
    kind: str
    expect: str
    truth: Mapping[str, Any]
    truth2: Mapping[str, Any]
    files: tuple[Path, ...]  # the main file first

    @property
    def readable(self) -> bool:
        """Whether the first independent reader could read it whole."""
        return bool(self.truth.get("ok"))

    def counts(self) -> dict[str, tuple[int, int]]:
        """Return by layer how many features the independent reader found: all, and those with a geometry."""
        out = {}
        for layer in self.truth.get("layers", ()):
            found = int(layer["count"])
            out[str(layer["name"])] = (found, found - int(layer["null"]) - int(layer["empty"]))
        return out

    def drawable(self) -> int:
        """Return how many features could be drawn."""
        return sum(drawn for _, drawn in self.counts().values())

    def second_count(self) -> int | None:
        """Return how many features the second reader counted; None where it failed in a layer, or altogether."""
        layers = self.truth2.get("layers", ())
        if not self.truth2.get("ok") or len(layers) != self.truth2.get("n"):  # the record may list the first few
            return None
        found = [layer[1] for layer in layers]
        return sum(found) if all(isinstance(n, int) for n in found) else None

    def wanted_counts(self) -> set[int]:
        """Return the numbers of features that would be right: each reader's, and the manifest's own."""
        counts = {sum(found for found, _ in self.counts().values())} if self.readable else set()
        if (second := self.second_count()) is not None:
            counts.add(second)
        if match := _WANTED.match(self.expect):
            counts.add(sum(int(n) for n in match[1].strip("[]").split(",") if n.strip()))
        return counts

    def layers_of_unknown_length(self) -> bool:
        """Whether the independent reader stopped within a layer."""
        return any(layer.get("read_error") for layer in self.truth.get("layers", ()))

    def expected_code(self) -> int | None:
        """Return the one EPSG code that the manifest's sentence names, if it names one."""
        codes = set(_CODE.findall(self.expect))
        return int(codes.pop()) if len(codes) == 1 else None


@dataclass(frozen=True)
class Corpus:
    """All cases, and how many files of the folder they hold."""

    cases: tuple[Case, ...]
    files: int
    side_files: int


def load(folder: Path, only: str | None = None) -> Corpus:
    """Read `truth.json` of a folder; `only` keeps one group."""
    records = json.loads((folder / "truth.json").read_text("utf-8"))
    records = [r for r in records if only in (None, r["group"])]
    by_folder: dict[str, list[str]] = defaultdict(list)
    for record in records:
        by_folder[str(PurePosixPath(record["path"]).parent)].append(record["path"])
    sides = {path: main for names in by_folder.values() for path, main in _sides(names)}
    cases = []
    for record in records:
        if record["path"] not in sides:
            beside = [path for path, main in sides.items() if main == record["path"]]
            cases.append(_case(folder, record, beside))
    return Corpus(tuple(cases), len(records), len(sides))


def _case(folder: Path, record: Mapping[str, Any], beside: Sequence[str]) -> Case:
    return Case(
        path=record["path"],
        group=record["group"],
        kind=record["kind"],
        expect=record.get("expect") or "",
        truth=record.get("truth") or {},
        truth2=record.get("truth2") or {},
        files=tuple(folder / name for name in (record["path"], *beside)),
    )


def _sides(paths: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield (side file, its main file) among the files of one folder."""
    for main in paths:
        suffix = PurePosixPath(main).suffix
        stem = main.removesuffix(suffix)
        ends = SIDE_SUFFIXES.get(suffix.lower(), ())
        if suffix.lower() in WORLD_FILES:
            ends += WORLD_FILES[suffix.lower()] + _OF_PICTURES
        wanted = {(stem + end).casefold() for end in ends} | {(main + end).casefold() for end in ends}
        for path in paths:
            if path != main and path.casefold() in wanted:
                yield path, main
