"""The second visit to a raster: its pixels become a COG on the tile grid, and tiles of their own if wished."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import shapely
from affine import Affine

from ingest.raster.cutting import Cut, Cutter, threads
from ingest.raster.encode import Codec
from ingest.raster.pixels import PixelSource, Recipe
from ingest.raster.settling import settled
from ingest.raster.statistics import Tally
from ingest.raster.tiff import BLOCK, CogWriter, Level
from ingest.raster.zooms import HALF_WORLD, tile_range
from naru.errors import NoFeatures
from naru.records import Progress

ELEVATION_ERROR = 0.005  # metres: how far a kept height may be off the warped one (LERC)
_MOST_CLASSES_LISTED = 256


@dataclass(frozen=True)
class Order:
    """What is wanted of a raster: `boxes` in EPSG:3857, zooms as in `ingest.raster.zooms.Zooms`."""

    boxes: list[list[float]]
    maxzoom: int
    lowest: int
    quality: int
    pyramid: str | None
    minzoom: int


def convert(params: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Make the COG that `params` asks for; return facts of it. Runs confined.

    `params`: recipe (of `ingest.raster.looking`), order (an `Order`), workdir, cog (file name), title.
    Raises FileDamaged, NoFeatures (not one pixel has a value).
    """
    order, workdir = Order(**params["order"]), Path(params["workdir"])
    progress(0.0, "looking through the pixels")
    recipe = settled(Recipe.from_dict(params["recipe"]))
    levels = _levels(order)
    codec = _codec(recipe, order.quality)
    tally = Tally(3 if codec.name == "webp" else codec.bands, codec.nodata)
    cut = Cut(levels, tile_range(_boxes(order), order.maxzoom), _how(recipe), codec, _outline(recipe))
    target, counts = workdir / params["cog"], dict.fromkeys(range(order.lowest, order.maxzoom + 1), 0)
    with PixelSource(recipe, levels[0], threads()) as source, CogWriter(target, levels) as cog:

        def keep(zoom: int, column: int, row: int, block: bytes) -> None:
            counts[zoom] += 1
            cog.put(order.maxzoom - zoom, column, row, block)

        Cutter(source, cut, keep, lambda f: progress(0.95 * f, "cutting into blocks"), tally).run()
        if not tally.valid:
            raise NoFeatures("not one of its pixels has a value", file=recipe.file, remedy="Check it in a GIS.")
        progress(0.95, "writing the archive")
        cog.finish(codec.template(_transform(levels[0]), _tags(levels, order)))
    return {"tiles": counts, "facts": _facts(recipe, codec, tally, order)}


def _boxes(order: Order) -> list[tuple[float, float, float, float]]:
    return [(b[0], b[1], b[2], b[3]) for b in order.boxes]


def _outline(recipe: Recipe) -> shapely.Geometry:
    return shapely.from_wkb(bytes.fromhex(recipe.outline))


def _levels(order: Order) -> list[Level]:
    """Return the levels, finest first; all begin on the tile borders of the coarsest."""
    left, top, right, bottom = tile_range(_boxes(order), order.lowest)
    across, down = right - left + 1, bottom - top + 1
    shifts = [zoom - order.lowest for zoom in range(order.maxzoom, order.lowest - 1, -1)]
    return [Level(order.lowest + s, left << s, top << s, across << s, down << s) for s in shifts]


def _how(recipe: Recipe) -> Any:
    if recipe.treatment.painted:
        return "rgba"
    return "mode" if recipe.treatment.role == "classes" else "mean"


def _codec(recipe: Recipe, quality: int) -> Codec:
    treatment = recipe.treatment
    if treatment.painted:
        return Codec("webp", "uint8", 4, quality=quality)
    bands, dtype, nodata = len(treatment.bands), treatment.dtype, treatment.nodata
    if treatment.role == "elevation" and dtype == "float32":
        return Codec("lerc_zstd", dtype, bands, nodata, max_error=ELEVATION_ERROR)
    return Codec("zstd", dtype, bands, nodata, colormap=treatment.colours)


def _transform(level: Level) -> Affine:
    pixel = 2 * HALF_WORLD / (BLOCK << level.zoom)
    return Affine(
        pixel, 0, level.column * BLOCK * pixel - HALF_WORLD, 0, -pixel, HALF_WORLD - level.row * BLOCK * pixel
    )


def _tags(levels: list[Level], order: Order) -> dict[str, dict[str, str]]:
    """Return what GDAL's COG driver says of a tile-aligned file, in its words."""
    scheme = {"NAME": "GoogleMapsCompatible", "ZOOM_LEVEL": str(order.maxzoom), "ALIGNED_LEVELS": str(len(levels))}
    return {"TILING_SCHEME": scheme}


def _facts(recipe: Recipe, codec: Codec, tally: Tally, order: Order) -> dict[str, Any]:
    treatment, statistics = recipe.treatment, tally.result()
    middle = (order.boxes[0][1] + order.boxes[0][3]) / 2
    cosine = 1 / math.cosh(middle / HALF_WORLD * math.pi)
    facts: dict[str, Any] = {
        "role": treatment.role,
        "bands": codec.bands,
        "dtype": codec.dtype,
        "nodata": codec.nodata,
        "alpha": codec.name == "webp",
        "unit": treatment.unit,
        "statistics": statistics,
        "colormap": _colormap(treatment.colours) if treatment.role == "classes" else None,
        "resolution_m": 2 * HALF_WORLD / (BLOCK << order.maxzoom) * cosine,
        "compression": codec.name,
        "blocksize": BLOCK,
        "aligned": True,
        "lowest_zoom": order.lowest,
        "max_error": codec.max_error,
        "source_bands": list(treatment.bands),
    }
    if codec.name != "webp" and treatment.role != "classes":
        facts["render"] = _render(codec, statistics)
    return facts


def _render(codec: Codec, statistics: list[dict[str, float | None]]) -> dict[str, Any]:
    """Return how to show values in 8 bits: which bands, and which value becomes 0 and which 255."""
    bands = [1, 2, 3] if codec.bands >= 3 else [1]
    return {"bands": bands, "rescale": [[statistics[b - 1]["p2"], statistics[b - 1]["p98"]] for b in bands]}


def _colormap(colours: Mapping[int, tuple[int, int, int, int]] | None) -> list[list[int]] | None:
    if colours is None:
        return None
    return [[value, *colour] for value, colour in sorted(colours.items())][:_MOST_CLASSES_LISTED]

