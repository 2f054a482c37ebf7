"""What the confined child does with a ready-made tileset: look at it; once its layer has an id, take it over."""

from __future__ import annotations

import gzip
import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.receive import Dataset
from ingest.tilesets.sources import Tile, open_tiles
from ingest.tilesets.tiles import as_webp, check_stored, kind_of, picture_side, renamed, unpacked
from naru.errors import FileDamaged, NaruError, NoFeatures
from naru.pmtiles.hilbert import tile_id
from naru.pmtiles.writer import About, PMTilesWriter
from naru.records import BBox, Progress
from naru.tms import web_mercator_bounds

_SUFFIX = {"MBTiles": ".mbtiles", "PMTiles": ".pmtiles"}
_MOST_LAYERS, _MOST_FIELDS, _ENOUGH_NAMES = 100, 500, 2


def look(dataset: Dataset, kind: str, folder: Path) -> dict[str, Any]:
    """Return the entry of one tileset for `ingest.reading`; its file is kept in `folder`.

    Raises FileDamaged, NoFeatures, TooLarge, UnknownFormat, naming the file.
    """
    folder.mkdir(parents=True)
    path = folder / f"tiles{_SUFFIX[kind]}"
    if dataset.main.is_symlink():
        path.symlink_to(dataset.main.readlink())
    else:
        shutil.move(dataset.main, path)
    try:
        with open_tiles(path, kind, dataset.file) as source:
            first = next(iter(source.tiles()), None)
            if first is None:
                raise NoFeatures("it holds no tile", remedy="Write the tileset anew.")
            about = source.metadata
    except NaruError as error:
        error.file = error.file or dataset.file
        raise
    return {
        "kind": "tiles",
        "name": str(about.get("name") or dataset.name)[:200],
        "vector": kind_of(first[3]) == "mvt",
        "attribution": str(about.get("attribution") or "")[:2000],
        "recipe": {"path": str(path), "format": kind, "file": dataset.file},
        "warnings": [],
    }


@dataclass
class _Taken:
    """What is known of the tiles once all have passed."""

    layer: str
    several: bool = False  # vector layers
    kinds: set[str] = field(default_factory=set)
    sides: set[int] = field(default_factory=set)
    names: dict[str, None] = field(default_factory=dict)  # of vector layers, in order of appearance
    counts: dict[int, int] = field(default_factory=dict)
    edges: dict[int, list[int]] = field(default_factory=dict)  # zoom: first and last column and row

    def name(self, inner: str) -> str:
        """Return what a vector layer is called here: as our layer; one of several has its own name behind that."""
        self.names.setdefault(inner)
        if len(self.names) > _MOST_LAYERS:
            raise FileDamaged(f"it has more than {_MOST_LAYERS} vector layers", remedy="Split it.")
        return f"{self.layer}--{inner}" if self.several else self.layer

    def note(self, zoom: int, column: int, row: int) -> None:
        self.counts[zoom] = self.counts.get(zoom, 0) + 1
        edge = self.edges.setdefault(zoom, [column, row, column, row])
        edge[:] = [min(edge[0], column), min(edge[1], row), max(edge[2], column), max(edge[3], row)]

    def bounds(self) -> BBox:
        """Return the bounds of the finest zoom's tiles."""
        zoom = max(self.edges)
        left, top, right, bottom = self.edges[zoom]
        west, _, _, north = web_mercator_bounds(zoom, left, top)
        _, south, east, _ = web_mercator_bounds(zoom, right, bottom)
        return west, south, east, north


