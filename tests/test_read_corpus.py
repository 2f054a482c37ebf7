"""The corpus of real and made files: counts as an independent reader counted them, or a clear refusal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from naru.errors import BadInput
from tests.conftest import SHARED
from tests.reading import read

GROUPS = {
    *("seoul_json", "seoul_juso2015", "seoul_kostat2013_bessel", "hangjeongdong", "korea_crs", "archives"),
    *("truncated", "kml_made", "gdal_kml", "libkml", "geojson_made", "geojson_validator", "gdal_geojson"),
    *(
        "gdal_shp",
        "gdal_gpkg",
        "gdal_jsonfg",
        "pyogrio",
        "pyshp",
        "gdal_topojson",
        "gdal_esrijson",
        "gdal_mvt",
        "antimeridian",
        "geojson_fixtures_npm",
    ),
    *("csv_made", "xlsx_made", "gdal_csv", "gdal_ods", "gdal_xls", "gdal_xlsx", "korea_tables", "dem_merewether"),
}
# Where we differ from GDAL on purpose: overlays are pictures and cameras are no places (KML); files whose
# coordinates suggest no CRS, or contradict theirs, are asked about.
ASKED = {
    *("asm.shp", "multipointz_non_constant_z.shp", "testpoly.shp", "huge_feature_count.gpkg"),
    *("swapped_latlon.geojson", "topojson1.topojson"),
    *("polygon_larger_than_header.pbf", "limit_cases.pbf"),  # a tile does not say where it lies
}
KML_PLACEMARKS_ONLY = {
    *("samples.kml", "examples__kml__abstractview.kml", "gx__all-gx.kml", "kml__all-altitudemodes.kml"),
}
MALFORMED = {"problematic_zero_length_linestring.geojson", "invalid_less_three_unique_nodes.geojson"}


def cases() -> list[Any]:
    """Return the vector files of the groups with what the manifest says of them."""
    manifest = SHARED / "data" / "truth.json"
    if not manifest.is_file():
        return []
    records = [r for r in json.loads(manifest.read_text("utf-8")) if r["group"] in GROUPS and r["kind"] == "vector"]
    return [pytest.param(r, id=r["path"]) for r in records]


@pytest.mark.skipif(not cases(), reason="the folder of sample inputs is absent")
@pytest.mark.parametrize("record", cases())
def test_counts_are_those_of_an_independent_reader(record: dict[str, Any], tmp_path: Path) -> None:
    path = SHARED / "data" / record["path"]
    try:
        layers = read(path, tmp_path)
    except BadInput as error:
        assert not drawable(record), f"{error.code}: {error.one_line()}"
        assert error.file
        assert error.remedy
        return
    for layer in layers:
        assert layer.features_kept > 0
        assert layer.features_read == layer.features_kept + sum(c.count for c in layer.dropped)
    truth = record["truth"]
    if truth.get("ok") and path.name not in KML_PLACEMARKS_ONLY:
        assert sum(la.features_read for la in layers) == sum(la["count"] for la in truth["layers"])


def drawable(record: dict[str, Any]) -> bool:
    """Whether the independent reader found geometries that we do not refuse on purpose."""
    truth, name = record["truth"], Path(record["path"]).name
    if not truth.get("ok") or name in ASKED | MALFORMED or name.endswith(".dbf"):
        return False
    return any(la["count"] > la["null"] + la["empty"] for la in truth["layers"])
