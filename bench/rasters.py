"""How much does a raster tile cost? Stored blocks, and what is drawn, against rio-tiler on the same files.

An aerial photo (WebP) and heights (LERC) of 4096 × 4096 pixels are made from seeded noise over waves and written by
GDAL's COG driver on the tile grid. Compared is the CPU time of one process a tile, in turns; before timing, both
must give the same pixels. Reading a block with `naru.cog` is given beside, in µs.

    python bench/rasters.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from rasterio.shutil import copy
from rio_tiler.io import Reader

from naru.cog import WEB_MERCATOR_EDGE_M, Cog
from naru.pmtiles import mapped
from naru.raster_facts import RasterFacts
from tileserver.rasters.drawing import Easel
from tileserver.rasters.looks import Look, Subject

ZOOM, LEFT, TOP, SIDE = 16, 55872, 25376, 4096
SEED = 20260101
HEIGHTS = {"min": 0.0, "max": 255.0, "p2": 50.0, "p98": 200.0}
warnings.simplefilter("ignore")  # affine's notes on rasterio's own code


def scene(bands: int) -> NDArray[np.float32]:
    """Return waves with a noise of 5 cm, around 100."""
    down, across = np.mgrid[0:SIDE, 0:SIDE].astype("f4")
    noise = np.random.default_rng(SEED).normal(0, 0.05, (bands, SIDE, SIDE))
    return (100 + 50 * np.sin(across / 97) + 30 * np.cos(down / 71) + noise).astype("f4")


def write(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    """Write (bands, rows, columns) as a COG on the tile grid."""
    pixel = 2 * WEB_MERCATOR_EDGE_M / 256 / 2**ZOOM
    corner = LEFT * 256 * pixel - WEB_MERCATOR_EDGE_M, WEB_MERCATOR_EDGE_M - TOP * 256 * pixel
    plain = path.with_suffix(".plain.tif")
    about = {"count": len(pixels), "height": SIDE, "width": SIDE, "dtype": pixels.dtype, "crs": "EPSG:3857"}
    place = {"transform": Affine(pixel, 0, corner[0], 0, -pixel, corner[1])}
    with rasterio.open(plain, "w", driver="GTiff", **about, **place) as raster:
        raster.write(pixels)
    copy(plain, path, driver="COG", BLOCKSIZE=256, OVERVIEW_COUNT=3, **options)
    plain.unlink()
    return path


def subject(path: Path, role: str, dtype: str) -> Subject:
    """Return a raster as the server knows it."""
    facts = RasterFacts.of({"raster": {"role": role, "dtype": dtype, "statistics": [HEIGHTS]}})
    return Subject(path, Cog(mapped(path)), facts)


def by_rio_tiler(path: Path, rescale: bool) -> Callable[[int, int], bytes]:
    """Return what draws a PNG with rio-tiler, one reader for all tiles."""
    reader = Reader(str(path))

    def draw(x: int, y: int) -> bytes:
        image = reader.tile(x, y, ZOOM)
        if rescale:
            image.rescale(((HEIGHTS["p2"], HEIGHTS["p98"]),))
        return bytes(image.render(img_format="PNG"))

    return draw


def cpu_ms(draw: Callable[[int, int], bytes], tiles: list[tuple[int, int]]) -> float:
    """Return the CPU milliseconds of a tile."""
    begun = time.process_time()
    for x, y in tiles:
        draw(x, y)
    return (time.process_time() - begun) * 1e3 / len(tiles)


def must_agree(ours: bytes, theirs: bytes) -> None:
    """Stop where two pictures of a photo's tile differ."""
    first, second = (np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int) for data in (ours, theirs))
    assert np.abs(first - second).max() == 0, "the pictures differ"


def block_us(cog: Cog, tiles: list[tuple[int, int]]) -> float:
    """Return the microseconds of finding and copying a stored block."""
    begun = time.perf_counter()
    for x, y in tiles:
        cog.get(ZOOM, x, y)
    return (time.perf_counter() - begun) * 1e6 / len(tiles)


def main() -> None:
    """Make, compare, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    tiles = [(LEFT + k % 16, TOP + k // 16) for k in range(0, 256, 5)]
    with tempfile.TemporaryDirectory(prefix="naru-bench-rasters-") as folder:
        photo = write(Path(folder) / "photo.tif", scene(3).clip(0, 255).astype("u1"), COMPRESS="WEBP", QUALITY=80)
        dem = write(Path(folder) / "dem.tif", scene(1), COMPRESS="LERC_ZSTD", MAX_Z_ERROR=0.01)
        picture, heights = subject(photo, "imagery", "uint8"), subject(dem, "elevation", "float32")
        ways = {
            "photo, PNG by rio-tiler": by_rio_tiler(photo, rescale=False),
            "photo, PNG": drawing(picture, Look("png")),
            "heights, grey PNG by rio-tiler": by_rio_tiler(dem, rescale=True),
            "heights, terrain-RGB PNG": drawing(heights, Look("png", 1, "mapbox")),
            "heights, relief WebP": drawing(heights, Look("webp")),
        }
        must_agree(ways["photo, PNG"](*tiles[7]), ways["photo, PNG by rio-tiler"](*tiles[7]))
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, draw in ways.items():
                times[name].append(cpu_ms(draw, tiles))
        for name, taken in times.items():
            print(f"{name:32s} {statistics.median(taken):6.2f} ms CPU a tile")
        blocks = [block_us(picture.cog, tiles) for _ in range(rounds * 10)]
        print(f"{'photo, a stored WebP block':32s} {statistics.median(blocks):6.2f} µs a tile")


def drawing(what: Subject, look: Look) -> Callable[[int, int], bytes]:
    """Return what draws a tile as the server does, without keeping it."""
    easel = Easel()
    return lambda x, y: easel.draw(what, look, ZOOM, x, y)


if __name__ == "__main__":
    main()
