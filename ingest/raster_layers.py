"""From a raster that was looked at to archives ready to be published: encode, verify, describe.

The pixels are taken in a second confined child, whose limits grow with the raster. What it leaves is opened
again here, by the readers that the server uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ingest.made import REMEDY, Put, verify_tiles
from ingest.raster.zooms import TILE, Zooms, choose
from ingest.rasters import ReadRaster
from ingest.reading import sandbox
from ingest.sandbox import Limits, Task
from naru.cog import Cog
from naru.errors import ArchiveDamaged, NaruError, ParserDied
from naru.pmtiles import mapped
from naru.raster_facts import RasterFacts
from naru.raster_style import raster_style
from naru.records import Archive, BBox, Draft, IngestReport, Progress, Tileset
from naru.style import Style

TileType = Literal["png", "jpg", "webp"]
PYRAMIDS: Mapping[str, TileType] = {"webp": "webp", "png": "png", "jpeg": "jpg"}
QUALITY = 75  # of WebP and JPEG, unless said otherwise; 100 is lossless
_CPU_S_PER_MPX = 2.0  # ten times what was measured


@dataclass(frozen=True)
class RasterWish:
    """What the user said of a raster's tiles."""

    minzoom: int | None = None
    maxzoom: int | None = None
    quality: int = QUALITY
    pyramid: str | None = None  # webp, png or jpeg: tiles ready to be sent, beside the COG


@dataclass(frozen=True)
class PackedRaster:
    """One raster, ready to be published: the COG, and pre-rendered tiles if wished."""

    cog: Path
    pyramid: Path | None
    zooms: Zooms
    tiles: int
    facts: Mapping[str, Any]
    bounds: BBox  # lon/lat on WGS 84
    pending: tuple[str, ...] = ()  # other grids are drawn from the COG when they are asked for

    def reported(self, report: IngestReport) -> IngestReport:
        """Return the report with what became of the raster."""
        size = sum(path.stat().st_size for path in (self.cog, self.pyramid) if path)
        zooms = self.zooms
        return replace(report, minzoom=zooms.minzoom, maxzoom=zooms.maxzoom, tiles=self.tiles, bytes=size)

    def drawn(self, draft: Draft, styles: Mapping[str, Style]) -> Draft:
        """Return the draft with the style of the raster's role."""
        return replace(draft, style=raster_style(draft.id, RasterFacts.of({"raster": self.facts})))

    def stored(self, put: Put) -> tuple[Archive | None, tuple[Tileset, ...]]:
        """Move the archives into storage; return the COG and the tileset to be shown."""
        source = put(self.cog)
        if self.pyramid:
            return source, (self._tileset(put(self.pyramid), PYRAMIDS[self.facts["pyramid"]]),)
        return source, (self._tileset(source, "webp" if self.facts["compression"] == "webp" else "png"),)

    def _tileset(self, archive: Archive, tile_type: TileType) -> Tileset:
        return Tileset(
            archive=archive,
            tile_type=tile_type,
            tile_matrix_set="WebMercatorQuad",
            minzoom=self.zooms.minzoom,
            maxzoom=self.zooms.maxzoom,
            bounds=self.bounds,
            tiles=self.tiles,
            rules={"raster": dict(self.facts)},
        )


def encode_raster(
    read: ReadRaster, layer_id: str, wish: RasterWish, workdir: Path, progress: Progress
) -> PackedRaster:
    """Cut a raster into its archives in `workdir`.

    Raises BadOption, TooLarge (before any work), FileDamaged, NoFeatures, ParserDied, ArchiveDamaged.
    """
    zooms = zooms_of(read, wish)
    workdir = workdir.resolve()
    cog = workdir / f"{layer_id}.tif"
    pyramid = workdir / f"{layer_id}.pmtiles" if wish.pyramid else None
    params: dict[str, Any] = {"recipe": read.recipe, "order": order_of(read, zooms, wish), "cog": cog.name}
    params |= {"pyramid": pyramid.name if pyramid else None, "title": layer_id, "workdir": str(workdir)}
    task = Task("ingest.raster.convert:convert", params, readable=read.files, writable=[workdir])
    said = run_confined(task, limits_of(read, zooms), layer_id, progress)
    return checked(said, read, zooms, (cog, pyramid))


def zooms_of(read: ReadRaster, wish: RasterWish) -> Zooms:
    """Return the zooms that a raster gets. Raises BadOption, TooLarge."""
    return choose(read.cell, read.role, read.boxes, wish.minzoom, wish.maxzoom)


def order_of(read: ReadRaster, zooms: Zooms, wish: RasterWish) -> dict[str, Any]:
    """Return the fields of an `ingest.raster.order.Order`."""
    zoomed = {"maxzoom": zooms.maxzoom, "lowest": zooms.lowest, "minzoom": zooms.minzoom}
    return {"boxes": read.boxes, "quality": wish.quality, "pyramid": wish.pyramid} | zoomed


def run_confined(task: Task, limits: Limits, layer_id: str, progress: Progress) -> Any:
    """Return the answer of a task for one layer; errors name the layer."""
    try:
        return sandbox().run(task, limits, progress).result
    except NaruError as error:
        error.layer = error.layer or layer_id
        raise


def limits_of(read: ReadRaster, zooms: Zooms) -> Limits:
    """Return limits that grow with the pixels to be read and to be made."""
    usual = Limits()
    cell = 2 * 20_037_508.34 / (TILE << zooms.maxzoom)
    made = sum((b[2] - b[0]) * (b[3] - b[1]) for b in read.boxes) / cell**2
    mpx = max(read.width * read.height, made) * max(read.bands, 4) / 4 / 1e6
    cpu_s = usual.cpu_s + int(mpx * _CPU_S_PER_MPX)
    return replace(usual, cpu_s=cpu_s, wall_s=2.0 * cpu_s, file_bytes=max(usual.file_bytes, 2 * usual.raster_bytes))


def checked(said: Any, read: ReadRaster, zooms: Zooms, files: tuple[Path, Path | None]) -> PackedRaster:
    """Believe the child only as far as its archives bear it out. Raises ParserDied, ArchiveDamaged."""
    cog, pyramid = files
    try:
        counts = {int(zoom): int(count) for zoom, count in said["tiles"].items()}
        facts = {**said["facts"], "width": read.width, "height": read.height}
        RasterFacts.of({"raster": facts})
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        message = f"the parser's answer does not have the agreed shape ({error})"
        raise ParserDied(message, remedy="The file is probably damaged.") from error
    shown = sum(count for zoom, count in counts.items() if zoom >= zooms.minzoom)
    _verify_cog(cog, zooms, counts)
    if pyramid:
        verify_tiles(pyramid, shown)
    return PackedRaster(cog, pyramid, zooms, shown, facts, read.bounds)


def _verify_cog(path: Path, zooms: Zooms, counts: Mapping[int, int]) -> None:
    """Open the COG as a server will: every level there, every block counted."""
    with mapped(path) as file:
        cog = Cog(file)
        for zoom in range(zooms.lowest, zooms.maxzoom + 1):
            written = sum(1 for n in cog.level(zoom).counts if n)
            if written != counts.get(zoom):
                raise ArchiveDamaged(
                    f"{written} of {counts.get(zoom)} blocks of zoom {zoom} were written",
                    file=path.name,
                    remedy=REMEDY,
                )
