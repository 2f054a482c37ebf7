"""From features that were read to a pyramid ready to be published: tile, verify, describe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from ingest.made import Put, verify_tiles
from ingest.other_grids import Cutting, GridTiles, cut_all, is_quick, text_fields
from ingest.reading import ReadLayer
from ingest.recut import TilesBefore
from ingest.tiling import TilingOptions, TilingResult, build_tileset
from naru.grid_jobs import others
from naru.grids import GRIDS, WEB_MERCATOR
from naru.records import Archive, Count, Draft, IngestReport, Progress, Tileset
from naru.style import Look, Style, choose_colour, default_style, label_field
from naru.symbols import Symbology, drawn_style


@dataclass(frozen=True)
class VectorWish:
    """What the user said of vector tiles."""

    minzoom: int | None = None
    maxzoom: int | None = None
    keep_all: bool = False
    grids: Literal["all", "web"] = "all"  # web: Web Mercator alone
    symbols: Symbology | None = None  # how it is drawn; None: as the file draws it, if it does


@dataclass(frozen=True)
class PackedVectors:
    """A vector layer's source and its pyramids, in the work folder."""

    source: Path
    tiles: Path
    result: TilingResult
    symbols: Symbology | None = None  # how the file draws it
    before: TilesBefore | None = None  # whose tiles could be kept
    elsewhere: tuple[GridTiles, ...] = ()  # its pyramids in other grids
    pending: tuple[str, ...] = ()  # the grids in which it is cut after it is published

    def reported(self, report: IngestReport) -> IngestReport:
        """Return the report with what became of the features."""
        result = self.result
        skipped = tuple(Count(reason, count) for reason, count in sorted(result.skipped.items()))
        return replace(
            report,
            features_published=result.features,
            features_dropped=report.features_dropped + skipped,
            bounds=result.bounds,  # of the shapes themselves; transformed corners of a box reach a little further
            minzoom=result.minzoom,
            maxzoom=result.maxzoom,
            tiles=result.tiles,
            bytes=result.bytes,
            warnings=(*report.warnings, *(self.before.warnings if self.before else ())),
            tiles_kept=self.result.kept if self.before else None,
            grids_pending=self.pending,
        )

    def drawn(self, draft: Draft, styles: Mapping[str, Style]) -> Draft:
        """Return the draft with a style: as the file draws it, else in a colour that no other layer has."""
        look = Look(
            geometry=draft.geometry,
            colour=choose_colour(draft.id, draft.function, styles),
            name_field=label_field(self.result.vector_layers[0]["fields"]),
            label_points=len(self.result.vector_layers) > 1,
            quiet=draft.function == "basemap",
        )
        if self.symbols is not None:
            return replace(draft, style=drawn_style(draft.id, look, self.symbols))
        return replace(draft, style=default_style(draft.id, look))

    def stored(self, put: Put) -> tuple[Archive | None, tuple[Tileset, ...]]:
        """Move the archives into storage; return the source and its tilesets, Web Mercator's first."""
        mercator = GridTiles(GRIDS[WEB_MERCATOR], self.tiles, self.result, self.result.bounds)
        return put(self.source), tuple(tiles.stored(put) for tiles in (mercator, *self.elsewhere))


Packed = TypeVar("Packed", bound=PackedVectors)


@dataclass(frozen=True)
class Base:
    """What a layer's next version is cut upon: the tiles of the one before in a grid, and where to work.

    `dry`: nothing will be published.
    """

    before: Callable[[str], TilesBefore | None]
    workdir: Path
    dry: bool = False


def encode_vectors(
    read: ReadLayer, draft: Draft, wish: VectorWish, base: Base, progress: Progress
) -> PackedVectors:
    """Cut a layer's tiles into archives in the work folder; those that the version before has alike are copied.

    Raises what `ingest.tiling.build_tileset` raises; ArchiveDamaged.
    """
    tiling = TilingOptions(
        layer=draft.id,
        minzoom=wish.minzoom or 0,
        maxzoom=wish.maxzoom,
        label=label_field(text_fields(read.parquet)),
        keep_all=wish.keep_all,
        name=draft.title_ko,
        attribution=draft.attribution,
    )
    tiles, before = base.workdir / f"{draft.id}.pmtiles", base.before(WEB_MERCATOR)
    result = build_tileset(read.parquet, tiles, tiling, progress, before.archive if before else None)
    verify_tiles(tiles, result.tiles)
    packed = PackedVectors(read.parquet, tiles, result, wish.symbols or read.symbols, before)
    return in_other_grids(packed, tiling, wish, base)


def in_other_grids(packed: Packed, tiling: TilingOptions, wish: VectorWish, base: Base) -> Packed:
    """Return a layer cut in the other grids too, or with their names, where that takes longer."""
    result = packed.result
    if wish.grids == "web" or base.dry:
        return packed
    if not is_quick(result):
        return replace(packed, pending=tuple(grid.id for grid in others(result.bounds)))
    zooms = result.minzoom, result.maxzoom
    cutting = Cutting(packed.source, tiling, zooms, result.bounds, base.workdir)
    return replace(packed, elsewhere=cut_all(cutting, base.before))
