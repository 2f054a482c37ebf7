"""Rating curves: which discharge leaves at which stage."""

from __future__ import annotations

import numpy as np

from naru.errors import BadSpec
from twin.fields import Fields
from twin.forcing.edges import Rating
from twin.forcing.sections import pair, shown
from twin.text import Table, read_table

_STAGE = ("stage", "level", "h", "wl", "수위", "el", "z", "elevation")
_FLOW = ("q", "discharge", "flow", "outflow", "유량", "방류량")


def read_rating(where: Fields) -> Rating:
    """Read `rating`: [[stage EL m, discharge m³/s], …], or a table with both columns; both rise from row to row.

    Raises BadSpec, FileMissing, ColumnsUnknown.
    """
    given = where.needed("rating")
    if isinstance(given, list):
        rows = [pair(where, f"rating[{n}]", row) for n, row in enumerate(given)]
        names, file = [f"row {n}" for n in range(1, len(rows) + 1)], None
    elif isinstance(given, str):
        path = where.source_file("rating")
        table = read_table(path, where.text("encoding"), header=("stage", "discharge"))
        stage, flow = _column(table, _STAGE, "stage"), _column(table, _FLOW, "discharge")
        rows = [(table.number(n, stage), table.number(n, flow)) for n in range(len(table.rows))]
        names, file = [f"line {n}" for n in table.lines], str(path)
    else:
        raise where.wrong("rating", f"is {shown(given)}", "Give a table's file, or [[stage, discharge], …].")

    def wrong(what: str) -> BadSpec:
        field = where.where("rating")
        return BadSpec(f"field '{field}': {what}", file=file or str(where.file), field=field, remedy="Correct it.")

    if len(rows) < 2:
        raise wrong(f"{len(rows)} rows where at least two are expected")
    for n, (stage_m, discharge) in enumerate(rows):
        if not (0 <= discharge <= 1e6 and -1000 <= stage_m <= 9000):
            raise wrong(
                f"{names[n]}: {discharge:g} m³/s at {stage_m:g} m; 0 to 1e6 m³/s, -1000 to 9000 m are possible"
            )
        if n and not (stage_m > rows[n - 1][0] and discharge >= rows[n - 1][1]):
            raise wrong(f"{names[n]}: stage and discharge must rise from row to row")
    values = np.array(rows)
    return Rating(values[:, 0], values[:, 1], file)


def _column(table: Table, words: tuple[str, ...], meaning: str) -> str:
    found = [h for h in table.header if any(h.casefold().split("_")[0].split("(")[0].strip() == w for w in words)]
    return table.column(found[0] if found else meaning, meaning)