def take(params: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Write the tileset as PMTiles under the layer's id. Runs confined; `params`: recipe, workdir, pmtiles, layer.

    Raises FileDamaged, NoFeatures, TooLarge.
    """
    recipe, target = params["recipe"], Path(params["workdir"]) / params["pmtiles"]
    taken = _Taken(params["layer"])
    progress(0.0, "looking at the tiles")
    try:
        with open_tiles(Path(recipe["path"]), recipe["format"], recipe["file"]) as source:
            for number, (_, _, _, data) in enumerate(source.tiles()):
                if data:
                    check_stored(data)
                    kind = kind_of(data)
                    taken.kinds.add(kind)
                    if kind == "mvt" and len(taken.names) < _ENOUGH_NAMES:
                        renamed(unpacked(data), taken.name)
                if number % 5000 == 0:
                    progress(min(0.2, number / 1e6), "looking at the tiles")
            taken.several = len(taken.names) > 1
            return _write(source.tiles(), source.metadata, taken, target, progress)
    except NaruError as error:
        error.file = error.file or recipe["file"]
        raise


def _write(
    tiles: Any, metadata: Mapping[str, Any], taken: _Taken, target: Path, progress: Progress
) -> dict[str, Any]:
    pictures = taken.kinds - {"mvt"}
    if not taken.kinds or (pictures and "mvt" in taken.kinds):
        what = "pictures and vector tiles together" if taken.kinds else "only empty tiles"
        raise FileDamaged(f"it holds {what}", remedy="Write the tileset anew.")
    kind = "webp" if len(pictures) > 1 else next(iter(taken.kinds))
    with PMTilesWriter(target) as writer:
        for number, tile in enumerate(tiles):
            if tile[3]:
                _add(writer, tile, kind, taken)
            if number % 1000 == 0:
                progress(min(0.9, 0.2 + number / 1e6), "taking the tiles over")
        if not taken.counts:
            raise NoFeatures("all of its tiles are empty", remedy="Write the tileset anew.")
        layers = _vector_layers(metadata, taken) if kind == "mvt" else []
        bounds = _bounds(metadata, taken)
        about = About(tile_type=kind, gzipped=kind == "mvt", bounds=bounds)
        writer.finish(about, {"name": taken.layer, "vector_layers": layers} if layers else {"name": taken.layer})
    return {
        "tile_type": kind,
        "tiles": sum(taken.counts.values()),
        "minzoom": min(taken.counts),
        "maxzoom": max(taken.counts),
        "bounds": list(bounds),
        "vector_layers": layers,
        "tile_size": max(taken.sides, default=0),
    }


def _add(writer: PMTilesWriter, tile: Tile, kind: str, taken: _Taken) -> None:
    zoom, column, row, data = tile
    if kind == "mvt":
        plain = renamed(unpacked(data), taken.name)
        if not plain:
            return
        data = gzip.compress(plain, 6, mtime=0)
    else:
        taken.sides.add(picture_side(data))
        data = data if kind_of(data) == kind else as_webp(data)
    try:
        writer.add(tile_id(zoom, column, row), data)
    except ValueError as error:
        raise FileDamaged(str(error), remedy="Write the tileset anew.") from error
    taken.note(zoom, column, row)


def _vector_layers(metadata: Mapping[str, Any], taken: _Taken) -> list[dict[str, Any]]:
    """Return TileJSON's vector_layers under our names, with the fields that the metadata names."""
    said = metadata.get("vector_layers")
    fields = (
        {str(v.get("id")): v.get("fields") for v in said if isinstance(v, dict)} if isinstance(said, list) else {}
    )
    return [
        {
            "id": taken.name(name),
            "fields": _plain(fields.get(name)),
            "minzoom": min(taken.counts),
            "maxzoom": max(taken.counts),
        }
        for name in list(taken.names)
    ]


def _plain(fields: object) -> dict[str, str]:
    if not isinstance(fields, dict):
        return {}
    return {str(k)[:200]: str(v)[:200] for k, v in list(fields.items())[:_MOST_FIELDS] if str(k)}


def _bounds(metadata: Mapping[str, Any], taken: _Taken) -> BBox:
    """Return the metadata's bounds where they lie within the tiles, else the tiles'."""
    tiles = taken.bounds()
    said = metadata.get("bounds")
    try:
        parts = json.loads(f"[{said}]") if isinstance(said, str) else said
        west, south, east, north = (float(v) for v in parts or ())
    except (ValueError, TypeError, RecursionError):
        return tiles
    held = (max(west, tiles[0]), max(south, tiles[1]), min(east, tiles[2]), min(north, tiles[3]))
    usable = all(map(math.isfinite, held)) and held[0] <= held[2] and held[1] <= held[3]
    return held if usable else tiles
