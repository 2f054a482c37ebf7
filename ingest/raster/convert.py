"""The second visit to a raster: its pixels become a COG on the tile grid, and tiles of their own if wished."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import shapely

from ingest.raster.cutting import Cut, Cutter, Encode, Keep, threads
from ingest.raster.encode import Codec, encode_tiles
from ingest.raster.order import Order
from ingest.raster.pixels import PixelSource, Recipe
from ingest.raster.settling import settled
from ingest.raster.statistics import Tally
from ingest.raster.tiff import BLOCK, CogWriter, Level
from ingest.raster.zooms import inverse
from naru.errors import BadOption, NoFeatures
from naru.pmtiles.hilbert import tile_id
from naru.pmtiles.writer import About, PMTilesWriter
from naru.records import Progress

ELEVATION_ERROR = 0.005  # metres: how far a kept height may be off the warped one (LERC)
_MOST_CLASSES_LISTED = 256


def convert(params: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Make the archives that `params` asks for; return how many blocks each zoom has, and facts. Runs confined.

    `params`: recipe (of `ingest.raster.looking`), order (an `Order`), workdir, and names in it: cog, pyramid.
    Raises FileDamaged, NoFeatures (not one pixel has a value), BadOption.
    """
    order, workdir = Order(**params["order"]), Path(params["workdir"])
    progress(0.0, "looking through the pixels")
    work = _Work.prepare(settled(Recipe.from_dict(params["recipe"])), order)
    with ExitStack() as stack:
        cog = stack.enter_context(CogWriter(workdir / params["cog"], work.levels))
        tiles = stack.enter_context(PMTilesWriter(workdir / params["pyramid"])) if order.pyramid else None
        counts = work.run(cog, tiles, lambda f: progress(0.95 * f, "cutting into blocks"))
        progress(0.95, "writing the archives")
        cog.finish(work.codec.template(order.transform, order.tags))
        if tiles:
            tiles.finish(_about(order), {"name": params["title"], "format": order.pyramid})
    return {"tiles": counts, "facts": _facts(work, order)}


@dataclass(frozen=True)
class _Work:
    """One raster on its way to its archives."""

    recipe: Recipe
    order: Order
    levels: list[Level]
    codec: Codec
    tally: Tally

    @classmethod
    def prepare(cls, recipe: Recipe, order: Order) -> _Work:
        if order.pyramid and not recipe.treatment.painted:
            role = recipe.treatment.role
            raise BadOption(
                f"--pyramid is for 8-bit pictures; this is kept as {role} in {recipe.treatment.dtype}",
                remedy="Leave it out: its tiles are drawn when they are asked for.",
            )
        codec = _codec(recipe, order.quality)
        tally = Tally(3 if codec.name == "webp" else codec.bands, codec.nodata)
        return cls(recipe, order, order.levels, codec, tally)

    def run(self, cog: CogWriter, tiles: PMTilesWriter | None, progress: Callable[[float], None]) -> dict[int, int]:
        """Cut all levels; return how many blocks each zoom has."""
        order, counts = self.order, dict.fromkeys(range(self.order.lowest, self.order.maxzoom + 1), 0)

        def keep(zoom: int, column: int, row: int, block: bytes) -> None:
            counts[zoom] += 1
            cog.put(order.maxzoom - zoom, column, row, block)
            if tiles and order.pyramid == "webp" and zoom >= order.minzoom:
                tiles.add(tile_id(zoom, column, row), block)

        def keep_tile(zoom: int, column: int, row: int, tile: bytes) -> None:
            if tiles and zoom >= order.minzoom:
                tiles.add(tile_id(zoom, column, row), tile)

        outputs: list[tuple[Encode, Keep]] = [(self.codec.encode, keep)]
        if order.pyramid in ("png", "jpeg"):
            outputs.append((partial(encode_tiles, kind=order.pyramid, quality=order.quality), keep_tile))
        cut = Cut(self.levels, order.window, _how(self.recipe), self.codec, _outline(self.recipe))
        with PixelSource(self.recipe, self.levels[0], threads()) as source:
            Cutter(source, cut, outputs, progress, self.tally).run()
        if not self.tally.valid:
            raise NoFeatures(
                "not one of its pixels has a value", file=self.recipe.file, remedy="Check it in a GIS."
            )
        return counts


def _about(order: Order) -> About:
    west, south = inverse(order.boxes[0][0], order.boxes[0][1])
    east, north = inverse(order.boxes[-1][2], order.boxes[-1][3])
    whole = len(order.boxes) > 1
    bounds = (-180.0 if whole else west, south, 180.0 if whole else east, north)
    kind = {"jpeg": "jpg"}.get(str(order.pyramid), str(order.pyramid))
    return About(tile_type=kind, gzipped=False, bounds=bounds, minzoom=order.minzoom, maxzoom=order.maxzoom)


def _outline(recipe: Recipe) -> shapely.Geometry:
    return shapely.from_wkb(bytes.fromhex(recipe.outline))


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


def _facts(work: _Work, order: Order) -> dict[str, Any]:
    treatment, codec, statistics = work.recipe.treatment, work.codec, work.tally.result()
    facts: dict[str, Any] = {
        "role": treatment.role,
        "bands": codec.bands,
        "dtype": codec.dtype,
        "nodata": codec.nodata,
        "alpha": codec.name == "webp",
        "unit": treatment.unit,
        "statistics": statistics,
        "colormap": _colormap(treatment.colours) if treatment.role == "classes" else None,
        "resolution_m": order.resolution_m,
        "compression": codec.name,
        "blocksize": BLOCK,
        "aligned": True,
        "lowest_zoom": order.lowest,
        "max_error": codec.max_error,
        "pyramid": order.pyramid,
        "source_bands": list(treatment.bands),
    }
    if treatment.names:
        facts["class_names"] = [[value, text] for value, text in treatment.names.items()]
    if treatment.ramp:
        facts["ramp"] = treatment.ramp
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
