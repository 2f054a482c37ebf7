"""Tables that come with the software and may be copied and edited: Huff, design depths, soils. All name sources."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file, files

import numpy as np

from naru.errors import BadSpec, ColumnsUnknown
from twin.fields import Fields
from twin.grid import Floats
from twin.text import Table, read_table

_DEPTHS = ("place", "return_period_y", "duration_h", "depth_mm")
_SOILS = ("soil", "effective_porosity", "suction_mm", "hydraulic_conductivity_mm_h")


def table(where: Fields, key: str, shipped: str, needed: Sequence[str] = ()) -> Table:
    """Return the table that a field names, or else the one that comes with the software.

    Raises ColumnsUnknown where a column that is needed is not in it.
    """
    if where.has(key):
        found = read_table(where.source_file(key))
        for name in needed:
            if name not in found.header:
                raise ColumnsUnknown(
                    f"there is no column '{name}'",
                    file=str(found.file),
                    field=where.where(key),
                    remedy=f"It needs {', '.join(needed)}; it has {', '.join(found.header[:30])}.",
                )
        return found
    with as_file(files("twin.forcing") / "data" / shipped) as path:
        return read_table(path)


def _text(rows: Table, row: int, name: str) -> str:
    """Return a cell of a column that may be missing: then nothing."""
    return rows.text(row, name) if name in rows.header else ""


def mass_curve(where: Fields, pattern: str) -> tuple[Floats, Floats]:
    """Return the shares of time and depth of a column of a table of patterns, in percent there.

    Raises BadSpec: no such column, or one that does not rise from 0 to 100 %.
    """
    rows = table(where, "pattern_table", "huff.csv")
    time, column = rows.header[0], _column(where, rows, pattern)
    shares, fallen = (np.array([rows.number(n, c) for n in range(len(rows.rows))]) for c in (time, column))
    for values, name, strictly in ((shares, time, True), (fallen, column, False)):
        steps = np.diff(values)
        if (
            len(values) < 2
            or values[0] != 0
            or values[-1] != 100
            or (steps < 0).any()
            or (strictly and not steps.all())
        ):
            raise BadSpec(
                f"the column '{name}' does not rise from 0 to 100 %",
                file=str(rows.file),
                field=where.where("pattern_table"),
                remedy="Begin with 0,0, end with 100,100, and let it never fall.",
            )
    return shares / 100.0, fallen / 100.0


def _column(where: Fields, rows: Table, pattern: str) -> str:
    if pattern not in rows.header[1:]:
        known = ", ".join(("uniform", "alternating-block", *rows.header[1:]))
        raise where.wrong("pattern", f"is '{pattern}'", f"Known are: {known}; or a file as `pattern_table`.")
    return pattern


def depth_curve(where: Fields, place: str, return_period_y: float) -> tuple[Floats, Floats, list[str]]:
    """Return the durations (h) and depths (mm) that a table has for a place and return period, and their sources.

    Raises BadSpec: it has none; says what it has.
    """
    rows = table(where, "depth_table", "rain_depths.csv", _DEPTHS)
    found, have = [], set()
    for n in range(len(rows.rows)):
        names = {rows.text(n, c).casefold() for c in ("place", "place_ko") if c in rows.header}
        years = rows.number(n, "return_period_y")
        have.add(f"{rows.text(n, 'place')} {years:g} years")
        if place.casefold() in names and years == return_period_y:
            sure = _text(rows, n, "verified").casefold() in ("yes", "예", "true", "1")
            source = _text(rows, n, "source") + ("" if sure else " (not verified)")
            found.append((rows.number(n, "duration_h"), rows.number(n, "depth_mm"), source))
    if not found:
        raise where.wrong(
            "place",
            f"and 'return_period_y' are '{place}' and {return_period_y:g}, which {rows.file.name} does not have",
            f"It has: {'; '.join(sorted(have))}. Add rows to a copy, and name that as `depth_table`.",
        )
    found.sort()
    hours, depths = np.array([f[0] for f in found]), np.array([f[1] for f in found])
    if (np.diff(hours) <= 0).any() or (np.diff(depths) < 0).any() or hours[0] <= 0 or depths[0] <= 0:
        raise BadSpec(
            f"depths of '{place}', {return_period_y:g} years do not grow with the duration, or one is given twice",
            file=str(rows.file),
            field=where.where("depth_table"),
            remedy="Correct the table.",
        )
    return hours, depths, sorted({f[2] for f in found})


def soil(where: Fields, name: str) -> tuple[float, float, float]:
    """Return a soil's effective porosity, suction (mm) and hydraulic conductivity (mm/h). Raises BadSpec."""
    rows = table(where, "soil_table", "soils.csv", _SOILS)
    wanted = name.casefold().replace(" ", "-").replace("_", "-")
    for n in range(len(rows.rows)):
        if wanted in (rows.text(n, "soil").casefold(), _text(rows, n, "soil_ko").casefold()):
            porosity, suction, conductivity = (rows.number(n, c) for c in _SOILS[1:])
            return porosity, suction, conductivity
    known = ", ".join(rows.text(n, "soil") for n in range(len(rows.rows)))
    raise where.wrong("soil", f"is '{name}'", f"Known are: {known}.")
