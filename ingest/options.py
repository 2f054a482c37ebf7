"""What the user said of a file: the options of `naru ingest` and of an upload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ingest.naming import legible
from ingest.raster_layers import QUALITY, RasterWish
from ingest.relief_layers import ReliefWish
from ingest.vector_layers import VectorWish
from naru.grants import Grant
from naru.records import Function
from naru.symbols import parse


@dataclass(frozen=True, kw_only=True)
class IngestOptions:
    """What the user said of a file. What is None is kept from the layer's live version, or chosen."""

    id: str | None = None
    title_ko: str | None = None
    title_en: str | None = None
    function: Function | None = None
    visibility: str | None = None
    licence: str | None = None
    attribution: str | None = None
    crs: str | None = None
    encoding: str | None = None
    x: str | None = None  # of a table: the column with longitudes or eastings
    y: str | None = None  # of a table: the column with latitudes or northings
    minzoom: int | None = None
    maxzoom: int | None = None
    keep_all: bool = False
    grids: Literal["all", "web"] = "all"  # of vectors: the grids that they are cut in
    dry_run: bool = False
    replace: bool = True  # False: an id that is taken is refused, instead of getting a new version
    name: str | None = None  # what the user calls the file, where it is kept under another name
    names: Mapping[str, str] = field(default_factory=dict)  # and each file of a folder: kept as, called
    kind: str | None = None  # of a raster: imagery, elevation, classes or data
    bands: tuple[int, ...] | None = None  # of a raster, counted from 1
    quality: int | None = None  # of a raster's WebP or JPEG; 100 is lossless
    pyramid: str | None = None  # of a raster: webp, png or jpeg
    hillshade: bool = False  # of heights: a layer of them in oblique sun, beside theirs
    slope: bool = False  # of heights: a layer of how steep the ground is
    contours: float | None = None  # of heights: a layer of lines every so many metres
    symbols: Mapping[str, Any] | None = None  # how the layer is drawn, where our own work knows: naru.symbols.parse
    grant: Grant | None = None  # what the key that handed it in may make; None: anything

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> IngestOptions:
        """Build the options from a job's parameters."""
        known = {name: params[name] for name in cls.__dataclass_fields__ if name in params}
        if known.get("grant") is not None:
            known["grant"] = Grant.from_dict(known["grant"])
        if known.get("bands") is not None:
            known["bands"] = tuple(known["bands"])
        return cls(**known)

    @property
    def relief(self) -> ReliefWish:
        """What is to be made from heights."""
        return ReliefWish(self.hillshade, self.slope, self.contours)

    @property
    def vector(self) -> VectorWish:
        """What was said of vector tiles."""
        return VectorWish(self.minzoom, self.maxzoom, self.keep_all, self.grids, parse(self.symbols))

    @property
    def raster(self) -> RasterWish:
        """What was said of a raster's tiles."""
        return RasterWish(self.minzoom, self.maxzoom, self.quality or QUALITY, self.pyramid)

    def called(self, path: Path) -> str:
        """Return what the user calls the file at `path`."""
        return self.name or legible(path.name)
