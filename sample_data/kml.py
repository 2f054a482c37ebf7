"""A KML of Seoul's living areas, shaped like one drawn and typed in Google Earth by hand."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import geopandas as gpd
import shapely

KML = "http://www.opengis.net/kml/2.2"

# 2030 서울도시기본계획 (Seoul 2030 plan, 2014): the city's five living areas and their gu
LIVING_AREAS = {
    "도심권": ("Downtown", ("종로구", "중구", "용산구")),
    "동북권": (
        "Northeast",
        ("성동구", "광진구", "동대문구", "중랑구", "성북구", "강북구", "도봉구", "노원구"),
    ),
    "서북권": ("Northwest", ("은평구", "서대문구", "마포구")),
    "서남권": (
        "Southwest",
        ("양천구", "강서구", "구로구", "금천구", "영등포구", "동작구", "관악구"),
    ),
    "동남권": ("Southeast", ("서초구", "강남구", "송파구", "강동구")),
}


def living_area_kml(gu: gpd.GeoDataFrame) -> bytes:
    """Return a KML 2.2 document: one folder, and in it a placemark per gu with Korean ExtendedData.

    `gu` has 시군구명, 시군구코드, 면적_㎢ and geometry in EPSG:4326. Coordinates get six decimals (0.1 m)
    and a height of 0, as Google Earth writes them.
    """
    root = ET.Element("kml", xmlns=KML)
    document = _add(root, "Document")
    _add(document, "name", "서울 생활권.kml")
    folder = _add(document, "Folder")
    _add(folder, "name", "서울 생활권")
    by_name = {row["시군구명"]: row for _, row in gu.iterrows()}
    for area, (english, names) in LIVING_AREAS.items():
        for name in names:
            _placemark(folder, by_name[name], {"권역": area, "권역영문": english})
    ET.indent(root, space=" ")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode").encode()


def _placemark(folder: ET.Element, row: gpd.GeoSeries, area: dict[str, str]) -> None:
    mark = _add(folder, "Placemark")
    _add(mark, "name", row["시군구명"])
    data = _add(mark, "ExtendedData")
    values = {"시군구코드": row["시군구코드"], "면적_㎢": f"{row['면적_㎢']:g}", **area}
    for key, value in values.items():
        item = ET.SubElement(data, "Data", name=key)
        _add(item, "value", value)
    shapes = _add(mark, "MultiGeometry")
    for part in shapely.get_parts(row["geometry"]):
        _polygon(shapes, part)


def _polygon(parent: ET.Element, polygon: shapely.Polygon) -> None:
    element = _add(parent, "Polygon")
    _add(element, "tessellate", "1")
    _ring(element, "outerBoundaryIs", polygon.exterior)
    for hole in polygon.interiors:
        _ring(element, "innerBoundaryIs", hole)


def _ring(polygon: ET.Element, side: str, ring: shapely.LinearRing) -> None:
    line = _add(_add(polygon, side), "LinearRing")
    _add(line, "coordinates", " ".join(f"{lon:.6f},{lat:.6f},0" for lon, lat in ring.coords))


def _add(parent: ET.Element, tag: str, text: str | None = None) -> ET.Element:
    child = ET.SubElement(parent, tag)
    child.text = text
    return child
