"""Reads a file into layers: receive → read → normalise, in a confined child process.

`read_file` is the parent's side. The child (`read_layers`) leaves one GeoParquet per layer in the job's folder
and answers with what it found; the answer is checked again before anyone believes it.
"""

from __future__ import annotations

import atexit
import math
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from ingest.naming import legible
from ingest.rasters import ReadRaster, checked_raster
from ingest.receive import locate
from ingest.sandbox import Limits, Sandbox, Task
from ingest.tileset_entries import ReadTiles, checked_tiles
from naru import symbols
from naru.errors import NaruError, ParserDied
from naru.records import BBox, Count, Kind, Progress
from naru.symbols import Symbology

GEOMETRIES = frozenset({"point", "line", "polygon", "mixed"})
_PARQUET = re.compile(r"layer-[0-9]{4}\.parquet")


@dataclass(frozen=True)
class ReadOptions:
    """What the user said of a file. `crs` is `EPSG:<int>`; `layers` names the only ones wanted."""

    crs: str | None = None
    encoding: str | None = None
    x: str | None = None  # the column of a table with longitudes or eastings
    y: str | None = None
    layers: tuple[str, ...] | None = None
    name: str | None = None  # what the user calls the file, where it is kept under another name
    names: Mapping[str, str] = field(default_factory=dict)  # and each file of a folder: kept as, called
    kind: str | None = None  # of a raster: imagery, elevation, classes or data
    bands: tuple[int, ...] | None = None  # of a raster, counted from 1
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class ReadLayer:
    """One layer, read and repaired: what the file claimed, what was found, and where the features lie.

    `parquet` is GeoParquet 1.1 in `crs`, x before y, rows in the file's order. `bounds` are lon/lat on WGS 84.
    features_read = features_kept + the sum of `dropped`.
    """

    name: str
    parquet: Path
    features_read: int
    features_kept: int
    dropped: tuple[Count, ...]
    repaired: tuple[Count, ...]
    crs_claimed: str | None
    crs: str
    crs_how: str
    encoding: str | None
    encoding_how: str | None
    geometry: str  # point, line, polygon or mixed
    bounds: BBox
    warnings: tuple[str, ...] = ()
    symbols: Symbology | None = None  # how the file draws it

    kind: ClassVar[Kind] = "vector"
    takes: ClassVar[frozenset[str]] = frozenset({"--keep-all", "--minzoom", "--maxzoom", "--crs"})
    attribution: ClassVar[str | None] = None  # no format says it


Read = ReadLayer | ReadRaster | ReadTiles

_PRELOAD = (
    "ingest.vector",
    "naru.tms",
    "naru.png",
    "naru.relief",
    "naru.pmtiles.writer",
    "naru.pmtiles.reader",
)  # our own code: out of sight once confined
_sandbox: Sandbox | None = None
_sandbox_lock = threading.Lock()


def sandbox() -> Sandbox:
    """Return this process's sandbox for readers; it starts with its first task, or with `warm_up`."""
    global _sandbox  # noqa: PLW0603 (one zygote a process: its start costs half a second)
    with _sandbox_lock:
        if _sandbox is None:
            _sandbox = Sandbox(preload=_PRELOAD)
            atexit.register(_sandbox.close)
        return _sandbox


def warm_up() -> None:
    """Start the sandbox in the background, so that its imports are done when a file comes."""
    sandbox().start()


def read_file(path: Path, workdir: Path, options: ReadOptions, progress: Progress) -> list[Read]:
    """Read the file, folder or zip at `path`: vectors into one GeoParquet per layer in `workdir`.

    Rasters are only looked at; `ingest.raster_layers` takes their pixels.

    Raises FileMissing, UnknownFormat, FileDamaged, BadZip, EncodingUnknown, CrsUnknown, CrsRefused, NoFeatures,
    TooLarge, ParserDied; each names the file and the remedy.
    """
    path, workdir = Path(path), Path(workdir).resolve()
    workdir.mkdir(parents=True, exist_ok=True)
    name = options.name or legible(path.name)
    files = locate(path, options.limits)
    params = {
        "files": [str(f) for f in files],
        "name": name,
        "names": dict(options.names),
        "workdir": str(workdir),
        "crs": options.crs,
        "encoding": options.encoding,
        "x": options.x,
        "y": options.y,
        "layers": options.layers,
        "kind": options.kind,
        "bands": options.bands,
        "limits": asdict(options.limits),
    }
    task = Task("ingest.vector:read_layers", params, readable=files, writable=[workdir])
    try:
        answer = sandbox().run(task, options.limits, progress)
    except NaruError as error:
        error.file = error.file or name
        raise
    return _checked(answer.result, workdir, files)


def _checked(result: Any, workdir: Path, files: Sequence[Path]) -> list[Read]:
    """Believe the child only as far as its answer has the right shape. Raises ParserDied."""
    try:
        return [_checked_entry(entry, workdir, files) for entry in result]
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        message = f"the parser's answer does not have the agreed shape ({error})"
        raise ParserDied(message, remedy="The file is probably damaged.") from error


def _checked_entry(entry: Mapping[str, Any], workdir: Path, files: Sequence[Path]) -> Read:
    if entry.get("kind") == "raster":
        return checked_raster(entry, files)
    return checked_tiles(entry, files) if entry.get("kind") == "tiles" else _checked_layer(entry, workdir)


def _checked_layer(entry: Mapping[str, Any], workdir: Path) -> ReadLayer:
    parquet = workdir / str(entry["parquet"])
    if not _PARQUET.fullmatch(parquet.name) or parquet.is_symlink() or not parquet.is_file():
        raise ValueError("no such layer file")
    west, south, east, north = (float(v) for v in entry["bounds"])
    if not all(map(math.isfinite, (west, south, east, north))) or entry["geometry"] not in GEOMETRIES:
        raise ValueError("bounds or geometry")
    layer = ReadLayer(
        name=str(entry["name"])[:200],
        parquet=parquet,
        features_read=int(entry["features_read"]),
        features_kept=int(entry["features_kept"]),
        dropped=_counts(entry["dropped"]),
        repaired=_counts(entry["repaired"]),
        crs_claimed=_text(entry["crs_claimed"]),
        crs=str(entry["crs"]),
        crs_how=str(entry["crs_how"]),
        encoding=_text(entry["encoding"]),
        encoding_how=_text(entry["encoding_how"]),
        geometry=str(entry["geometry"]),
        bounds=(west, south, east, north),
        warnings=tuple(str(w)[:500] for w in entry["warnings"]),
        symbols=symbols.parse(entry.get("style")),
    )
    if layer.features_read != layer.features_kept + sum(c.count for c in layer.dropped):
        raise ValueError("features are not accounted for")
    return layer


def _counts(pairs: Sequence[Any]) -> tuple[Count, ...]:
    return tuple(Count(str(reason)[:200], int(count)) for reason, count in pairs)


def _text(value: object) -> str | None:
    return None if value is None else str(value)[:500]
