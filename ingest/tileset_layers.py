"""From a ready-made tileset that was looked at to an archive ready to be published. The parent's side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ingest.made import Put, verify_tiles
from ingest.reading import sandbox
from ingest.sandbox import Limits, Task
from ingest.tileset_entries import ReadTiles
from naru.errors import NaruError, ParserDied
from naru.raster_facts import RasterFacts
from naru.raster_style import raster_style
from naru.records import Archive, BBox, Draft, IngestReport, Progress, Tileset
from naru.style import Look, Style, choose_colour, default_style

_TYPES = frozenset({"mvt", "png", "jpg", "webp"})


@dataclass(frozen=True)
class PackedTiles:
    """A tileset taken over: the archive in the work folder, and what it holds."""

    path: Path
    tile_type: Any  # mvt, png, jpg or webp
    tiles: int
    minzoom: int
    maxzoom: int
    bounds: BBox
    vector_layers: tuple[Mapping[str, Any], ...]
    facts: Mapping[str, Any]  # of pictures
    pending: tuple[str, ...] = ()  # there is no source to cut other grids from

    def reported(self, report: IngestReport) -> IngestReport:
        """Return the report with what became of the tileset."""
        return replace(
            report,
            bounds=self.bounds,
            minzoom=self.minzoom,
            maxzoom=self.maxzoom,
            tiles=self.tiles,
            bytes=self.path.stat().st_size,
        )

    def drawn(self, draft: Draft, styles: Mapping[str, Style]) -> Draft:
        """Return the draft with a style: pictures as they are, each vector layer in the colour of the whole."""
        if self.tile_type != "mvt":
            return replace(draft, style=raster_style(draft.id, RasterFacts.of({"raster": self.facts})))
        colour = choose_colour(draft.id, draft.function, styles)
        look = Look("mixed", colour, None, False, draft.function == "basemap")
        names: Sequence[str] = [str(layer["id"]) for layer in self.vector_layers]
        parts = [
            part | {"id": f"{part['id']}-{number}" if number else part["id"], "source-layer": name}
            for number, name in enumerate(names)
            for part in default_style(draft.id, look)
        ]
        return replace(draft, style=tuple(parts))

    def stored(self, put: Put) -> tuple[Archive | None, tuple[Tileset, ...]]:
        """Move the archive into storage; there is no source beside it."""
        tileset = Tileset(
            archive=put(self.path),
            tile_type=self.tile_type,
            tile_matrix_set="WebMercatorQuad",
            minzoom=self.minzoom,
            maxzoom=self.maxzoom,
            bounds=self.bounds,
            tiles=self.tiles,
            vector_layers=self.vector_layers,
            rules={} if self.tile_type == "mvt" else {"raster": dict(self.facts)},
        )
        return None, (tileset,)


def encode_tiles(read: ReadTiles, layer_id: str, workdir: Path, progress: Progress) -> PackedTiles:
    """Take a tileset over in a confined child.

    Raises FileDamaged, NoFeatures, TooLarge, ParserDied, ArchiveDamaged.
    """
    workdir = workdir.resolve()
    path = workdir / f"{layer_id}.pmtiles"
    params = {"recipe": read.recipe, "workdir": str(workdir), "pmtiles": path.name, "layer": layer_id}
    task = Task("ingest.tilesets.taking:take", params, readable=read.files, writable=[workdir])
    limits = replace(Limits(), cpu_s=3600, wall_s=7200.0, file_bytes=2 * Limits().file_bytes)
    try:
        answer = sandbox().run(task, limits, progress)
    except NaruError as error:
        error.layer = error.layer or layer_id
        raise
    packed = _checked(answer.result, path)
    verify_tiles(path, packed.tiles)
    return packed


def _checked(said: Any, path: Path) -> PackedTiles:
    try:
        west, south, east, north = (float(v) for v in said["bounds"])
        packed = PackedTiles(
            path=path,
            tile_type=said["tile_type"],
            tiles=int(said["tiles"]),
            minzoom=int(said["minzoom"]),
            maxzoom=int(said["maxzoom"]),
            bounds=(west, south, east, north),
            vector_layers=tuple(dict(v) for v in said["vector_layers"]),
            facts={"role": "imagery", "dtype": "uint8", "alpha": True, "tile_size": int(said["tile_size"])},
        )
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        message = f"the parser's answer does not have the agreed shape ({error})"
        raise ParserDied(message, remedy="The file is probably damaged.") from error
    if packed.tile_type not in _TYPES or not 0 <= packed.minzoom <= packed.maxzoom <= 24:
        raise ParserDied(
            "the parser's answer names tiles that there are not", remedy="The file is probably damaged."
        )
    return packed
