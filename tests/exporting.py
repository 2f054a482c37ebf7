"""Layers to be exported, made in code, and short ways to export and read them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from naru.export.formats import FORMATS
from naru.export.job import Export, Wanted
from naru.export.order import Order, deliver
from naru.features.selection import Selection
from naru.features.source import FeatureSource
from naru.house import House
from naru.records import Draft, IngestReport, Layer, Release
from naru.settings import Settings
from naru.style import Look, default_style
from tests.sources import write_source

LICENCE, ATTRIBUTION = "공공누리 제1유형 <출처표시>", "서울특별시 & 통계청"
LONG = "가나다라마바사아자차" * 30  # 300 letters, 900 bytes
SEOUL = (126.0, 37.0, 128.0, 38.0)

GEOMETRIES: dict[str, list[str]] = {
    "points": ["POINT (126.9780001 37.5665)", "POINT (127.0276 37.4979)", "POINT (127.1 37.6)"],
    "heights": ["POINT Z (126.978 37.5665 35.25)", "POINT Z (127.0276 37.4979 0)", "POINT Z (127.1 37.6 -3.5)"],
    "lines": [
        "LINESTRING (126.9 37.5, 127 37.6, 127.1 37.55)",
        "MULTILINESTRING ((126.9 37.5, 127 37.6), (127.1 37.5, 127.2 37.6))",
        "LINESTRING (127.2 37.5, 127.3 37.6)",
    ],
    "areas": [
        "POLYGON ((126.9 37.5, 127 37.5, 127 37.6, 126.9 37.6, 126.9 37.5), "
        "(126.92 37.52, 126.92 37.58, 126.98 37.58, 126.98 37.52, 126.92 37.52))",
        "MULTIPOLYGON (((127 37.5, 127.1 37.5, 127.1 37.6, 127 37.5)), "
        "((127.2 37.5, 127.3 37.5, 127.3 37.6, 127.2 37.5)))",
        "POLYGON ((127.4 37.5, 127.5 37.5, 127.5 37.6, 127.4 37.6, 127.4 37.5))",
    ],
    "mixed": [
        "POINT (126.978 37.5665)",
        "LINESTRING (126.9 37.5, 127 37.6)",
        "GEOMETRYCOLLECTION (POINT (127 37.5), POLYGON ((127.4 37.5, 127.5 37.5, 127.5 37.6, 127.4 37.5)))",
    ],
}


def columns() -> dict[str, pa.Array]:
    """Return a field of every kind, the names and values that formats stumble over, the last row empty."""
    return {
        "도로명주소": pa.array(['세종대로 110, "시청"', "첫 줄\n둘째 줄 & <끝> 'x'", None]),
        "도로명주소2": pa.array(["펲뷁", "", None]),
        "층수": pa.array([-3, 2**31, None], pa.int64()),
        "큰수": pa.array([2**53 + 1, -(2**62), None], pa.int64()),
        "면적": pa.array([0.1 + 0.2, -1.5e-7, None], pa.float64()),
        "공개": pa.array([True, False, None]),
        "준공일": pa.array([date(1968, 3, 26), date(2024, 2, 29), None]),
        "측정": pa.array([datetime(2024, 1, 31, 9, 0, 0, 250_000), datetime(1999, 12, 31, 23, 59, 59), None]),  # noqa: DTZ001
        "설명": pa.array([LONG, "007", None]),
    }


def open_house(home: Path) -> House:
    """Open a house of its own."""
    return House.open(Settings.from_environ({}, home=home))


def publish_source(house: House, layer_id: str, source: Path, visibility: str = "public") -> Layer:
    """Make a source archive a layer; return it."""
    rows = pq.read_metadata(source).num_rows
    report = IngestReport(
        layer_id, "vector", rows, rows, (), (), None, "EPSG:4326", "given", None, None, SEOUL, 0, 14, 0, 0
    )
    style = default_style(layer_id, Look("mixed", "#2f6fb0", None))
    names = (layer_id, f"{layer_id} 층", f"Layer {layer_id}", "content", visibility, LICENCE, ATTRIBUTION)
    draft = Draft(*names, "vector", "mixed", style, report)
    live = next((layer.live.number for layer in house.catalogue.layers() if layer.id == layer_id), None)
    house.catalogue.publish([Release(draft, house.storage.put(source), (), live)])
    return house.catalogue.layer(layer_id)


def make_layer(
    house: House,
    layer_id: str,
    geometries: Sequence[Any],
    fields: Mapping[str, Any] | None = None,
    *,
    visibility: str = "public",
    **more: Any,
) -> Layer:
    """Make a layer of these geometries and fields."""
    path = house.settings.home / f"{layer_id}.parquet"
    return publish_source(house, layer_id, write_source(path, geometries, fields, **more), visibility)


def export(
    house: House, layer_id: str, name: str, target: Path, *wheres: str, encoding: str = "utf-8", **wanted: Any
) -> Export:
    """Write a layer's features to `target`; return what the export says of itself."""
    layer = house.catalogue.layer(layer_id)
    order = Order(layer, layer.live, FORMATS[name], Wanted(Selection(**wanted), encoding), wheres)
    goods = deliver(house, order, lambda _fraction, _message: None)
    with target.open("wb") as stream:
        for piece in goods.pieces:
            stream.write(piece)
    assert goods.export is not None
    return goods.export


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Return the attributes of a source, row by row."""
    return [row for batch in FeatureSource.open(path).select(Selection()) for row in batch.attributes.to_pylist()]


def geometries_of(path: Path, digits: int = 9) -> list[str]:
    """Return the geometries of a source as WKT that does not depend on where rings begin."""
    source = FeatureSource.open(path)
    found = [g for batch in source.select(Selection()) for g in batch.geometries]
    return [shapely.to_wkt(shapely.normalize(g), rounding_precision=digits) for g in found]
