"""What a raster's pixels become: kept exactly where they can be, transparent where there is nothing."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image
from rasterio.enums import ColorInterp

from ingest.raster import tiff
from ingest.raster.encode import Codec
from ingest.raster_layers import RasterWish
from naru.cog import Cog
from naru.errors import BadOption, NoFeatures, UnknownFormat
from naru.pmtiles import PMTilesReader, mapped
from naru.ramps import ramp_colours, ramp_names
from naru.raster_facts import RAMPS, RasterFacts
from naru.raster_style import raster_legend
from tests.raster_input import SEOUL, cut, lonlat, on_grid, ramp, write

GRID = {"crs": "EPSG:3857", "transform": on_grid(14, 13968, 6344)}
RNG = np.random.default_rng(7)


def photo(side: int = 512) -> np.ndarray:
    down, across = np.mgrid[0:side, 0:side]
    return np.stack([across // 2, down // 2, np.full_like(down, 90)]).astype("u1")


@pytest.mark.parametrize("dtype", ["uint16", "int32", "uint32", "float64"])
def test_measured_values_on_the_grid_are_kept_bit_by_bit(tmp_path: Path, dtype: str) -> None:
    values = RNG.integers(0, 60_000, (2, 256, 256)).astype(dtype)
    made = cut(write(tmp_path / "x.tif", values, **GRID), tmp_path / "out", kind="data")
    assert made.facts["dtype"] == dtype
    np.testing.assert_array_equal(made.pixels()[:, :256, :256], values)


def test_lossless_pictures_on_the_grid_are_kept_bit_by_bit(tmp_path: Path) -> None:
    noise = RNG.integers(0, 256, (3, 256, 256)).astype("u1")
    made = cut(write(tmp_path / "x.tif", noise, **GRID), tmp_path / "out", RasterWish(quality=100))
    np.testing.assert_array_equal(made.pixels()[:3], noise)


def test_heights_are_kept_to_half_a_centimetre(tmp_path: Path) -> None:
    heights = (RNG.normal(100, 20, (512, 512))).astype("f4")
    heights[:100] = -9999
    made = cut(write(tmp_path / "x.tif", heights, nodata=-9999, **GRID), tmp_path / "out")
    assert (made.facts["role"], made.facts["compression"]) == ("elevation", "lerc_zstd")
    got = made.pixels()[0]
    assert (got[:100] == -9999).all()
    assert np.abs(got[100:] - heights[100:]).max() <= made.facts["max_error"] + 1e-5


def test_a_coarser_zoom_has_the_mean_of_the_valid_heights(tmp_path: Path) -> None:
    heights = np.full((512, 512), 50, "f4")
    heights[:, 1::2] = 150
    heights[:, 400:] = np.nan
    made = cut(write(tmp_path / "x.tif", heights, **GRID), tmp_path / "out")
    coarse = made.pixels(0)[0]
    assert coarse[:256, :200] == pytest.approx(100, abs=0.02)
    assert (coarse[:256, 200:256] == made.facts["nodata"]).all()


@pytest.mark.parametrize("claimed", [None, -9999.0])
def test_not_a_number_and_infinity_become_nodata(tmp_path: Path, claimed: float | None) -> None:
    heights = ramp()
    heights[40:60, 40:60], heights[5, 5] = np.nan, np.inf
    made = cut(write(tmp_path / "x.tif", heights, nodata=claimed), tmp_path / "out")
    assert made.at(*lonlat(SEOUL, 50, 50)) == [made.facts["nodata"]]
    assert np.isfinite(made.pixels()).all()
    assert 200 <= made.facts["statistics"][0]["min"] < made.facts["statistics"][0]["max"] < 1200


def test_classes_keep_their_numbers_and_colours(tmp_path: Path) -> None:
    stripes = np.repeat(np.arange(16, dtype="uint8") % 3 * 5, 8)[None].repeat(128, axis=0)
    colours = {0: (0, 0, 0, 255), 5: (250, 0, 0, 255), 10: (0, 250, 0, 255)}
    made = cut(write(tmp_path / "x.tif", stripes, colours=colours), tmp_path / "out")
    assert (made.facts["role"], made.facts["nodata"]) == ("classes", 255.0)
    assert set(np.unique(made.pixels())) == {0, 5, 10, 255}
    assert [5, 250, 0, 0, 255] in made.facts["colormap"]
    assert made.at(*lonlat(SEOUL, 12.5, 64)) == [5]


def test_a_coarser_zoom_of_classes_has_the_most_frequent(tmp_path: Path) -> None:
    values = np.ones((512, 512), "u1")
    values[::2, ::2] = 7
    made = cut(write(tmp_path / "x.tif", values, **GRID), tmp_path / "out", kind="classes")
    assert set(np.unique(made.pixels(0)[0, :256, :256])) == {1}


def test_classes_that_take_every_number_get_a_wider_type(tmp_path: Path) -> None:
    values = np.arange(256, dtype="uint8").repeat(256).reshape(256, 256)
    made = cut(write(tmp_path / "x.tif", values, **GRID), tmp_path / "out", kind="classes")
    assert (made.facts["dtype"], made.facts["nodata"]) == ("int16", -32768.0)
    np.testing.assert_array_equal(made.pixels()[0, :256, :256], values)


def test_one_bit_is_two_classes(tmp_path: Path) -> None:
    bits = (np.indices((128, 128)).sum(axis=0) // 16 % 2).astype("u1")
    made = cut(write(tmp_path / "x.tif", bits, nbits=1), tmp_path / "out")
    assert set(np.unique(made.pixels())) == {0, 1, 255}


def test_a_palette_of_many_colours_is_painted(tmp_path: Path) -> None:
    values = (np.arange(512)[None, :] // 2 + np.zeros((512, 1))).astype("u1")
    colours = {n: (n, 255 - n, 40, 255) for n in range(256)}
    path = write(tmp_path / "x.tif", values, colours=colours, **GRID)
    made = cut(path, tmp_path / "out", RasterWish(quality=100))
    assert (made.facts["role"], made.facts["alpha"]) == ("imagery", True)
    assert made.pixels()[:, 100, 300].tolist() == [150, 105, 40, 255]


def test_alpha_stays_alpha(tmp_path: Path) -> None:
    alpha = np.full((1, 512, 512), 128, "u1")
    rgba = np.concatenate([photo(), alpha])
    made = cut(write(tmp_path / "x.tif", rgba, photometric="RGB", alpha="yes", **GRID), tmp_path / "out")
    assert set(np.unique(made.pixels()[3, :512, :512])) == {128}


def test_an_internal_mask_becomes_transparent(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    mask = np.full((512, 512), 255, "u1")
    mask[:, 256:] = 0
    profile = {"driver": "GTiff", "width": 512, "height": 512, "count": 3, "dtype": "uint8", "photometric": "RGB"}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile, **GRID) as raster:
        raster.write(photo())
        raster.write_mask(mask)
    alpha = cut(path, tmp_path / "out").pixels()[3]
    assert (alpha[:512, :256] == 255).all()
    assert not alpha[:512, 257:512].any()


def test_nodata_is_transparent_and_lends_no_colour_to_its_neighbours(tmp_path: Path) -> None:
    white = np.full((3, 500, 500), 250, "u1")
    white[:, :, 250:] = 0
    path = write(tmp_path / "x.tif", white, Affine(2, 0, 197_000, 0, -2, 552_000), nodata=0)
    made = cut(path, tmp_path / "out", RasterWish(quality=100))
    for overview in (None, 0, 1):
        red, *_, alpha = made.pixels(overview)
        assert red[alpha > 0].min() >= 249
        assert (alpha == 0).any()


def test_black_in_one_band_is_not_nodata_unless_it_is_in_all(tmp_path: Path) -> None:
    red = np.zeros((3, 512, 512), "u1")
    red[0] = 200
    made = cut(write(tmp_path / "x.tif", red, nodata=0, **GRID), tmp_path / "out")
    assert (made.pixels()[3, :512, :512] == 255).all()


def test_nodata_that_no_pixel_can_have_says_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tif", photo(), **GRID)
    with rasterio.open(path, "r+") as raster:
        raster.nodata = 255
    data = path.read_bytes()
    assert data.count(b"255\0") == 1
    path.write_bytes(data.replace(b"255\0", b"-99\0"))
    assert (cut(path, tmp_path / "out").pixels()[3, :512, :512] == 255).all()


def test_many_bands_take_no_more_memory(tmp_path: Path) -> None:
    bands = np.stack([ramp(160) + n for n in range(24)])
    made = cut(write(tmp_path / "x.tif", bands), tmp_path / "out")
    assert (made.facts["role"], made.facts["bands"]) == ("data", 24)
    values = made.at(*lonlat(SEOUL, 80.5, 80.5))
    assert np.diff(values) == pytest.approx(1, abs=0.01)


def test_grey_pictures_become_grey_in_three_bands(tmp_path: Path) -> None:
    grey = (np.arange(512)[None, :] // 2 + np.zeros((512, 1))).astype("u1")
    made = cut(write(tmp_path / "x.tif", grey, **GRID), tmp_path / "out", RasterWish(quality=100))
    assert made.pixels()[:, 9, 400].tolist() == [200, 200, 200, 255]


def test_bands_choose_and_order_the_colours(tmp_path: Path) -> None:
    five = np.stack([np.full((512, 512), 40 * n, "u1") for n in range(1, 6)])
    path = write(tmp_path / "x.tif", five, **GRID)
    made = cut(path, tmp_path / "out", RasterWish(quality=100), bands=(5, 3, 1))
    assert made.pixels()[:, 9, 9].tolist() == [200, 120, 40, 255]
    assert "--kind data keeps all" in made.read.warnings[0]
    with pytest.raises(BadOption, match="does not have"):
        cut(path, tmp_path / "out2", bands=(1, 2, 9))


def test_sixteen_bit_colours_are_kept_with_what_to_show_of_them(tmp_path: Path) -> None:
    values = np.stack([photo()[0].astype("u2") * 100 + n for n in range(3)])
    rgb = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    made = cut(write(tmp_path / "x.tif", values, interpretation=rgb, **GRID), tmp_path / "out")
    assert (made.facts["role"], made.facts["dtype"], made.facts["bands"]) == ("imagery", "uint16", 3)
    low, high = made.facts["render"]["rescale"][0]
    assert low == pytest.approx(500, abs=200)
    assert high == pytest.approx(25_000, abs=200)


def test_feet_become_metres(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tif", np.full((128, 128), 1000, "f4") + ramp() * 0)
    with rasterio.open(path, "r+") as raster:
        raster.units = ["ft"]
    made = cut(path, tmp_path / "out")
    assert made.at(*lonlat(SEOUL, 64, 64))[0] == pytest.approx(304.8, abs=0.01)


def test_a_single_pixel_is_seen(tmp_path: Path) -> None:
    made = cut(write(tmp_path / "x.tif", np.full((1, 1), 5, "u1")), tmp_path / "out")
    assert made.at(*lonlat(SEOUL, 0.5, 0.5))[3] == 255


def test_what_holds_no_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoFeatures, match="not one of its pixels"):
        cut(write(tmp_path / "x.tif", np.zeros((64, 64), "i2"), nodata=0), tmp_path / "out")


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormat, match="complex"):
        cut(write(tmp_path / "x.tif", np.ones((8, 8), "c8")), tmp_path / "out")


# --- the archive --------------------------------------------------------------------------------------


def test_every_zoom_down_to_one_tile_has_its_blocks(tmp_path: Path) -> None:
    made = cut(write(tmp_path / "x.tif", photo(1024), **GRID), tmp_path / "out")
    assert (made.packed.zooms.lowest, made.packed.zooms.maxzoom, made.packed.tiles) == (12, 14, 16 + 4 + 1)
    with mapped(made.packed.cog) as file:
        cog = Cog(file)
        with Image.open(io.BytesIO(cog.get(14, 13969, 6344))) as tile:
            assert (tile.format, tile.size) == ("WEBP", (256, 256))
            assert tile.convert("RGBA").getpixel((128, 8))[0] == pytest.approx((256 + 128) / 2, abs=6)
        assert cog.get(12, 3492, 1586) is not None


def test_the_users_zooms_are_kept_to(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tif", photo(1024), **GRID)
    packed = cut(path, tmp_path / "out", RasterWish(minzoom=10, maxzoom=13)).packed
    assert (packed.zooms.minzoom, packed.zooms.lowest, packed.zooms.maxzoom) == (10, 10, 13)
    assert packed.tiles == 4 + 1 + 1 + 1
    with pytest.raises(BadOption, match="above the last zoom"):
        cut(path, tmp_path / "out2", RasterWish(minzoom=15))


@pytest.mark.parametrize(("kind", "signature"), [("webp", b"RIFF"), ("png", b"\x89PNG"), ("jpeg", b"\xff\xd8\xff")])
def test_a_pyramid_holds_the_same_tiles_as_the_cog(tmp_path: Path, kind: str, signature: bytes) -> None:
    packed = cut(write(tmp_path / "x.tif", photo(), **GRID), tmp_path / "out", RasterWish(pyramid=kind)).packed
    with mapped(packed.pyramid) as file, mapped(packed.cog) as other:
        reader, cog = PMTilesReader(file), Cog(other)
        reader.check()
        tile, block = reader.get(14, 13968, 6344), cog.get(14, 13968, 6344)
        assert reader.header.addressed_tiles == packed.tiles == 5
        assert tile.startswith(signature)
        assert (tile == block) == (kind == "webp")
        with Image.open(io.BytesIO(tile)) as one, Image.open(io.BytesIO(block)) as two:
            difference = np.abs(np.asarray(one.convert("RGB"), "i2") - np.asarray(two.convert("RGB"), "i2"))
    assert difference.mean() < 3


def test_a_pyramid_of_heights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="--pyramid is for 8-bit pictures"):
        cut(write(tmp_path / "x.tif", ramp()), tmp_path / "out", RasterWish(pyramid="png"))


def test_a_large_archive_is_a_bigtiff_with_the_same_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codec = Codec("zstd", "uint16", 1, 0.0)
    pixels = RNG.integers(1, 9, (1, 512, 512)).astype("u2")
    read = {}
    for name, room in (("classic", 2**32), ("big", 0)):
        monkeypatch.setattr(tiff, "_CLASSIC_ROOM", room)
        path = tmp_path / f"{name}.tif"
        with tiff.CogWriter(path, [tiff.Level(14, 13968, 6344, 2, 2)]) as writer:
            for (column, row), block in codec.encode(pixels).items():
                writer.put(0, 13968 + column, 6344 + row, block)
            writer.finish(codec.template(GRID["transform"], {}))
        with rasterio.open(path) as raster:
            read[name] = raster.read()
        assert path.read_bytes()[2] == (43 if name == "big" else 42)
        assert not path.with_suffix(".spool").exists()
    np.testing.assert_array_equal(read["classic"], pixels)
    np.testing.assert_array_equal(read["big"], pixels)


# --- legends --------------------------------------------------------------------------------------


def tagged(path: Path, **tags: str) -> Path:
    """Write metadata of the first band into a file."""
    with rasterio.open(path, "r+") as raster:
        raster.update_tags(1, **tags)
    return path


def test_legend_of_classes_has_the_names_in_the_files_metadata(tmp_path: Path) -> None:
    cover = np.tile(np.array([1, 2, 3], "u1"), (128, 43))[:, :128]
    file = tagged(
        write(tmp_path / "cover.tif", cover), CLASS_NAME_1="논", CLASS_NAME_3="숲\n\x07", CLASS_NAME_x="?"
    )
    made = cut(file, tmp_path / "work")
    facts = RasterFacts.of({"raster": made.facts})
    assert facts.class_names == {1: "논", 3: "숲"}
    assert [entry["label"] for entry in raster_legend(facts)] == ["논", "2", "숲"]


@pytest.mark.parametrize(("said", "drawn"), [("water", "water"), ("WATER", "water"), ("jet", ""), ("../x", "")])
def test_data_is_drawn_in_the_ramp_that_the_file_asks_for(tmp_path: Path, said: str, drawn: str) -> None:
    file = tagged(write(tmp_path / "depth.tif", ramp() / 100), COLOR_RAMP=said)
    facts = RasterFacts.of({"raster": cut(file, tmp_path / "work", kind="data").facts})
    assert facts.ramp == drawn
    assert raster_legend(facts)[-1]["color"] == ramp_colours(drawn or "data")[-1]


def test_every_ramp_that_files_may_ask_for_is_there() -> None:
    assert set(RAMPS) - {""} <= set(ramp_names())


def test_heights_are_in_doubt_only_where_nobody_said_so(tmp_path: Path) -> None:
    file = write(tmp_path / "dem.tif", ramp())
    assert any("taken for heights" in warning for warning in cut(file, tmp_path / "a").read.warnings)
    assert not cut(file, tmp_path / "b", kind="elevation").read.warnings
