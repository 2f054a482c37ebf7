"""From features that were read to a pyramid ready to be published: tile, verify, describe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ingest.made import Put, verify_tiles
from ingest.reading import ReadLayer
from ingest.recut import TilesBefore
from ingest.tiling import TilingOptions, TilingResult, build_tileset
from naru.records import Archive, Count, Draft, IngestReport, Progress, Tileset
from naru.style import Look, Style, choose_colour, default_style, label_field
from naru.symbols import Symbology, drawn_style


@dataclass(frozen=True)
class VectorWish:
    """What the user said of vector tiles."""

    minzoom: int | None = None
    maxzoom: int | None = None
    keep_all: bool = False


@dataclass(frozen=True)
class PackedVectors:
    """A vector layer's source and pyramid, in the work folder."""

    source: Path
    tiles: Path
    result: TilingResult
    symbols: Symbology | None = None  # how the file draws it
    before: TilesBefore | None = None  # whose tiles could be kept

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
        """Move the archives into storage; return the source and its one tileset."""
        result, source = self.result, put(self.source)
        tileset = Tileset(
            archive=put(self.tiles),
            tile_type="mvt",
            tile_matrix_set="WebMercatorQuad",
            minzoom=result.minzoom,
            maxzoom=result.maxzoom,
            bounds=result.bounds,
            tiles=result.tiles,
            vector_layers=result.vector_layers,
            rules=result.rules,
        )
        return source, (tileset,)


def encode_vectors(
    read: ReadLayer,
    draft: Draft,
    wish: VectorWish,
    before: TilesBefore | None,
    workdir: Path,
    progress: Progress,
) -> PackedVectors:
    """Cut a layer's tiles into an archive in `workdir`; those that `before` has alike are copied.

    Raises what `ingest.tiling.build_tileset` raises; ArchiveDamaged.
    """
    tiling = TilingOptions(
        layer=draft.id,
        minzoom=wish.minzoom or 0,
        maxzoom=wish.maxzoom,
        label=label_field(_texts(read.parquet)),
        keep_all=wish.keep_all,
        name=draft.title_ko,
        attribution=draft.attribution,
    )
    tiles = workdir / f"{draft.id}.pmtiles"
    result = build_tileset(read.parquet, tiles, tiling, progress, before.archive if before else None)
    verify_tiles(tiles, result.tiles)
    return PackedVectors(read.parquet, tiles, result, read.symbols, before)


def _texts(parquet: Path) -> dict[str, str]:
    """Return the columns of text; the kinds are named as in TileJSON."""
    schema = pq.read_schema(parquet)
    return {field.name: "String" for field in schema if pa.types.is_string(field.type)}
