"""Blocks of tile-aligned COGs, found by arithmetic: compared with what GDAL reads from the same file."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.windows import Window

from naru.cog import Cog
from naru.errors import ArchiveDamaged, TileOutOfRange
from naru.pmtiles import mapped
from tests.rasters import COARSE, EMPTY, FULL, LEFT, NODATA, TOP, ZOOM, grid, hills, photo, pixels_of, write_cog


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cog(tmp_path_factory.mktemp("cog") / "photo.tif", photo(), COMPRESS="WEBP", QUALITY=90)


def opened(data: bytes) -> Cog:
    return Cog(lambda offset, length: data[offset : offset + length])


# --- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize("tile", [FULL, (ZOOM, LEFT + 1, TOP), (ZOOM, LEFT, TOP + 1), COARSE])
def test_a_block_is_the_picture_that_gdal_reads_there(picture: Path, tile: tuple[int, int, int]) -> None:
    z, x, y = tile
    options = {"overview_level": 0} if z < ZOOM else {}
    shift = ZOOM - z
    with rasterio.open(picture, **options) as raster:
        wanted = raster.read(window=Window(256 * (x - (LEFT >> shift)), 256 * (y - (TOP >> shift)), 256, 256))
    block = Cog(mapped(picture)).get(*tile)
    assert block is not None
    found = pixels_of(block, "RGBA")  # an opaque block needs no alpha
    assert (found[3] == wanted[3]).all()
    opaque = wanted[3] > 0
    assert (found[:3, opaque] == wanted[:3, opaque]).all()


def test_what_was_left_out_and_what_lies_beside_is_nothing(picture: Path) -> None:
    cog = Cog(mapped(picture))
    for tile in (EMPTY, (ZOOM, LEFT - 1, TOP), (ZOOM, LEFT, TOP + 2), (ZOOM, LEFT + 2, TOP), (ZOOM, 0, 0)):
        assert cog.get(*tile) is None
        assert not cog.has(*tile)
    assert cog.has(*FULL)


def test_zooms_are_the_files_resolutions(picture: Path) -> None:
    cog = Cog(mapped(picture))
    assert (cog.minzoom, cog.maxzoom) == (ZOOM - 1, ZOOM)
    for z in (ZOOM - 2, ZOOM + 1):
        with pytest.raises(TileOutOfRange, match="13 to 14"):
            cog.get(z, 0, 0)


@pytest.mark.parametrize("options", [{"BIGTIFF": "YES"}, {"BIGTIFF": "NO"}])
def test_bigtiff_and_tiff_are_read_alike(tmp_path: Path, options: dict[str, str]) -> None:
    path = write_cog(tmp_path / "a.tif", hills()[None], nodata=NODATA, COMPRESS="DEFLATE", **options)
    cog = Cog(mapped(path))
    assert (cog.bands, cog.has_alpha, cog.tile_type) == (1, False, None)
    assert cog.has(*FULL)
    assert not cog.has(*EMPTY)


def test_a_big_endian_file_is_read(tmp_path: Path) -> None:
    path, heights = tmp_path / "motorola.tif", hills()
    tiled = {"tiled": True, "blockxsize": 256, "blockysize": 256, "sparse_ok": True, "endianness": "BIG"}
    about = {"count": 1, "height": 512, "width": 512, "dtype": "float32", "crs": "EPSG:3857", "transform": grid()}
    with rasterio.open(path, "w", driver="GTiff", **about, **tiled) as raster:
        raster.write(heights, 1)
    assert path.read_bytes()[:2] == b"MM"
    block = Cog(mapped(path)).get(*FULL)
    assert block is not None
    assert (np.frombuffer(block, ">f4").reshape(256, 256) == heights[:256, :256]).all()


def test_an_overview_off_the_grid_of_its_zoom_is_left_out(tmp_path: Path) -> None:
    path = write_cog(tmp_path / "odd.tif", photo(), transform=grid(ZOOM, LEFT + 1, TOP), COMPRESS="WEBP")
    assert (Cog(mapped(path)).minzoom, Cog(mapped(path)).maxzoom) == (ZOOM, ZOOM)


def test_blocks_whose_padding_would_show_are_no_pictures(tmp_path: Path) -> None:
    """GDAL fills a block beyond the raster's edge with zeros: transparent with alpha, black without."""
    short = np.full((3, 512, 700), 200, "u1")
    plain = write_cog(tmp_path / "rgb.tif", short, COMPRESS="WEBP")
    clear = write_cog(tmp_path / "rgba.tif", np.concatenate([short, short[:1] * 0 + 255]), COMPRESS="WEBP")
    assert Cog(mapped(plain)).tile_type is None
    assert Cog(mapped(clear)).tile_type == "webp"
    padded = Cog(mapped(clear)).get(ZOOM, LEFT + 2, TOP)
    assert padded is not None
    assert pixels_of(padded, "RGBA")[3, 0].tolist() == [255] * (700 - 512) + [0] * (768 - 700)


