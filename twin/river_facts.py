"""What pages need of a river, as the asset "river": lines in longitude and latitude, profiles, sections, errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from twin.bank_heights import bank_profile
from twin.bed.records import Bed, Score
from twin.stage import StageLine
from twin.survey.records import CrossSection, Reach, Survey

Floats = npt.NDArray[np.float64]
ToLonLat = Callable[[Floats, Floats], tuple[Floats, Floats]]
_MOST_POINTS = 600  # of a long profile
_DEGREE_DIGITS, _METRE_DIGITS = 7, 3


def to_lonlat(crs: str) -> ToLonLat:
    """Return the function that brings x and y of `crs` to longitude and latitude on WGS 84.

    Raises:
        CrsRefused: there is no transformation, or a place has none.
    """
    from twin.crs import Mover

    return Mover(crs, "EPSG:4326", "")


def reaches(survey: Survey, bed: Bed, stages: tuple[StageLine, ...], lonlat: ToLonLat) -> list[dict[str, Any]]:
    """Return each reach with its lines, its long profile and its sections."""
    return [
        {
            "id": reach.id,
            "centreline": _line(reach.centreline, lonlat),
            "left_bank": _line(reach.left_bank, lonlat),
            "right_bank": _line(reach.right_bank, lonlat),
            "downstream": reach.downstream,
            "length_m": _metres(reach.length_m),
            "profile": _profile(reach, number, bed, stages[number] if stages else None),
            "sections": [_section(section, lonlat) for section in reach.sections],
        }
        for number, reach in enumerate(survey.reaches)
    ]


def scores(of: Sequence[Score]) -> list[dict[str, Any]]:
    """Return the table of leaving one section out, the contract's columns first."""
    return [
        {
            "method": score.method,
            "rmse_m": _metres(score.rmse_m),
            "bias_m": _metres(score.bias_m),
            "thalweg_rmse_m": _metres(score.thalweg_rmse_m),
            "sections": [_rounded(asdict(section)) for section in score.sections],
        }
        for score in of
    ]


def _profile(reach: Reach, number: int, bed: Bed, stage: StageLine | None) -> dict[str, Any]:
    """Return the long profile: the lowest bed in steps along the centre line, banks and water beside it."""
    mine = bed.reach == number
    s, z = bed.s[mine].astype(np.float64), bed.elevation.values[mine].astype(np.float64)
    chainages, left, right = bank_profile(reach)
    low, high = float(chainages[0]), float(chainages[-1])
    count = int(np.clip((high - low) / bed.elevation.frame.cell_m, 1, _MOST_POINTS))
    step = (high - low) / count
    lowest = np.full(count, np.inf)
    np.minimum.at(lowest, np.clip(((s - low) / step).astype(int), 0, count - 1), z)
    at = low + (np.arange(count) + 0.5) * step
    thalweg = [
        reach.sections[0].thalweg_m,
        *np.where(np.isinf(lowest), np.nan, lowest),
        reach.sections[-1].thalweg_m,
    ]
    along = np.concatenate([[low], at, [high]])
    return {
        "chainage_m": _list(along),
        "thalweg_m": _list(np.array(thalweg)),
        "water_stage_m": _list(stage.at(along)) if stage else [],
        "left_bank_m": _list(np.interp(along, chainages, left)),
        "right_bank_m": _list(np.interp(along, chainages, right)),
    }


def _section(section: CrossSection, lonlat: ToLonLat) -> dict[str, Any]:
    return {
        "id": section.id,
        "chainage_m": _metres(section.chainage_m),
        "line": _line(np.column_stack([section.x, section.y]), lonlat),
        "station_m": _list(section.station_m),
        "bed_elevation_m": _list(section.z),
        "banks": list(section.banks) if section.banks else [0, len(section.z) - 1],
    }


def _line(points: Floats, lonlat: ToLonLat) -> list[list[float]]:
    lon, lat = lonlat(points[:, 0], points[:, 1])
    return [
        [round(float(a), _DEGREE_DIGITS), round(float(b), _DEGREE_DIGITS)] for a, b in zip(lon, lat, strict=True)
    ]


def _list(values: Floats) -> list[float | None]:
    return [_metres(value) for value in values.tolist()]


def _metres(value: float) -> float | None:
    """Return a number for JSON: to the millimetre, null where it is not known."""
    return round(value, _METRE_DIGITS) if np.isfinite(value) else None


def _rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _metres(value) if isinstance(value, float) else value for name, value in row.items()}
