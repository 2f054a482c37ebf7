"""Layers that are made from heights beside them: hillshade, slope, contours.

The heights' own COG is read again in a confined child; what that leaves is opened here as for every other layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ingest.made import Made, verify_tiles
from ingest.raster.zooms import Zooms
from ingest.raster_layers import PackedRaster, RasterWish, checked, limits_of, order_of, run_confined
from ingest.rasters import ReadRaster
from ingest.sandbox import Limits, Task
from ingest.tiling import build_tileset
from ingest.tiling.options import GRID_ZOOM, TilingOptions
from ingest.vector_layers import Base, PackedVectors, VectorWish, in_other_grids
from naru.errors import BadOption, ParserDied
from naru.raster_facts import RasterFacts
from naru.records import BBox, Draft, IngestReport, Kind, Layer, Progress
from naru.relief_style import contour_style
from naru.stations import part
from naru.style import Style

_MOST_HEIGHTS = 5000  # at which lines are drawn
_MOST_VERTICES = 20_000_000  # of the lines of one layer: some 2 GB of memory while they are tiled


@dataclass(frozen=True)
class Relief:
    """One thing that can be made from heights. What ids and titles of its layers end in."""

    what: str
    option: str
    kind: Kind
    title_ko: str
    title_en: str

    def layer_id(self, base: str) -> str:
        """Return the id of the layer made from layer `base`."""
        return f"{base}-{self.what}"


RELIEFS = (
    Relief("hillshade", "--hillshade", "raster", "음영기복", "hillshade"),
    Relief("slope", "--slope", "raster", "경사도", "slope"),
    Relief("contours", "--contours", "vector", "등고선", "contours"),
)


@dataclass(frozen=True)
class ReliefWish:
    """What is to be made from heights; `contours` is the interval in metres."""

    hillshade: bool = False
    slope: bool = False
    contours: float | None = None

    @property
    def wanted(self) -> list[Relief]:
        """What was asked for."""
        return [relief for relief in RELIEFS if getattr(self, relief.what)]


@dataclass(frozen=True)
class ReadRelief:
    """A layer that will be made from heights which were looked at: takes the place of what is read of a file."""

    relief: Relief
    base: str  # id of the layer with the heights
    heights: ReadRaster
    interval: float  # of contours, metres
    lines: int = 0

    attribution = None
    crs = "EPSG:3857"
    crs_claimed = encoding = encoding_how = None
    dropped = repaired = warnings = ()

    @property
    def name(self) -> str:
        """What a file would call it."""
        return f"{self.heights.name} {self.relief.title_ko}"

    @property
    def kind(self) -> Kind:
        """Raster, or vector."""
        return self.relief.kind

    @property
    def crs_how(self) -> str:
        """Where its coordinates come from."""
        return made_from(self.base)

    @property
    def bounds(self) -> BBox:
        """Those of the heights: west, south, east, north."""
        return self.heights.bounds

    @property
    def geometry(self) -> str:
        """Line, or none."""
        return "line" if self.relief.kind == "vector" else ""

    @property
    def features_read(self) -> int:
        """How many lines there are, once they were drawn."""
        return self.lines

    features_kept = features_read


def made_from(base: str) -> str:
    """Return what a report says of such a layer."""
    return f"made from layer '{base}'"


def has_heights(read: object) -> bool:
    """Whether something can be made from what was read."""
    return isinstance(read, ReadRaster) and read.role == "elevation"


def reliefs_of(read: object, base: str, wish: ReliefWish) -> list[ReadRelief]:
    """Return what will be made from one layer of a file."""
    if not (isinstance(read, ReadRaster) and has_heights(read)):
        return []
    return [ReadRelief(relief, base, read, wish.contours or 0.0) for relief in wish.wanted]


def check_wish(wish: ReliefWish, read: Sequence[object], ids: Sequence[str]) -> None:
    """Return if what is wished can be made from layers of such ids.

    Raises:
        BadOption: none of them has heights, or a layer's id is one that is going to be made.
    """
    wanted = wish.wanted
    if wanted and not any(map(has_heights, read)):
        kinds = sorted(
            {f"kept as {r.role}" if isinstance(r, ReadRaster) else "no raster to compute with" for r in read}
        )
        raise BadOption(
            f"{wanted[0].option} is for heights; this is {', '.join(kinds)}",
            field=wanted[0].what,
            remedy="Leave it out, or say --kind elevation if the raster's values are heights in metres.",
        )
    made = {
        relief.layer_id(i): relief for r, i in zip(read, ids, strict=True) if has_heights(r) for relief in wanted
    }
    for layer_id in ids:
        if layer_id in made:
            raise BadOption(
                f"{made[layer_id].option} would make a layer '{layer_id}', and the file holds one of that id",
                layer=layer_id,
                field=made[layer_id].what,
                remedy="Hand the files in one by one, with --id.",
            )


def left_behind(base: str, wish: ReliefWish, live: Callable[[str], Layer | None]) -> list[str]:
    """Return a warning for each layer that was made from the heights' version before, and will not be made anew.

    `live` returns the layer of an id, if there is one.
    """
    out = []
    for relief in RELIEFS:
        layer = live(relief.layer_id(base))
        made = layer is not None and layer.live.report.get("crs_how") == made_from(base)
        if made and relief not in wish.wanted:
            out.append(f"'{relief.layer_id(base)}' still shows the heights before: say {relief.option} to renew it")
    return out


@dataclass(frozen=True)
class PackedContours(PackedVectors):
    """Contours, ready to be published."""

    lines: int = 0

    def reported(self, report: IngestReport) -> IngestReport:
        """Return the report with what became of the lines."""
        return super().reported(replace(report, features_read=self.lines))

    def drawn(self, draft: Draft, styles: Mapping[str, Style]) -> Draft:
        """Return the draft with the style of contours."""
        return replace(draft, style=contour_style(draft.id, self.result.maxzoom))


def encode_relief(
    read: ReadRelief,
    heights: Made,
    draft: Draft,
    wishes: tuple[RasterWish, VectorWish],
    base: Base,
    progress: Progress,
) -> PackedRaster | PackedContours:
    """Make a layer from heights that were just packed in the work folder.

    Raises BadOption, TooLarge, ParserDied, ArchiveDamaged and what `ingest.tiling.build_tileset` raises.
    """
    (raster, vector), workdir = wishes, base.workdir
    assert isinstance(heights, PackedRaster)
    if read.relief.kind == "raster":
        return make_raster(read, heights, replace(raster, pyramid=None), workdir, progress)
    source, lines = make_contours(read, heights, workdir, part(progress, 0.0, 0.5))
    tiles = workdir / f"{draft.id}.pmtiles"
    tiling = contour_tiling(draft, heights.zooms, vector.maxzoom, keep_all=vector.keep_all)
    result = build_tileset(source, tiles, tiling, part(progress, 0.5, 1.0))
    verify_tiles(tiles, result.tiles)
    return in_other_grids(PackedContours(source, tiles, result, lines=lines), tiling, vector, base)


def make_raster(
    read: ReadRelief, heights: PackedRaster, wish: RasterWish, workdir: Path, progress: Progress
) -> PackedRaster:
    """Make hillshade or slope from heights as they were packed in `workdir`.

    Raises TooLarge, ParserDied, ArchiveDamaged.
    """
    made = workdir.resolve() / f"{read.relief.layer_id(read.base)}.tif"
    said = _made(read, heights, wish, made, progress)
    return checked(said, read.heights, heights.zooms, (made, None))


def make_contours(read: ReadRelief, heights: PackedRaster, workdir: Path, progress: Progress) -> tuple[Path, int]:
    """Draw contours from heights as they were packed in `workdir`; return their GeoParquet, and how many they are.

    Raises BadOption (no line, or far too many), TooLarge, ParserDied.
    """
    _check_interval(read, heights.facts)
    made = workdir.resolve() / f"{read.relief.layer_id(read.base)}.parquet"
    said = _made(read, heights, RasterWish(), made, progress)
    try:
        lines = int(said["lines"])
    except (TypeError, KeyError, ValueError) as error:
        message = f"the parser's answer does not have the agreed shape ({error})"
        raise ParserDied(message, remedy="Run it again; if it stays so, tell the makers of Naru.") from error
    if not lines:
        raise _no_line(read, heights.facts)
    return made, lines


def contour_tiling(draft: Draft, zooms: Zooms, maxzoom: int | None, *, keep_all: bool) -> TilingOptions:
    """Return how contours are tiled: a cell of the heights has eight units of a tile at the top zoom."""
    top = min(maxzoom if maxzoom is not None else max(0, zooms.maxzoom - 1), GRID_ZOOM)
    return TilingOptions(
        layer=draft.id,
        minzoom=min(zooms.minzoom, top),
        maxzoom=top,
        keep_all=keep_all,
        name=draft.title_ko,
        attribution=draft.attribution,
    )


def _made(read: ReadRelief, heights: PackedRaster, wish: RasterWish, made: Path, progress: Progress) -> Any:
    params: dict[str, Any] = {
        "what": read.relief.what,
        "order": order_of(read.heights, heights.zooms, wish),
        "outline": read.heights.recipe["outline"],
        "interval": read.interval,
        "vertices": min(_MOST_VERTICES, Limits().vertices_per_layer),
        "workdir": str(made.parent),
        "heights": heights.cog.name,
        "made": made.name,
    }
    task = Task("ingest.raster.derive:derive", params, writable=[made.parent])
    return run_confined(task, limits_of(read.heights, heights.zooms), made.stem, progress)


def _lowest_and_highest(facts: Mapping[str, Any]) -> tuple[float, float]:
    span = RasterFacts.of({"raster": facts}).span()
    return span.low, span.high


def _check_interval(read: ReadRelief, facts: Mapping[str, Any]) -> None:
    low, high = _lowest_and_highest(facts)
    if (high - low) / read.interval > _MOST_HEIGHTS:
        least = 10 ** math.ceil(math.log10((high - low) / _MOST_HEIGHTS))
        raise BadOption(
            f"--contours {read.interval:g}: more than {_MOST_HEIGHTS} lines between {low:.1f} and {high:.1f} m",
            field="contours",
            remedy=f"Say --contours {least:g} or more.",
        )


def _no_line(read: ReadRelief, facts: Mapping[str, Any]) -> BadOption:
    low, high = _lowest_and_highest(facts)
    return BadOption(
        f"--contours {read.interval:g} gives no line: the ground lies between {low:.2f} and {high:.2f} m",
        field="contours",
        remedy="Give a smaller interval, or leave it out.",
    )
