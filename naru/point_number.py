"""National point numbers (국가지점번호): a name for each 10 m cell of Korea and the sea around it.

Road Name Address Act (도로명주소법) art. 2 (9) and 23, Enforcement Decree art. 37. The grid lies on EPSG:5179 and
begins at E 700 000, N 1 300 000. Two letters name a square of 100 km, east before north; then come easting and
northing inside it, in as many digits each as the cell is fine: four for 10 m. A number names a cell, never a
bare point.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass

from naru.errors import BadPointNumber

CRS = "EPSG:5179"
EAST_LETTERS = "가나다라마바사"
NORTH_LETTERS = "가나다라마바사아"
_WEST, _SOUTH, _SQUARE = 700_000, 1_300_000, 100_000
_SIZES = {1000: 2, 100: 3, 10: 4, 1: 5}  # metres: digits of each half
_SPOKEN = {
    **{"하나": "1", "다섯": "5", "여섯": "6", "일곱": "7", "여덟": "8", "아홉": "9"},
    **{"공": "0", "영": "0", "일": "1", "이": "2", "삼": "3", "사": "4", "오": "5", "육": "6", "륙": "6"},
    **{"칠": "7", "팔": "8", "구": "9", "둘": "2", "셋": "3", "넷": "4"},
}
_WORDS = re.compile("|".join(_SPOKEN))
_GAPS = re.compile(r"[\s\-‐-―−·.,_/]+")
_NUMBER = re.compile(r"([가-힣])([가-힣])((?:[0-9]{2}){2,5})")
_LETTERS = re.compile(r"\S ?\S ?")
_REMEDY = "Write it like 다사 5392 5204."


@dataclass(frozen=True)
class PointCell:
    """A cell of the grid: south-west corner in EPSG:5179 (metres), and the length of its sides in metres."""

    west: int
    south: int
    size_m: int = 10

    @property
    def centre(self) -> tuple[float, float]:
        """Easting and northing of the middle of the cell, in EPSG:5179."""
        return self.west + self.size_m / 2, self.south + self.size_m / 2

    @property
    def number(self) -> str:
        """The number as it stands on the plates: letters, easting, northing.

        >>> PointCell(953920, 1952040).number
        '다사 5392 5204'
        """
        digits = _SIZES[self.size_m]
        column, east = divmod(self.west - _WEST, _SQUARE)
        row, north = divmod(self.south - _SOUTH, _SQUARE)
        halves = (f"{v // self.size_m:0{digits}d}" for v in (east, north))
        return " ".join((EAST_LETTERS[column] + NORTH_LETTERS[row], *halves))


def encode(easting: float, northing: float, size_m: int = 10) -> PointCell:
    """Return the cell that a position in EPSG:5179 (metres) lies in; a position on a line belongs north-east of it.

    `size_m` is 1000, 100, 10 or 1. Raises BadPointNumber outside the grid.

    >>> encode(953925.56, 1952047.72).number
    '다사 5392 5204'
    """
    if size_m not in _SIZES:
        raise BadPointNumber(f"there are no cells of {size_m} m", remedy="Say 1000, 100, 10 or 1.")
    if not (math.isfinite(easting) and math.isfinite(northing)) or not _inside(easting, northing):
        raise BadPointNumber(
            f"E {easting:.0f}, N {northing:.0f} lies outside the grid of national point numbers",
            remedy="Give a position in Korea, in EPSG:5179: E 700000 to 1400000, N 1300000 to 2100000.",
        )
    return PointCell(math.floor(easting / size_m) * size_m, math.floor(northing / size_m) * size_m, size_m)


def decode(text: str) -> PointCell:
    """Return the cell that a number names. Raises BadPointNumber.

    Takes it joined, with blanks or hyphens, in full-width digits, in decomposed Hangul, and with digits spoken
    one by one.

    >>> decode("다마 사사공육 일이오육").number, decode("다사 067 028").size_m
    ('다마 4406 1256', 100)
    """
    match = _NUMBER.fullmatch(_plain(text))
    if match is None:
        shown = " ".join(text.split())[:40]
        raise BadPointNumber(f"'{shown}' is no national point number", remedy=_REMEDY)
    column, row, digits = match.groups()
    if column not in EAST_LETTERS or row not in NORTH_LETTERS:
        raise BadPointNumber(
            f"the grid has no square '{column}{row}'",
            remedy=f"The first letter is one of {EAST_LETTERS}, the second one of {NORTH_LETTERS}.",
        )
    half = len(digits) // 2
    size = _SQUARE // 10**half
    return PointCell(
        _WEST + EAST_LETTERS.index(column) * _SQUARE + int(digits[:half]) * size,
        _SOUTH + NORTH_LETTERS.index(row) * _SQUARE + int(digits[half:]) * size,
        size,
    )


def _plain(text: str) -> str:
    """Return letters and digits without gaps; "" when the gap between the digits is not in their middle.

    Four digits in one piece are half a number rather than a whole one of a 1 km cell.
    """
    composed = _GAPS.sub(" ", unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text))).strip()
    head = _LETTERS.match(composed)
    letters = head.group() if head else ""
    groups = _WORDS.sub(lambda m: _SPOKEN[m.group()], composed[len(letters) :]).split()
    rest = "".join(groups)
    whole = len(groups[0]) == len(groups[1]) if len(groups) == 2 else len(groups) > 2 or len(rest) >= 6
    return letters.replace(" ", "") + rest if whole else ""


def _inside(easting: float, northing: float) -> bool:
    width, height = len(EAST_LETTERS) * _SQUARE, len(NORTH_LETTERS) * _SQUARE
    return _WEST <= easting < _WEST + width and _SOUTH <= northing < _SOUTH + height
