"""What the sample city consists of: each file, how it is made, and how it is called on the map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from naru.records import Function
from sample_data.boundaries import ATTRIBUTION, LICENCE
from sample_data.seoul import write_dong_geojson, write_gu_shapefile, write_living_area_kml
from sample_data.tables import BRIDGES, GAUGES, WEIRS, write_table_geojson

_OWN_LICENCE = "Apache-2.0"
_OWN_ATTRIBUTION = "Naru sample data; each feature names its source"


@dataclass(frozen=True)
class SampleLayer:
    """One file of the sample city and the layer that it becomes. `write` takes a folder, returns the file."""

    id: str
    title_ko: str
    title_en: str
    function: Function
    licence: str
    attribution: str
    write: Callable[[Path], Path]


CITY = (
    SampleLayer(
        "seoul-gu", "서울 자치구", "Seoul districts (gu)", "basemap", LICENCE, ATTRIBUTION, write_gu_shapefile
    ),
    SampleLayer(
        "seoul-dong",
        "서울 법정동",
        "Seoul legal neighbourhoods (dong)",
        "basemap",
        LICENCE,
        ATTRIBUTION,
        write_dong_geojson,
    ),
    SampleLayer(
        "seoul-living-areas",
        "서울 생활권",
        "Seoul living areas (2030 plan)",
        "content",
        LICENCE,
        ATTRIBUTION,
        write_living_area_kml,
    ),
    SampleLayer(
        "han-bridges",
        "한강 교량",
        "Han River bridges",
        "content",
        _OWN_LICENCE,
        _OWN_ATTRIBUTION,
        partial(write_table_geojson, BRIDGES),
    ),
    SampleLayer(
        "han-gauges",
        "한강 수위관측소",
        "Han River gauges",
        "content",
        _OWN_LICENCE,
        _OWN_ATTRIBUTION,
        partial(write_table_geojson, GAUGES),
    ),
    SampleLayer(
        "han-weirs",
        "한강 수중보",
        "Han River weirs",
        "content",
        _OWN_LICENCE,
        _OWN_ATTRIBUTION,
        partial(write_table_geojson, WEIRS),
    ),
)
