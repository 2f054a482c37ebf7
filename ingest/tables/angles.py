"""Angles as people write them: degrees, minutes and seconds in many spellings."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

Axis = Literal["lon", "lat"]
NOT_A_NUMBER = "a coordinate is not a number"
BAD_ANGLE = "minutes or seconds of an angle are 60 or more"
CONTRADICTION = "the signs of an angle contradict each other"

# Normalising would turn these signs into letters or break them up.
_SIGNS = str.maketrans(
    {
        **dict.fromkeys("º˚∘⁰", "°"),
        **dict.fromkeys("′’‘ʹ`´＇", "'"),
        **dict.fromkeys("″”“ʺ＂", '"'),
        **dict.fromkeys("−–—", "-"),
    }
)
_AXES: dict[str, tuple[Axis, int]] = {
    **{"N": ("lat", 1), "S": ("lat", -1), "E": ("lon", 1), "W": ("lon", -1)},
    **{"북위": ("lat", 1), "남위": ("lat", -1), "동경": ("lon", 1), "서경": ("lon", -1)},
}
_NUMBER = r"[0-9]{1,2}(?:\.[0-9]*)?"
_BEFORE = r"(?P<before>[NSEW]|[북남]위|[동서]경)?\s*(?P<sign>[+-])?\s*"
_DEGREES = r"(?P<d>[0-9]{1,3}(?:\.[0-9]*)?)"
_AFTER = r"\s*(?P<after>[NSEW])?"
_SPELLINGS = tuple(
    re.compile(_BEFORE + _DEGREES + body + _AFTER)
    for body in (
        rf"\s*(?:[°도]|DEG)\s*(?:(?P<m>{_NUMBER})\s*(?:['분]\s*(?:(?P<s>{_NUMBER})\s*(?:\"|''|초)?)?)?)?",
        rf"\s*D\s*(?:(?P<m>{_NUMBER})\s*(?:M\s*(?:(?P<s>{_NUMBER})\s*S?)?)?)?",
        rf"\s*(?P<gap>[-:\s])\s*(?P<m>{_NUMBER})\s*(?:['분]?\s*(?:(?P=gap)|\s)\s*(?P<s>{_NUMBER})\s*(?:\"|''|초)?)?",
        r"\.(?P<m>[0-9]{2})\.(?P<s>[0-9]{2}(?:\.[0-9]*)?)",
        r"(?P<m>)(?P<s>)",
    )
)


@dataclass(frozen=True)
class Angle:
    """Degrees, and the axis when a letter names it."""

    degrees: float
    axis: Axis | None = None


def parse_angle(text: str) -> Angle | str:
    """Return the angle, or the reason why it is none (one of the constants above).

    >>> parse_angle("37°33'36\\"N"), parse_angle("동경 126도 30분"), parse_angle("12a")
    (Angle(degrees=37.56, axis='lat'), Angle(degrees=126.5, axis='lon'), 'a coordinate is not a number')
    """
    plain = unicodedata.normalize("NFKC", text.translate(_SIGNS)).strip().upper()
    match = next((m for spelling in _SPELLINGS if (m := spelling.fullmatch(plain))), None)
    if match is None:
        return NOT_A_NUMBER
    degrees, minutes, seconds = match["d"], match["m"] or "", match["s"] or ""
    if (minutes and "." in degrees) or (seconds and "." in minutes):
        return NOT_A_NUMBER
    if float(minutes or 0) >= 60 or float(seconds or 0) >= 60:
        return BAD_ANGLE
    value = (float(degrees) * 3600 + float(minutes or 0) * 60 + float(seconds or 0)) / 3600
    return _signed(value, match)


def _signed(value: float, match: re.Match[str]) -> Angle | str:
    letters = {letter for letter in (match["before"], match["after"]) if letter}
    axes = {_AXES[letter] for letter in letters}
    if len(axes) > 1 or (axes and match["sign"]):
        return CONTRADICTION
    axis, sign = next(iter(axes), (None, -1 if match["sign"] == "-" else 1))
    return Angle(sign * value, axis)
