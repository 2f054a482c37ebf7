"""What was exported comes in again as it was, but for the losses that docs/exports.md lists: exactly those."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import shapely

from naru.export.formats import FEATURE_FORMATS, FORMATS
from naru.features.selection import Selection
from naru.features.source import FeatureSource
from naru.house import House
from tests.exporting import GEOMETRIES, columns, export, geometries_of, make_layer, open_house, rows_of
from tests.reading import read

Value = Any
SHORT = {"도로명주소": "도로명", "도로명주소2": "도로명2"}
SHORT_CP949 = {"도로명주소": "도로명주소", "도로명주소2": "도로명주2"}
BIG = 2**53


def _shp(name: str, value: Value) -> Value:
    """Texts of 254 bytes, empty as missing; moments and numbers of more than 18 digits as text."""
    if isinstance(value, datetime):
        return _iso(value)
    if name == "큰수":
        return value and str(value)
    return value.encode()[:254].decode(errors="ignore") or None if isinstance(value, str) else value


def _geojson(name: str, value: Value) -> Value:
    """Fields with whole numbers beyond 2^53 as text; dates are text in the file and dates again when it is read."""
    return value and str(value) if name == "큰수" else value


def _kml(name: str, value: Value) -> Value:
    """Fields with whole numbers beyond 32 bits as text; dates as in GeoJSON."""
    return value and str(value) if name in ("층수", "큰수") else value


def _csv(name: str, value: Value) -> Value:
    """Empty texts as missing; whole numbers beyond 2^53 as text, which the reader does and the file does not."""
    return None if value == "" else value and str(value) if name == "큰수" else value


def _xlsx(name: str, value: Value) -> Value:
    """As CSV, and moments to the second."""
    value = value.replace(microsecond=0) if isinstance(value, datetime) else value
    return _csv(name, value)


def _gpkg(_name: str, value: Value) -> Value:
    """Moments are UTC."""
    return value.replace(tzinfo=_zone()) if isinstance(value, datetime) else value


def _parquet(_name: str, value: Value) -> Value:
    """Nothing is lost."""
    return value


LOSSES: dict[str, Callable[[str, Value], Value]] = {
    "shp": _shp,
    "geojson": _geojson,
    "kml": _kml,
    "csv": _csv,
    "xlsx": _xlsx,
    "gpkg": _gpkg,
    "parquet": _parquet,
}


def _iso(value: date | datetime) -> str:
    return value.isoformat().replace(".250000", ".25")


def _zone() -> Any:
    from zoneinfo import ZoneInfo

    return ZoneInfo("UTC")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    opened = open_house(tmp_path_factory.mktemp("roundtrip") / "home")
    for name, shapes in GEOMETRIES.items():
        if name != "mixed":
            make_layer(opened, name, shapes, columns())
    yield opened
    opened.close()


def source(house: House, layer: str) -> Path:
    archive = house.catalogue.layer(layer).live.source
    assert archive is not None
    return house.storage.path(archive)


def expected(house: House, layer: str, name: str, short: Mapping[str, str]) -> list[dict[str, Value]]:
    rows = rows_of(source(house, layer))
    return [{short.get(n, n): LOSSES[name](n, v) for n, v in row.items()} for row in rows]


@pytest.mark.parametrize("name", FEATURE_FORMATS)
@pytest.mark.parametrize("layer", ["points", "heights", "lines", "areas"])
def test_what_goes_out_comes_in_again(house: House, tmp_path: Path, layer: str, name: str) -> None:
    target = tmp_path / f"{layer}{FORMATS[name].suffix}"
    assert export(house, layer, name, target).tally.features == 3
    (found,) = read(target, tmp_path / "work")
    assert (found.crs, found.dropped, found.repaired) == ("EPSG:4326", (), ())
    guessed = name == "xlsx" or (name == "csv" and layer in ("lines", "areas"))  # WKT says no system; lon, lat do
    assert bool(found.warnings) == guessed
    rows = rows_of(found.parquet)
    added = {
        "csv": ("lon", "lat", "height"),
        "xlsx": ("lon", "lat", "height"),
        "kml": ("name", "altitudeMode"),
        "geojson": ("id",),
    }.get(name, ())
    assert [{n: v for n, v in row.items() if n not in added} for row in rows] == expected(
        house, layer, name, SHORT if name == "shp" else {}
    )
    assert geometries_of(found.parquet) == _told(geometries_of(source(house, layer)), name)


def _told(wkts: list[str], name: str) -> list[str]:
    """Return geometries as a format tells them: tables keep heights in a column, GeoPackages have one type."""
    shapes = [shapely.from_wkt(text) for text in wkts]
    kinds = {shape.geom_type for shape in shapes}
    if name in ("csv", "xlsx"):
        return [shapely.to_wkt(shapely.force_2d(s), rounding_precision=9) for s in shapes]
    if name != "gpkg" or len(kinds) == 1:
        return wkts
    multi = {"LineString": shapely.multilinestrings, "Polygon": shapely.multipolygons}
    promoted = [multi[s.geom_type]([s]) if s.geom_type in multi else s for s in shapes]
    return [shapely.to_wkt(shapely.normalize(s), rounding_precision=9) for s in promoted]


def test_a_shapefile_in_cp949_comes_in_again(house: House, tmp_path: Path) -> None:
    target = tmp_path / "areas.zip"
    export(house, "areas", "shp", target, encoding="cp949")
    (found,) = read(target, tmp_path / "work")
    assert found.encoding == "CP949"
    rows = rows_of(found.parquet)
    assert list(rows[0]) == [SHORT_CP949.get(name, name) for name in columns()]
    assert rows[0]["설명"] == columns()["설명"][0].as_py()[:127]  # two bytes a letter
    assert rows[0]["도로명주2"] == "펲뷁"


def test_our_notes_beside_shapefiles_are_passed_by_and_tables_of_that_name_are_not(
    house: House, tmp_path: Path
) -> None:
    target, folder = tmp_path / "areas.zip", tmp_path / "unpacked"
    export(house, "areas", "shp", target)
    with zipfile.ZipFile(target) as archive:
        archive.extractall(folder)
    (layer,) = read(folder, tmp_path / "work")
    assert (layer.name, layer.warnings) == ("areas", ())
    (folder / "fields.csv").write_text("id,lon,lat\n1,127,37\n")
    assert [layer.name for layer in read(folder, tmp_path / "again")] == ["areas", "fields"]


@pytest.mark.parametrize(
    ("name", "crs"),
    [
        *(
            ("shp", crs) for crs in ("EPSG:5186", "EPSG:5179", "EPSG:5174", "EPSG:3857")
        ),  # which ESRI spells its own way
        *((name, crs) for name in ("geojson", "gpkg", "parquet") for crs in ("EPSG:5179", "EPSG:5174")),
    ],
)
def test_another_system_comes_in_again_at_the_same_place(house: House, tmp_path: Path, name: str, crs: str) -> None:
    target = tmp_path / f"points{FORMATS[name].suffix}"
    export(house, "points", name, target, crs=crs)
    (found,) = read(target, tmp_path / "work")
    assert found.crs == crs
    (batch,) = FeatureSource.open(found.parquet).select(Selection(crs="EPSG:4326"))
    want = [shapely.from_wkt(text) for text in GEOMETRIES["points"]]
    millimetres = 111e6 * shapely.distance(batch.geometries, want).max()
    assert millimetres < (6 if crs == "EPSG:5174" else 0.2)  # the shift of the Bessel datum has no exact inverse
