"""Sections and points in tables: one row a point, the columns named in the terrain file or known by their names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from naru.errors import BadSurvey, ColumnsUnknown, TooLarge
from twin.spec_records import Source
from twin.survey.raw import RawSection, RawSurvey
from twin.survey.records import Floats
from twin.text import Table, read_table

KNOWN = {  # what a column is when the terrain file does not name it: the header, small letters
    "id": (
        "section",
        "section_id",
        "sectionid",
        "xs",
        "xs_id",
        "id",
        "단면",
        "단면번호",
        "단면명",
        "측점",
        "측점명",
        "no",
        "no.",
    ),
    "reach": ("reach", "river", "하천", "하천명", "구간"),
    "station": (
        "station",
        "station_m",
        "offset",
        "offset_m",
        "distance",
        "거리",
        "누가거리",
        "누가거리(m)",
        "측점거리",
    ),
    "x": ("x", "x_m", "easting", "east", "e", "x좌표", "동", "경도", "lon", "longitude"),
    "y": ("y", "y_m", "northing", "north", "n", "y좌표", "북", "위도", "lat", "latitude"),
    "z": (
        "z",
        "z_m",
        "elevation",
        "elev",
        "el",
        "el.",
        "el_m",
        "bed_el",
        "bed_el_m",
        "bed_elevation",
        "height",
        "level",
        "표고",
        "하상고",
        "하상표고",
        "지반고",
        "el.(m)",
        "표고(m)",
    ),
    "depth": ("depth", "depth_m", "수심", "수심(m)"),
    "chainage": ("chainage", "chainage_m", "river_km", "누가거리(하천)"),
    "code": ("code", "remark", "비고"),
}
_LEFT, _RIGHT = (
    {"lb", "lbank", "left", "left bank", "l", "좌안", "좌"},
    {"rb", "rbank", "right", "right bank", "r", "우안", "우"},
)
_MOST_SECTIONS = 20_000


def read_sections_table(source: Source) -> RawSurvey:
    """Read cross-sections: section id, x, y, bed elevation (or depth); station, reach, chainage, code if there.

    Rows may come in any order; those of one id (in one reach) are one section.
    Raises ColumnsUnknown, BadSurvey (a cell that is no number: line and section), and what `read_table` raises.
    """
    table = read_table(source.file, source.encoding)
    optional = ("reach", "station", "chainage", "code")
    names = find_columns(table, source, ("id", "x", "y", _height(source)), optional)
    groups: dict[tuple[str, str], list[int]] = {}
    for row in range(len(table.rows)):
        key = (table.text(row, names["reach"]) if "reach" in names else "", table.text(row, names["id"]))
        if not key[1]:
            raise BadSurvey(
                f"line {table.lines[row]}: the point has no section id",
                file=str(source.file),
                field=names["id"],
                remedy="Say which section it belongs to, or leave the line out.",
            )
        groups.setdefault(key, []).append(row)
    if not groups:
        raise BadSurvey("there are no points under the header", file=str(source.file), remedy="Export it again.")
    if len(groups) > _MOST_SECTIONS:
        raise TooLarge(
            f"the table has {len(groups)} sections; {_MOST_SECTIONS} are read",
            file=str(source.file),
            field=names["id"],
            remedy="Check the column that names the sections.",
        )
    return RawSurvey(tuple(_section(table, source, names, key, rows) for key, rows in groups.items()))


def _section(
    table: Table, source: Source, names: dict[str, str], key: tuple[str, str], rows: list[int]
) -> RawSection:
    feature = f"section '{key[1]}'"

    def numbers(meaning: str) -> Floats:
        return np.array([table.number(row, names[meaning], feature) for row in rows])

    stations = None
    if "station" in names:
        given = [bool(table.text(row, names["station"])) for row in rows]
        stations = numbers("station") if all(given) else None
        if any(given) and stations is None:
            raise BadSurvey(
                f"line {table.lines[rows[given.index(False)]]}: it has no station; others of its section have",
                file=str(source.file),
                feature=feature,
                field=names["station"],
                remedy="Give all stations of a section, or none.",
            )
    chainage = table.number(rows[0], names["chainage"], feature) if "chainage" in names else None
    height = numbers(_height(source))
    return RawSection(
        id=key[1],
        file=source.file,
        x=numbers("x"),
        y=numbers("y"),
        z=height,
        reach=key[0] or None,
        lines=np.array([table.lines[row] for row in rows]),
        station=stations,
        chainage=chainage,
        bank_points=_marked(table, names, rows),
    )


def _marked(table: Table, names: dict[str, str], rows: list[int]) -> tuple[int, int] | None:
    """Return which points a column of codes marks as left and right bank, where it marks one each."""
    if "code" not in names:
        return None
    codes = [table.text(row, names["code"]).casefold() for row in rows]
    left, right = ([n for n, code in enumerate(codes) if code in words] for words in (_LEFT, _RIGHT))
    return (min(left + right), max(left + right)) if len(left) == 1 and len(right) == 1 else None


def read_points_table(source: Source) -> tuple[Floats, Floats, Floats]:
    """Read points: x, y, and elevation or depth, as they stand there; without a header x, y, z in this order.

    Raises ColumnsUnknown, BadSurvey, and what `read_table` raises.
    """
    table = read_table(source.file, source.encoding, header=("x", "y", "z"))
    names = find_columns(table, source, ("x", "y", _height(source)), ())
    x, y, z = (
        np.array([table.number(row, names[meaning]) for row in range(len(table.rows))])
        for meaning in ("x", "y", _height(source))
    )
    return x, y, z


def _height(source: Source) -> str:
    return "z" if source.water_level_m is None else "depth"


def find_columns(table: Table, source: Source, needed: Sequence[str], optional: Sequence[str]) -> dict[str, str]:
    """Return the name of each column by its meaning: as the terrain file says, else a known name in the header.

    Raises ColumnsUnknown: one that is named is not there, or one that is needed is not found.
    """
    out: dict[str, str] = {}
    for meaning in (*needed, *optional):
        named = source.columns.get(meaning)
        if named is not None:
            out[meaning] = table.column(named, meaning)
            continue
        taken = set(source.columns.values()) | set(out.values())
        matches = [h for h in table.header if h.casefold() in KNOWN[meaning] and h not in taken]
        if len(matches) == 1 or (matches and meaning in needed):
            out[meaning] = min(matches, key=lambda h: KNOWN[meaning].index(h.casefold()))
        elif meaning in needed:
            raise ColumnsUnknown(
                f"which column is '{meaning}'?",
                file=str(source.file),
                field=meaning,
                remedy=f"Name it in the terrain file, as in {{{meaning}: NAME}}. The file has: "
                f"{', '.join(table.header[:30])}.",
            )
    return out
