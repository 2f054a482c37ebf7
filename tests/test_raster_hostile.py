"""Rasters that would take too much, or are not what they look like: refused in words, quickly."""

from __future__ import annotations

import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.io import DatasetReader

from ingest.raster import looking
from ingest.raster.opening import open_raster
from ingest.receive import Dataset
from ingest.sandbox import Limits
from naru.errors import FileDamaged, NaruError, TooLarge, UnknownFormat
from tests.raster_input import cut, look, ramp, write


def sparse_tiff(path: Path, side: int) -> Path:
    about = {"driver": "GTiff", "width": side, "height": side, "count": 1, "dtype": "uint8", "crs": "EPSG:5186"}
    tiles = {"tiled": True, "blockxsize": 4096, "blockysize": 4096, "SPARSE_OK": True, "BIGTIFF": "YES"}
    with rasterio.open(path, "w", transform=Affine(0.1, 0, 150_000, 0, -0.1, 600_000), **about, **tiles):
        pass
    return path


def one_bit_png(path: Path, side: int) -> Path:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )
    path.with_suffix(".pgw").write_text("0.1\n0\n0\n-0.1\n197000\n552000\n")
    return path


class Header:
    """What a raster's header says; whoever wants more, fails."""

    def __init__(self, source: DatasetReader) -> None:
        self.width, self.height, self.count, self.dtypes = source.width, source.height, source.count, source.dtypes
        source.close()

    def __enter__(self) -> Header:
        return self

    def __exit__(self, *_: object) -> None: ...


BOMBS = [
    pytest.param("GeoTIFF", lambda f: sparse_tiff(f / "x.tif", 1_000_000), id="sparse TIFF"),
    pytest.param("PNG", lambda f: one_bit_png(f / "x.png", 65_000), id="PNG of one bit"),
]


@pytest.mark.parametrize(("kind", "make"), BOMBS)
def test_bombs_are_refused_by_their_headers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, make
) -> None:
    """Nothing but the header is looked at: no pixel, no block; and that takes no time worth the name."""
    path = make(tmp_path)
    dataset = Dataset("x", path.name, {path.suffix: path})
    monkeypatch.setattr(looking, "open_raster", lambda *words: Header(open_raster(*words)))
    began = time.process_time()
    with pytest.raises(TooLarge, match=r"\d+ × \d+ pixels"):
        looking.look(dataset, kind, tmp_path / "out", looking.Look(crs="EPSG:5186"), Limits())
    assert time.process_time() - began < 2  # seconds of CPU, however busy the machine is


@pytest.mark.parametrize(("kind", "make"), BOMBS)
def test_bombs_are_refused_on_the_way_in(tmp_path: Path, kind: str, make) -> None:
    with pytest.raises(TooLarge, match=r"\d+ × \d+ pixels") as refused:
        look(make(tmp_path), tmp_path / "out", crs="EPSG:5186")
    assert refused.value.file.startswith("x.")


def test_a_small_file_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="far more than its"):
        look(sparse_tiff(tmp_path / "x.tif", 60_000), tmp_path / "out")


def test_a_vrt_in_a_tiffs_clothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(b"secret" * 100)
    (tmp_path / "x.tif").write_text(
        '<VRTDataset rasterXSize="9" rasterYSize="9">'
        '<VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand">'
        f"<SourceFilename>{tmp_path}/secret.bin</SourceFilename></VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(UnknownFormat, match="GDAL VRT"):
        look(tmp_path / "x.tif", tmp_path / "out")


def test_a_sidecar_cannot_make_a_tiff_read_another_file(tmp_path: Path) -> None:
    """GDAL's .aux.xml is taken along for its coordinate system; what else it claims stays without effect."""
    path = write(tmp_path / "x.tif", ramp(64))
    (tmp_path / "x.tif.aux.xml").write_text(
        '<PAMDataset><Metadata domain="xml:VRT">&lt;VRTDataset/&gt;</Metadata>'
        '<PAMRasterBand band="1"><Histograms/></PAMRasterBand></PAMDataset>'
    )
    assert cut(path, tmp_path / "out").facts["role"] == "elevation"


@pytest.mark.parametrize("kept", [0.3, 0.7, 0.95])
def test_a_raster_cut_off_anywhere_is_damaged(tmp_path: Path, kept: float) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (3, 300, 300)).astype("u1")
    path = write(tmp_path / "x.tif", noise, compress="deflate", tiled=True, blockxsize=64, blockysize=64)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(FileDamaged, match=r"cannot be read|begins like"):
        cut(path, tmp_path / "out")


@pytest.mark.parametrize("place", range(8, 400, 49))
def test_a_flipped_byte_never_ends_in_a_crash(tmp_path: Path, place: int) -> None:
    path = write(tmp_path / "x.tif", ramp(64), compress="deflate")
    data = bytearray(path.read_bytes())
    data[-place] ^= 0xFF
    path.write_bytes(data)
    try:
        cut(path, tmp_path / "out")
    except NaruError as error:
        assert error.code in {"FILE_DAMAGED", "CRS_UNKNOWN", "CRS_REFUSED", "TOO_LARGE", "FORMAT", "NO_FEATURES"}
        assert error.remedy


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("raster_made/cog_truncated_half.tif", FileDamaged),
        ("raster_made/huge_ncols.asc", FileDamaged),
        ("gdal_tif/byte_buggy_packbits.tif", FileDamaged),
        ("gdal_tif/byte_JXL_tiled.tif", UnknownFormat),
        ("gdal_tif/huge-number-strips.tif", FileDamaged),
        ("gdal_tif/bigtiff_header_extract.tif", TooLarge),
        ("gdal_tif/excessive-memory-TIFFFillStrip2.tif", TooLarge),
        ("gdal_tif/cint32.tif", UnknownFormat),
    ],
)
def test_damaged_files_of_the_corpus_are_refused(shared, tmp_path: Path, name: str, error: type[NaruError]) -> None:
    with pytest.raises(error):
        cut(shared(f"data/{name}"), tmp_path)


@pytest.mark.parametrize(
    ("name", "role", "low", "high"),
    [
        ("dem_misc/n43.dt0", "elevation", 75, 460),
        ("dem_misc/rhine_elv0.tif", "elevation", 0, 3532.1),
        ("raster_made/rotated_30.tif", "elevation", 5, 22.54),
        ("raster_made/world_polar_4326.tif", "imagery", 0, 89),
        ("rio_tiler_tif/cog_cmap.tif", "classes", 1, 12),
        ("rio_tiler_tif/cog_rgb_mask.tif", "imagery", 0, 254),
        ("rio_tiler_tif/scene_band1.tif", "data", 1151, 7859),
        ("gdal_tif/byte_5_bands_LZW_predictor_2.tif", "imagery", 74, 255),
    ],
)
def test_the_corpus_keeps_its_values(shared, tmp_path: Path, name: str, role: str, low: float, high: float) -> None:
    made = cut(shared(f"data/{name}"), tmp_path)
    found = made.facts["statistics"][0]
    slack = 0.08 * (high - low)  # the highest and lowest pixels are blended with their neighbours
    assert made.read.role == role
    assert low - 0.01 <= found["min"] <= low + slack
    assert high - slack <= found["max"] <= high + 0.01
