"""Two runs beside each other: where one is deeper, and what that changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from naru.errors import BadOption, BadSpec
from twin.grid import Grid
from twin.report import charts, words
from twin.report.affected import Counted, regions_of
from twin.report.blocks import Block, Heading, Table, Text
from twin.report.classes import DEPTH, Both
from twin.report.exposed import Exposed, tables
from twin.report.maps import Maps
from twin.report.run_folder import RunFolder
from twin.results.statistics import Comparison, compare

_MOST_GAUGES = 6  # that are drawn, the two runs' lines in one chart
_THESE: tuple[Both, Both, Both] = (("이 모의", "this run"), ("비교 대상", "the other"), ("차이", "difference"))


def comparison(run: RunFolder, other: RunFolder, maps: Maps, exposed: Exposed) -> Iterator[Block]:
    """Yield what differs: this run less the other.

    Raises:
        BadSpec: the runs have other cells, or wrote no maximum depth.
    """
    ours, theirs = run.raster("max_depth"), other.raster("max_depth")
    if (
        ours is None
        or theirs is None
        or (run.frame.rows, run.frame.columns) != (other.frame.rows, other.frame.columns)
    ):
        raise _apart(run, other, "they have other cells, or one wrote no maximum depth")
    try:
        found = compare(
            Grid(ours, run.frame, "m"), Grid(theirs, other.frame, "m"), threshold_m=run.told["threshold_m"]
        )
    except BadOption as error:
        raise _apart(run, other, str(error)) from error
    if found.difference.values.shape != ours.shape:
        raise _apart(run, other, "they have other domains")
    name = str(other.told["scenario"])
    yield Heading(("비교", "Comparison"))
    yield Text(
        (f"'{name}'({other.told['run']})을 뺀 차이입니다.", f"This run less '{name}' ({other.told['run']}).")
    )
    yield maps.difference(found.difference.values, ("최대 침수심 차이", "difference of maximum depth"))
    yield _told(found)
    nowhere = regions_of(None, run.frame)
    for (caption, one), (_, two) in zip(
        tables(run, ours, exposed, nowhere), tables(other, theirs, exposed, nowhere), strict=True
    ):
        yield _beside(caption, one, two)
    yield from _gauges(run, other)


def _apart(run: RunFolder, other: RunFolder, why: str) -> BadSpec:
    sizes = [f"{r.frame.columns} × {r.frame.rows} of {r.frame.cell_m:g} m" for r in (run, other)]
    return BadSpec(
        f"the runs cannot be compared: {why} ({sizes[0]}, and {sizes[1]})",
        file=str(other.path),
        field="compare",
        remedy="Compare runs of one terrain and domain, with the same `cell_m`.",
    )


def _told(found: Comparison) -> Table:
    rows = (
        ("가장 많이 깊어진 곳 · largest rise", f"{found.largest_rise:.2f} m"),
        ("가장 많이 얕아진 곳 · largest fall", f"{found.largest_fall:.2f} m"),
        ("평균 차이 · mean difference", words.number(found.mean, 3) + " m"),
        ("제곱평균제곱근 · root mean square", words.number(found.root_mean_square, 3) + " m"),
        ("이 모의만 침수 · flooded in this run only", f"{found.only_a_m2:,.0f} m²"),
        ("비교 대상만 침수 · flooded in the other only", f"{found.only_b_m2:,.0f} m²"),
        ("둘 다 침수 · flooded in both", f"{found.both_m2:,.0f} m²"),
    )
    return Table(("최대 침수심 비교", "maximum depths compared"), (("항목", "item"), ("값", "value")), rows)


def _beside(caption: Both, one: Counted, two: Counted) -> Table:
    """Return totals by class of depth of both runs."""
    rows = [
        (each.name, f"{a:,.0f}", f"{b:,.0f}", f"{a - b:+,.0f}")
        for each, a, b in zip(DEPTH, one.total, two.total, strict=True)
    ]
    a, b = one.total.sum(), two.total.sum()
    rows.append(("합계 · sum", f"{a:,.0f}", f"{b:,.0f}", f"{a - b:+,.0f}"))
    return Table(caption, (("수심", "depth"), *_THESE), tuple(rows), strong=(len(rows) - 1,))


def _peak(gauges: Mapping[str, Any], name: str) -> float | None:
    return gauges[name]["max_stage_m"] if name in gauges else None


def _gauges(run: RunFolder, other: RunFolder) -> Iterator[Block]:
    ours, theirs = run.told["gauges"], other.told["gauges"]
    common = [name for name in ours if None not in (ours[name]["max_stage_m"], _peak(theirs, name))]
    if not common:
        return
    stages, before = (each.series("gauges", "gauge", "stage_m") for each in (run, other))
    drawn = {name: stages[name] for name in common[:_MOST_GAUGES] if name in stages}
    if drawn:
        title: Both = ("수위 비교: 점선은 비교 대상", "stages; dashed: the other run")
        yield charts.lines(drawn, title, "EL m", dashed=before)
    rows = tuple(
        (
            name,
            f"{ours[name]['max_stage_m']:.2f}",
            f"{theirs[name]['max_stage_m']:.2f}",
            f"{ours[name]['max_stage_m'] - theirs[name]['max_stage_m']:+.2f}",
        )
        for name in common
    )
    yield Table(("최고 수위 EL m", "highest stages, EL m"), (("관측점", "gauge"), *_THESE), rows)
