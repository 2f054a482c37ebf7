"""Two runs beside each other: where one is deeper, and what that changes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from naru.errors import BadSpec
from twin.grid import Values
from twin.report.affected import flooded_area, regions_of
from twin.report.blocks import Block, Heading, Table, Text
from twin.report.classes import DEPTH
from twin.report.maps import Maps
from twin.report.run_folder import RunFolder

_SAME_M = 1e-6  # of coordinates


def comparison(run: RunFolder, other: RunFolder, maps: Maps) -> Iterator[Block]:
    """Yield what differs: this run less the other.

    Raises:
        BadSpec: the runs have other cells.
    """
    depth, before = run.raster("max_depth"), other.raster("max_depth")
    if depth is None or before is None:
        return
    _check_frames(run, other)
    change = difference(depth, before)
    name = str(other.told["scenario"])
    yield Heading(("비교", "Comparison"))
    yield Text(
        (f"'{name}'({other.told['run']})을 뺀 차이입니다.", f"This run less '{name}' ({other.told['run']}).")
    )
    yield maps.difference(change, ("최대 침수심 차이", "difference of maximum depth"))
    yield _areas(run, other, depth, before)
    yield from _gauges(run, other)


def difference(depth: Values, before: Values) -> Values:
    """Return by how much the one is deeper, m; NaN where neither has water."""
    out: Values = np.nan_to_num(depth) - np.nan_to_num(before)
    return np.where(np.isnan(depth) & np.isnan(before), np.nan, out)


def _check_frames(run: RunFolder, other: RunFolder) -> None:
    one, two = run.frame, other.frame
    same = (one.rows, one.columns, one.crs) == (two.rows, two.columns, two.crs)
    near = np.allclose(one.bounds, two.bounds, rtol=0, atol=max(_SAME_M, one.cell_m * 1e-3))
    if not (same and near):
        raise BadSpec(
            f"the runs have other cells: {one.columns} × {one.rows} of {one.cell_m:g} m and "
            f"{two.columns} × {two.rows} of {two.cell_m:g} m",
            file=str(other.path),
            field="compare",
            remedy="Compare runs of one terrain and domain, with the same `cell_m`.",
        )


def _areas(run: RunFolder, other: RunFolder, depth: Values, before: Values) -> Table:
    threshold, nowhere = run.told["threshold_m"], regions_of(None, run.frame)
    sums = [
        flooded_area(np.where(values >= threshold, values, np.nan), nowhere, run.frame.cell_m).total
        for values in (depth, before)
    ]
    rows: list[tuple[str, ...]] = [
        (each.name, f"{one:,.0f}", f"{two:,.0f}", f"{one - two:+,.0f}")
        for each, one, two in zip(DEPTH, sums[0], sums[1], strict=True)
    ]
    rows.append(("합계 · sum", *(f"{s.sum():,.0f}" for s in sums), f"{sums[0].sum() - sums[1].sum():+,.0f}"))
    head = (("수심", "depth"), ("이 모의 m²", "this run"), ("비교 대상 m²", "the other"), ("차이 m²", "difference"))
    return Table(("침수 면적", "flooded area"), head, tuple(rows), strong=(len(rows) - 1,))


def _gauges(run: RunFolder, other: RunFolder) -> Iterator[Block]:
    ours, theirs = run.told["gauges"], other.told["gauges"]
    rows = tuple(
        (
            name,
            f"{gauge['max_stage_m']:.2f}",
            f"{theirs[name]['max_stage_m']:.2f}",
            f"{gauge['max_stage_m'] - theirs[name]['max_stage_m']:+.2f}",
        )
        for name, gauge in ours.items()
        if name in theirs
    )
    if rows:
        head = (
            ("관측점", "gauge"),
            ("이 모의 EL m", "this run"),
            ("비교 대상", "the other"),
            ("차이 m", "difference"),
        )
        yield Table(("최고 수위", "highest stages"), head, rows)
