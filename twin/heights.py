"""Whether a survey's heights and the ground's belong together: the ends of its sections must lie on the ground."""

from __future__ import annotations

import numpy as np

from naru.errors import BadSurvey
from twin.grid import Floats, Grid
from twin.survey.records import Survey

_FEWEST = 4  # ends on known ground, to judge by
_ALIKE = 0.35  # of the offset: a spread (median absolute deviation) below that makes it a constant
_KOREAN_GEOID_M = (17.0, 32.0)  # height of the geoid above the ellipsoid in Korea
_UNITS = (  # what the sections' ends are times the ground's heights: whose heights are in what
    (1 / 0.3048, "the sections'", "ft"),
    (100.0, "the sections'", "cm"),
    (1000.0, "the sections'", "mm"),
    (0.3048, "the ground's", "ft"),
)


def check_heights(survey: Survey, ground: Grid, tolerance_m: float, file: str) -> list[str]:
    """Compare the heights of sections' ends, where a survey reaches the land, with the ground's.

    Returns warnings.

    Raises:
        BadSurvey: they differ by a constant (a datum mixed up), by a factor (feet, centimetres), or by their sign.
    """
    x, y, z = (
        np.array([value for section in survey.sections for value in (getattr(section, name)[[0, -1]])])
        for name in ("x", "y", "z")
    )
    at = ground.at(x, y)
    known = np.isfinite(at)
    missing = int((~known).sum())
    warnings = [f"{missing} of {len(z)} section ends lie where the ground has no height"] if missing else []
    if int(known.sum()) < _FEWEST:
        return warnings
    z, at = z[known], at[known]
    offset = float(np.median(z - at))
    spread = float(np.median(np.abs(z - at - offset)))
    if abs(offset) <= tolerance_m:
        if abs(offset) > 2 and spread < _ALIKE * abs(offset):
            warnings.append(
                f"section ends lie {_signed(offset)} the ground, most of them alike: look at the datums"
            )
        return warnings
    _check_unit(z, at, (offset, spread), file)
    if spread < _ALIKE * abs(offset):
        raise BadSurvey(
            f"the sections' ends lie {_signed(offset)} the ground, all alike (within {spread:.1f} m): "
            f"{_looks(offset)}",
            file=file,
            field="vertical_datum",
            remedy="State the `vertical_datum` of each file as it is; if the ground is of treetops or the banks "
            "are walls, raise `height_tolerance_m` above the difference.",
        )
    warnings.append(
        f"section ends lie {_signed(offset)} the ground in the median, with a spread of {spread:.1f} m: look at "
        "the places and heights of both"
    )
    return warnings


def _check_unit(z: Floats, ground: Floats, constant: tuple[float, float], file: str) -> None:
    """Refuse heights that are the ground's in another unit, or with the other sign.

    `constant`: offset and spread of a difference in datum, which must explain the heights less well.
    """
    offset, spread = constant
    usable = np.abs(ground) > 0.5
    if usable.sum() < _FEWEST:
        return
    z, ground = z[usable], ground[usable]
    for factor, whose, unit in _UNITS:
        off = float(np.median(np.abs(z / factor - ground)))
        if off < abs(offset) / 5 and off * factor < spread and _alike(z / ground / factor):
            ratio = float(np.median(z / ground))
            raise BadSurvey(
                f"{whose} heights are in {unit}, it seems: the sections' ends are {ratio:.4g} times the ground",
                file=file,
                field="unit",
                remedy=f"Say `unit: {unit}` of that file.",
            )
    off = float(np.median(np.abs(z + ground)))
    if off < min(abs(offset) / 5, spread) and _alike(-z / ground):
        raise BadSurvey(
            "the sections' ends are the ground's heights with the other sign",
            file=file,
            field="z",
            remedy="Give bed elevations, upwards positive; or name depths as `depth` and give `water_level_m`.",
        )


def _alike(ratios: Floats) -> bool:
    """Whether most ratios are one, within a tenth."""
    return float(np.median(np.abs(ratios - 1))) < 0.1


def _signed(offset: float) -> str:
    return f"{abs(offset):.1f} m {'above' if offset > 0 else 'below'}"


def _looks(offset: float) -> str:
    if _KOREAN_GEOID_M[0] <= abs(offset) <= _KOREAN_GEOID_M[1]:
        higher = "the survey" if offset > 0 else "the ground"
        return f"in Korea that is the geoid, {higher} looks ellipsoidal (WGS 84, GRS 80) and the other EL"
    return "one of them looks to be above another datum"