def test_a_mask_beside_the_colours_makes_blocks_no_pictures(tmp_path: Path) -> None:
    path = tmp_path / "masked.tif"
    options = {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "webp", "photometric": "RGB"}
    about = {"count": 3, "height": 512, "width": 512, "dtype": "uint8", "crs": "EPSG:3857", "transform": grid()}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **about, **options) as raster:
        raster.write(photo()[:3])
        raster.write_mask(photo()[3])
    cog = Cog(mapped(path))
    assert cog.has_mask
    assert cog.tile_type is None


# --- strangers' bytes -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda data: b"", "no TIFF"),
        (lambda data: b"PMTiles" + data[7:], "no TIFF"),
        (lambda data: data[:2] + struct.pack("<H", 44) + data[4:], "version 44"),
        (lambda data: data[: len(data) // 2], "ends|beyond its end"),
        (lambda data: data[:-5], "beyond its end"),  # four bytes follow the last block
        (lambda data: data[:4] + struct.pack("<I", len(data) + 9) + data[8:], "ends before"),
    ],
)
def test_a_damaged_file_is_told_when_it_is_opened(
    picture: Path, make: Callable[[bytes], bytes], reason: str
) -> None:
    with pytest.raises(ArchiveDamaged, match=reason):
        opened(make(picture.read_bytes()))


def test_directories_in_a_circle_end(picture: Path) -> None:
    data = bytearray(picture.read_bytes())
    first = struct.unpack_from("<I", data, 4)[0]
    following = first + 2 + 12 * struct.unpack_from("<H", data, first)[0]
    struct.pack_into("<I", data, following, first)
    with pytest.raises(ArchiveDamaged, match="no end"):
        opened(bytes(data))


@pytest.mark.parametrize(
    ("transform", "reason"),
    [
        (grid(ZOOM, LEFT, TOP) @ Affine.translation(3, 0), "corner of a tile"),
        (grid(ZOOM, LEFT, TOP) @ Affine.scale(1.5), "no zoom"),
        (grid(ZOOM, LEFT, TOP) @ Affine.scale(1, 2), "not square"),
    ],
)
def test_a_raster_off_the_tile_grid_is_refused(tmp_path: Path, transform: object, reason: str) -> None:
    path = write_cog(tmp_path / "off.tif", photo(), transform=transform, COMPRESS="WEBP")
    with pytest.raises(ArchiveDamaged, match=reason):
        Cog(mapped(path))


@settings(max_examples=300, deadline=None)
@given(places=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=6))
def test_no_change_of_bytes_makes_it_fail_otherwise(picture: Path, places: list[tuple[int, int]]) -> None:
    data = bytearray(picture.read_bytes())
    for place, byte in places:
        data[place] = byte
    try:
        cog = opened(bytes(data))
        for z in range(cog.minzoom, cog.maxzoom + 1):
            cog.get(z, LEFT >> ZOOM - z if z <= ZOOM else 0, TOP >> ZOOM - z if z <= ZOOM else 0)
    except (ArchiveDamaged, TileOutOfRange):
        pass
