"""Vertical datums: names, conversions through grids or a stated number, and that nothing is ballparked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import CRS

from naru.errors import DatumRefused
from twin.datum import (
    ELLIPSOIDAL,
    LOCAL,
    Geoid,
    canonical,
    convert_heights,
    datum_of,
    geoid_undulation_m,
    to_ellipsoidal,
)

SEOUL = np.array([126.978]), np.array([37.5665])
CITY_HALL = np.array([198_080.69]), np.array([551_900.81])  # the same in EPSG:5186


@pytest.mark.parametrize(
    ("name", "datum"),
    [
        ("KVD1964", "KVD1964"),
        ("EL.", "KVD1964"),
        ("El (m)", "KVD1964"),
        ("Incheon MSL", "KVD1964"),
        ("인천 평균해수면", "KVD1964"),
        ("EPSG:5193", "KVD1964"),
        ("epsg:5773", "EGM96"),
        ("EGM2008", "EGM2008"),
        ("3855", "EGM2008"),
        ("WGS84 ellipsoid", ELLIPSOIDAL),
        ("GRS80", ELLIPSOIDAL),
        ("EPSG:4979", ELLIPSOIDAL),
        ("EPSG:5711", "EPSG:5711"),
        ("local", LOCAL),
    ],
)
def test_names_of_one_datum_are_one(name: str, datum: str) -> None:
    assert canonical(name) == datum


@pytest.mark.parametrize(
    ("name", "words"), [("MSL", "several"), ("ELV", "no vertical datum"), ("EPSG:5179", "no vertical")]
)
def test_a_name_that_means_no_one_datum_is_refused(name: str, words: str) -> None:
    with pytest.raises(DatumRefused, match=words):
        canonical(name)


def test_heights_of_one_datum_stay_as_they_are() -> None:
    z, how = convert_heights(*CITY_HALL, np.array([3.0]), crs="EPSG:5186", source="KVD1964", target="KVD1964")
    assert (z[0], how) == (3.0, None)


@pytest.mark.parametrize(
    ("source", "target"), [("ELLIPSOID", "KVD1964"), ("KVD1964", "ELLIPSOID"), ("EGM2008", "KVD1964")]
)
def test_without_a_grid_heights_are_refused_and_not_ballparked(source: str, target: str) -> None:
    with pytest.raises(DatumRefused, match="PROJ has no grid for it") as caught:
        convert_heights(*CITY_HALL, np.array([3.0]), crs="EPSG:5186", source=source, target=target, file="a.csv")
    assert "KNGeoid18" in caught.value.remedy
    assert caught.value.file == "a.csv"


def test_a_local_zero_is_never_converted() -> None:
    with pytest.raises(DatumRefused, match="local zero"):
        convert_heights(*CITY_HALL, np.array([3.0]), crs="EPSG:5186", source=LOCAL, target="KVD1964")
    with pytest.raises(DatumRefused, match="local zero"):
        geoid_undulation_m(*SEOUL, LOCAL)


def test_a_stated_undulation_brings_heights_up_and_down() -> None:
    geoid = Geoid(undulation_m=23.1)
    up, how = to_ellipsoidal(*SEOUL, np.array([3.0]), "KVD1964", geoid=geoid)
    assert up[0] == pytest.approx(26.1)
    assert how == "stated: 23.1 m"
    down, _ = convert_heights(
        *CITY_HALL, up, crs="EPSG:5186", source="ELLIPSOID", target="KVD1964", geoid=geoid, file="a.csv"
    )
    assert down[0] == pytest.approx(3.0)


@pytest.fixture
def geoid_grid(tmp_path: Path) -> Path:
    """A geoid that rises by 1 m a degree eastwards and 2 m northwards, 23 m at 127° E 37.5° N."""
    path = tmp_path / "geoid.tif"
    lon, lat = 124 + (np.arange(80) + 0.5) * 0.1, 39 - (np.arange(60) + 0.5) * 0.1
    values = 23 + (lon[None, :] - 127) + 2 * (lat[:, None] - 37.5)
    with rasterio.open(
        path, "w", driver="GTiff", width=80, height=60, count=1, dtype="float32", crs="EPSG:4326",
        transform=Affine(0.1, 0, 124, 0, -0.1, 39),
    ) as grid:  # fmt: skip
        grid.write(values.astype("float32"), 1)
    return path


def test_a_given_grid_is_read_between_its_cells(geoid_grid: Path) -> None:
    found = geoid_undulation_m(np.array([127.033]), np.array([37.517]), "KVD1964", geoid=Geoid(geoid_grid))
    assert found.metres[0] == pytest.approx(23 + 0.033 + 2 * 0.017, abs=1e-4)
    assert found.how == "grid geoid.tif"


def test_a_place_outside_the_given_grid_is_refused(geoid_grid: Path) -> None:
    with pytest.raises(DatumRefused, match="does not reach"):
        geoid_undulation_m(np.array([140.0]), np.array([37.5]), "KVD1964", geoid=Geoid(geoid_grid))


def test_a_grid_that_is_no_geoid_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "no.tif"
    path.write_text("no raster")
    with pytest.raises(DatumRefused, match="cannot be read"):
        geoid_undulation_m(*SEOUL, "KVD1964", geoid=Geoid(path))


@pytest.mark.skipif(not Path("/usr/share/proj/egm96_15.gtx").exists(), reason="Debian's proj-data is not installed")
def test_debian_s_grid_of_egm96_is_found() -> None:
    found = geoid_undulation_m(*SEOUL, "EGM96")
    assert found.metres[0] == pytest.approx(22.90, abs=0.01)  # viewer.md §1
    assert "egm96_15" in found.how


@pytest.mark.parametrize(
    ("crs", "datum", "unit"),
    [
        ("EPSG:5186", None, 1.0),
        ("EPSG:5186+5193", "KVD1964", 1.0),
        ("EPSG:4326+5773", "EGM96", 1.0),
        ("EPSG:4979", ELLIPSOIDAL, 1.0),
        ("EPSG:2263+6360", "EPSG:6360", 1200 / 3937),
    ],
)
def test_a_system_says_what_its_heights_are(crs: str, datum: str | None, unit: float) -> None:
    found, metres = datum_of(CRS.from_user_input(crs))
    assert found == datum
    assert metres == pytest.approx(unit)
