"""Records that travel between the rooms of the house: frozen dataclasses, no behaviour beyond their shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

BBox = tuple[float, float, float, float]  # west, south, east, north; the CRS is named beside it
Progress = Callable[[float, str], None]  # fraction done 0 … 1, what is being done


class Passing(str):
    """Words of a progress that tell how it stands just now: shown while they hold, no line of a job's log."""

    __slots__ = ()


Function = Literal["basemap", "content", "twin"]
FUNCTIONS: tuple[Function, ...] = ("basemap", "content", "twin")
Kind = Literal["vector", "raster"]
JobState = Literal["queued", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class Count:
    """How many features met one fate, and why."""

    reason: str
    count: int


@dataclass(frozen=True)
class Changes:
    """What differs between two versions of a layer; `compared_by` says how features were paired."""

    added: int
    removed: int
    changed: int  # attributes or geometry differ
    moved: int  # of the changed, those whose geometry differs
    unchanged: int
    compared_by: str
    fields_added: tuple[str, ...] = ()
    fields_removed: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """How many features differ."""
        return self.added + self.removed + self.changed

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Changes:
        """Build it from its JSON shape."""
        values: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in given.items()}
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON shape."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    def __str__(self) -> str:
        """Say it in words.

        >>> str(Changes(2, 0, 1, 1, 97, "field 'code'"))
        "2 added, 0 removed, 1 changed (1 of them moved), 97 unchanged; compared by field 'code'"
        """
        parts = f"{self.added} added, {self.removed} removed, {self.changed} changed ({self.moved} of them moved)"
        fields = [("new fields", self.fields_added), ("fields gone", self.fields_removed)]
        told = "".join(f"; {what}: {', '.join(names)}" for what, names in fields if names)
        return f"{parts}, {self.unchanged} unchanged; compared by {self.compared_by}{told}"


@dataclass(frozen=True)
class IngestReport:
    """What happened to one layer on its way in: one entry of `layers` in design §4's JSON."""

    id: str
    kind: Kind
    features_read: int
    features_published: int
    features_dropped: tuple[Count, ...]
    features_repaired: tuple[Count, ...]
    crs_claimed: str | None
    crs: str
    crs_how: str
    encoding: str | None
    encoding_how: str | None
    bounds: BBox  # lon/lat, WGS 84
    minzoom: int
    maxzoom: int
    tiles: int
    bytes: int
    warnings: tuple[str, ...] = ()
    version: int | None = None  # absent in a dry run
    changes: Changes | None = None  # against the version that is replaced; absent where there is none
    tiles_kept: int | None = None  # of `tiles`, those taken over from that version as they are; absent likewise
    grids_pending: tuple[str, ...] = ()  # tile matrix sets whose tiles follow the publication; absent where none do

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON shape of the contract; what was added to it later stands only where there is any."""
        out = {name: getattr(self, name) for name in self.__dataclass_fields__}
        for name in ("features_dropped", "features_repaired"):
            out[name] = [{"reason": c.reason, "count": c.count} for c in out[name]]
        out["bounds"], out["warnings"] = list(self.bounds), list(self.warnings)
        out["changes"] = self.changes.to_dict() if self.changes else None
        for name in ("version", "changes", "tiles_kept"):
            if out[name] is None:
                del out[name]
        pending = list(out.pop("grids_pending"))
        return out | ({"grids_pending": pending} if pending else {})


@dataclass(frozen=True)
class Archive:
    """An immutable, content-addressed file in storage."""

    sha256: str
    suffix: str  # ".pmtiles", ".parquet", ".tif"
    size: int  # bytes

    @property
    def name(self) -> str:
        """File name in storage."""
        return self.sha256 + self.suffix


@dataclass(frozen=True)
class Tileset:
    """A pyramid of tiles in one archive."""

    archive: Archive
    tile_type: Literal["mvt", "png", "jpg", "webp", "terrain"]
    tile_matrix_set: str  # id, e.g. "WebMercatorQuad"
    minzoom: int
    maxzoom: int
    bounds: BBox  # lon/lat, WGS 84
    tiles: int
    vector_layers: tuple[Mapping[str, Any], ...] = ()  # as in TileJSON 3
    rules: Mapping[str, Any] = field(default_factory=dict)  # what was dropped, merged or simplified, by zoom


@dataclass(frozen=True)
class Asset:
    """A file that belongs to a version beside its tilesets: a native grid, a mesh, models. `about`: what it is."""

    name: str  # "grid", "mesh", "models" …: one of each a version
    archive: Archive
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Version:
    """One state of a layer: its source archive, its tilesets, and what else belongs to it."""

    layer_id: str
    number: int  # 1, 2, 3 … within the layer
    source: Archive | None
    tilesets: tuple[Tileset, ...]
    report: Mapping[str, Any]  # the IngestReport, as JSON
    created: datetime
    assets: Mapping[str, Asset] = field(default_factory=dict)  # by name


@dataclass(frozen=True)
class Layer:
    """A layer and its live version."""

    id: str
    title_ko: str
    title_en: str
    function: Function
    visibility: str  # "public", "private" or "group:<id>"
    licence: str
    attribution: str
    kind: Kind
    geometry: str  # "point", "line", "polygon", "mixed" (vector) or "" (raster)
    style: tuple[Mapping[str, Any], ...]  # MapLibre style layers, without source
    live: Version
    updated: datetime


@dataclass(frozen=True)
class Draft:
    """What a layer's next version says of itself."""

    id: str
    title_ko: str
    title_en: str
    function: Function
    visibility: str
    licence: str
    attribution: str
    kind: Kind
    geometry: str
    style: tuple[Mapping[str, Any], ...]
    report: IngestReport


@dataclass(frozen=True)
class Release:
    """One layer's next version with its archives in storage: what one catalogue transaction makes live."""

    draft: Draft
    source: Archive | None
    tilesets: tuple[Tileset, ...]
    expected: int | None  # the live version when the work began; None: no such layer then
    assets: tuple[Asset, ...] = ()


@dataclass(frozen=True)
class Job:
    """A row of work: claimed by lease, fenced by `fence`, at most `max_attempts` tries."""

    id: str
    kind: str
    state: JobState
    params: Mapping[str, Any]
    progress: float  # 0 … 1
    message: str
    attempt: int
    max_attempts: int
    fence: int  # grows with each claim; a worker with an older one is refused
    worker: str | None
    created: datetime
    lease_until: datetime | None
    finished: datetime | None
    result: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
