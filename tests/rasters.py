"""Rasters to be served, made here: GDAL's own COG driver writes them on the tile grid, from known numbers.

The scene lies over Seoul: its upper left corner is tile 14/13968/6344, and it is 2 × 2 tiles of zoom 14 wide.
"""

from __future__ import annotations

import io
import math
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from rasterio.shutil import copy

from naru.house import House
from naru.pmtiles import PMTilesWriter, tile_id
from naru.pmtiles.writer import About
from naru.records import Draft, IngestReport, Release, Tileset

EDGE_M = math.pi * 6378137.0
ZOOM, LEFT, TOP, ACROSS = 14, 13968, 6344, 2  # finest zoom; its tiles
SIDE = 256 * ACROSS
BOUNDS = (126.9140625, 37.54457732085582, 126.9580078125, 37.57941251343839)
FULL, EMPTY = (ZOOM, LEFT, TOP), (ZOOM, LEFT + 1, TOP + 1)  # the last quarter of every scene is left out
COARSE = (ZOOM - 1, LEFT // 2, TOP // 2)
NODATA = -9999.0


def grid(zoom: int = ZOOM, left: int = LEFT, top: int = TOP) -> Affine:
    """Return the transform of a raster that begins at a tile's corner."""
    pixel = 2 * EDGE_M / 256 / 2**zoom
    return Affine(pixel, 0, left * 256 * pixel - EDGE_M, 0, -pixel, EDGE_M - top * 256 * pixel)


def photo() -> NDArray[np.uint8]:
    """Return an RGBA picture: red grows eastwards, green southwards; the south-eastern quarter is not there."""
    down, across = np.mgrid[0:SIDE, 0:SIDE]
    rgba = np.stack([across // 2, down // 2, np.full_like(down, 90), np.full_like(down, 255)]).astype("u1")
    rgba[:, 256:, 256:] = 0
    return rgba


def hills() -> NDArray[np.float32]:
    """Return heights between 20 and 180 m with centimetres; the south-eastern quarter is not there."""
    down, across = np.mgrid[0:SIDE, 0:SIDE]
    heights = 100 + 50 * np.sin(across / 37.0) + 30 * np.cos(down / 23.0) + (across % 7) / 100
    heights[256:, 256:] = NODATA
    return heights.astype("f4")


def classes() -> NDArray[np.uint8]:
    """Return land cover 1, 2, 3 in stripes of 64 pixels; 0, nothing, in the south-eastern quarter."""
    stripes = np.broadcast_to(1 + np.arange(SIDE) // 64 % 3, (SIDE, SIDE)).copy()
    stripes[256:, 256:] = 0
    return stripes.astype("u1")


def write_cog(path: Path, bands: NDArray[Any], *, transform: Any = None, **options: Any) -> Path:
    """Write (bands, rows, columns) as a COG on the tile grid with GDAL's COG driver."""
    nodata = options.pop("nodata", None)
    plain = path.with_suffix(".plain.tif")
    count, height, width = bands.shape
    about = {"count": count, "height": height, "width": width, "dtype": bands.dtype, "nodata": nodata}
    colours = {"photometric": "RGB", "alpha": "yes"} if count == 4 else {}
    place = {"crs": "EPSG:3857", "transform": transform or grid()}
    with rasterio.open(plain, "w", driver="GTiff", **about, **colours, **place) as raster:
        raster.write(bands)
    shape = {"BLOCKSIZE": 256, "OVERVIEW_COUNT": 1, "SPARSE_OK": "YES", "OVERVIEW_RESAMPLING": "AVERAGE"}
    copy(plain, path, driver="COG", **(shape | options))
    plain.unlink()
    return path


def facts(role: str, dtype: str, **more: Any) -> dict[str, Any]:
    """Return what the catalogue says of a raster."""
    about = {"width": SIDE, "height": SIDE, "bands": 1, "dtype": dtype, "nodata": None, "alpha": False}
    return about | {"role": role, "unit": None, "statistics": [], "colormap": None} | more


HEIGHTS = {"min": 20.0, "max": 180.0, "mean": 100.0, "p2": 30.0, "p98": 170.0}
COVER = [[0, 0, 0, 0, 0], [1, 30, 120, 40, 255], [2, 200, 40, 40, 255], [3, 40, 80, 200, 255]]


@dataclass(frozen=True)
class Scene:
    """A raster layer to be made."""

    id: str
    kind: str = "photo"  # photo, hills, cover, survey (16 bit), grey (measurements), pyramid (PMTiles)
    visibility: str = "public"
    rules: dict[str, Any] = field(default_factory=dict)  # facts that differ
    style: tuple[dict[str, Any], ...] = ()
    quality: int = 90  # of WebP, and LERC's level: another one makes another file


def _archive(folder: Path, scene: Scene) -> tuple[Path, str, dict[str, Any]]:
    """Return archive, tile type and facts."""
    path, kind, quality = folder / "raster.tif", scene.kind, scene.quality
    if kind == "photo":
        write_cog(path, photo(), COMPRESS="WEBP", QUALITY=quality)
        return path, "webp", facts("imagery", "uint8", alpha=True)
    if kind == "hills":
        lerc = {"COMPRESS": "LERC_ZSTD", "MAX_Z_ERROR": 0, "LEVEL": 90 // quality}
        write_cog(path, hills()[None], nodata=NODATA, **lerc)
        return path, "png", facts("elevation", "float32", unit="m", nodata=NODATA, statistics=[HEIGHTS])
    if kind == "cover":
        write_cog(path, classes()[None], nodata=0, COMPRESS="DEFLATE", OVERVIEW_RESAMPLING="MODE")
        return path, "png", facts("classes", "uint8", colormap=COVER, statistics=[{"min": 1, "max": 3}])
    if kind == "survey":
        write_cog(path, (photo()[:3].astype("u2") * 40 + 1000), COMPRESS="DEFLATE")
        stretch = {"min": 1000, "max": 11200, "mean": 6000, "p2": 1000, "p98": 11200}
        return path, "png", facts("imagery", "uint16", bands=3, statistics=[stretch] * 3)
    if kind == "grey":
        write_cog(path, hills()[None], nodata=NODATA, COMPRESS="DEFLATE")
        return path, "png", facts("data", "float32", statistics=[HEIGHTS])
    assert kind == "pyramid", kind
    return _pyramid(folder / "raster.pmtiles"), "webp", facts("imagery", "uint8", alpha=True)


def _pyramid(path: Path) -> Path:
    with PMTilesWriter(path) as writer:
        for x, y in ((0, 0), (1, 0), (0, 1)):
            square = photo()[:, 256 * y : 256 * (y + 1), 256 * x : 256 * (x + 1)]
            writer.add(tile_id(ZOOM, LEFT + x, TOP + y), webp(square))
        about = About(tile_type="webp", gzipped=False, bounds=BOUNDS, minzoom=ZOOM, maxzoom=ZOOM)
        writer.finish(about, {})
    return path


def webp(rgba: NDArray[np.uint8]) -> bytes:
    """Return a picture as lossless WebP."""
    out = io.BytesIO()
    Image.fromarray(rgba.transpose(1, 2, 0).copy()).save(out, "WEBP", lossless=True)
    return out.getvalue()


def pixels_of(picture: bytes, mode: str | None = None) -> NDArray[np.uint8]:
    """Return a picture file's channels, as Pillow reads them, greys as colours: (channels, rows, columns)."""
    with Image.open(io.BytesIO(picture)) as image:
        as_colours = {"L": "RGB", "LA": "RGBA"}.get(image.mode, image.mode)
        assert mode or as_colours in ("RGB", "RGBA"), image.mode
        return np.asarray(image.convert(mode or as_colours)).transpose(2, 0, 1)


def publish_raster(house: House, scene: Scene) -> Path:
    """Publish a scene; return where its archive lies."""
    folder = Path(mkdtemp(dir=house.settings.home))
    file, tile_type, known = _archive(folder, scene)
    archive = house.storage.put(file)
    shutil.rmtree(folder)
    minzoom = ZOOM if scene.kind == "pyramid" else ZOOM - 1
    rules = {"raster": known | scene.rules}
    tileset = Tileset(archive, tile_type, "WebMercatorQuad", minzoom, ZOOM, BOUNDS, 4, (), rules)  # type: ignore[arg-type]
    made = (scene.id, "raster", 0, 0, (), (), None, "EPSG:3857", "given", None, None)
    report = IngestReport(*made, BOUNDS, minzoom, ZOOM, 4, archive.size)  # type: ignore[arg-type]
    names = (scene.id, f"{scene.id} 영상", scene.id.title(), "content", scene.visibility, "CC-BY", "© 서울")
    draft = Draft(*names, "raster", "", scene.style, report)  # type: ignore[arg-type]
    house.catalogue.publish([Release(draft, archive, (tileset,), None)])
    return house.storage.path(archive)
