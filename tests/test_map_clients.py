"""Other people's programs read our map protocols from a running server: GDAL of three ages, OWSLib."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
from owslib.ogcapi.features import Features
from owslib.wmts import WebMapTileService
from PIL import Image
from rasterio.windows import Window

from naru.grids import GRIDS
from tests.conftest import Served, require_tool, start_server, stop_server
from tests.protocols import BOUNDS, make_protocols_home, zooms
from tests.rasters import LEFT, TOP, ZOOM

CAPABILITIES = "/wmts/1.0.0/WMTSCapabilities.xml"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("clients")
    make_protocols_home(folder / "home")
    running = start_server(folder / "home", folder / "serve.log")
    yield running
    stop_server(running)


@pytest.fixture(autouse=True)
def no_cache_in_the_working_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """GDAL keeps tiles in a folder below the current one if it is not told where."""
    monkeypatch.setenv("GDAL_DEFAULT_WMS_CACHE_PATH", str(tmp_path / "cache"))
    with rasterio.Env(GDAL_DEFAULT_WMS_CACHE_PATH=str(tmp_path / "cache")):
        yield


def source(served: Served, layer: str, matrix_set: str) -> str:
    """Return what GDAL calls one layer of our WMTS in one grid."""
    return f"WMTS:{served.url}{CAPABILITIES},layer={layer},tilematrixset={matrix_set}"


def test_gdal_reads_the_pixels_that_xyz_has(served: Served) -> None:
    picture = Image.open(io.BytesIO(served.get(f"/tiles/ortho/{ZOOM}/{LEFT}/{TOP}.png").body)).convert("RGBA")
    with rasterio.open(source(served, "ortho", f"WebMercatorQuad_Levels{ZOOM - 1}-{ZOOM}")) as opened:
        assert (opened.width, opened.height, opened.crs.to_epsg()) == (512, 512, 3857)
        read = opened.read(window=Window(0, 0, 256, 256))
    assert np.array_equal(np.moveaxis(read, 0, 2), np.asarray(picture))


@pytest.mark.parametrize("grid", ["EPSG5179", "EPSG5186"])
def test_gdal_finds_pixels_of_korean_grids_where_they_lie(served: Served, grid: str) -> None:
    z = GRIDS[grid].zoom_like(ZOOM)
    with rasterio.open(source(served, "ortho", f"{grid}_Levels{z - 1}-{z}")) as opened:
        assert opened.crs.to_epsg() == int(grid.removeprefix("EPSG"))
        assert opened.res[0] == pytest.approx(GRIDS[grid].cell_size(z))
        left, top = opened.bounds.left, opened.bounds.top
        column, row = GRIDS[grid].tile(left + 200 * opened.res[0], top - 200 * opened.res[1], z)
        xmin, ymin, xmax, ymax = GRIDS[grid].bounds(z, column, row)
        window = rasterio.windows.from_bounds(xmin, ymin, xmax, ymax, opened.transform).round()
        whole = Window(0, 0, opened.width, opened.height)
        inside = window.intersection(whole)
        read = opened.read(window=inside)
    body = served.get(f"/tiles/ortho/{grid}/{z}/{column}/{row}.webp").body  # the first format that is offered
    pixels = np.asarray(Image.open(io.BytesIO(body)).convert("RGBA"))
    x, y = int(inside.col_off - window.col_off), int(inside.row_off - window.row_off)
    wanted = pixels[y : y + int(inside.height), x : x + int(inside.width)]
    seen = wanted[..., 3] > 0  # of transparent pixels, decoders make different colours
    assert seen.any() and np.array_equal(read[3] > 0, seen)
    assert np.array_equal(np.moveaxis(read, 0, 2)[seen], wanted[seen])


def test_debians_gdal_lists_every_layer_and_reads_one(served: Served) -> None:
    program = require_tool("gdalinfo")
    listed = subprocess.run(
        [program, f"WMTS:{served.url}{CAPABILITIES}"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert all(f"layer=marks,tilematrixset={grid}_Levels" in listed for grid in GRIDS)
    words = [program, "-checksum", source(served, "ortho", f"WebMercatorQuad_Levels{ZOOM - 1}-{ZOOM}")]
    told = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    assert "Size is 512, 512" in told.stdout and "ERROR" not in told.stderr
    assert "Checksum=0" not in told.stdout


def test_gdal_reads_vector_tiles_by_ogc_api(served: Served) -> None:
    address = f"OGCAPI:{served.url}/ogc/collections/marks"
    names = [name for name, _kind in pyogrio.list_layers(address)]
    first, last = zooms(GRIDS["WorldCRS84Quad"])
    assert names == [f"Zoom level {z}" for z in range(first, last + 1)]
    found = pyogrio.read_dataframe(address, layer=names[-1])
    assert len(found) > 0 and set(found["이름"]) == {"표지"}
    assert found.to_crs(4326).total_bounds == pytest.approx(BOUNDS, abs=1e-3)


def test_gdal_reads_a_tms(served: Served, tmp_path: Path) -> None:
    edge = GRIDS["WebMercatorQuad"].side / 2
    described = (
        f"<GDAL_WMS><Service name='TMS'><ServerUrl>{served.url}/tms/1.0.0/ortho/${{z}}/${{x}}/${{y}}.png"
        f"</ServerUrl></Service><DataWindow><UpperLeftX>{-edge}</UpperLeftX><UpperLeftY>{edge}</UpperLeftY><LowerRightX>{edge}"
        f"</LowerRightX><LowerRightY>{-edge}</LowerRightY><TileLevel>{ZOOM}</TileLevel><TileCountX>1</TileCountX>"
        "<TileCountY>1</TileCountY><YOrigin>bottom</YOrigin></DataWindow><Projection>EPSG:3857</Projection>"
        "<BlockSizeX>256</BlockSizeX><BlockSizeY>256</BlockSizeY><BandsCount>4</BandsCount></GDAL_WMS>"
    )
    path = tmp_path / "ortho.xml"
    path.write_text(described)
    picture = Image.open(io.BytesIO(served.get(f"/tiles/ortho/{ZOOM}/{LEFT}/{TOP}.png").body)).convert("RGBA")
    with rasterio.open(path) as opened:
        read = opened.read(window=Window(LEFT * 256, TOP * 256, 256, 256))
    assert np.array_equal(np.moveaxis(read, 0, 2), np.asarray(picture))


def test_owslib_fetches_a_tile_in_a_korean_grid(served: Served) -> None:
    service = WebMapTileService(f"{served.url}/wmts")
    [found] = [name for name in service["ortho"].tilematrixsetlinks if name.startswith("EPSG5186")]
    z = max(service.tilematrixsets[found].tilematrix, key=int)
    limits = service["ortho"].tilematrixsetlinks[found].tilematrixlimits[z]
    place = {"row": limits.mintilerow, "column": limits.mintilecol}
    answer = service.gettile(layer="ortho", format="image/webp", tilematrixset=found, tilematrix=z, **place)
    assert answer.info()["Content-Type"] == "image/webp"
    ours = served.get(f"/tiles/ortho/EPSG5186/{z}/{place['column']}/{place['row']}.webp")
    assert answer.read() == ours.body and ours.headers["etag"] == answer.info()["etag"]


def test_owslib_reads_the_collections(served: Served) -> None:
    collections = Features(f"{served.url}/ogc").collections()["collections"]
    assert {one["id"] for one in collections} == {"marks", "plain", "ortho"}
