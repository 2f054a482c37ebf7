"""What the water hits, as tables: flooded area, buildings, roads, by class of depth and by region."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.grid import Floats, Values
from twin.report.affected import (
    Counted,
    Region,
    Things,
    buildings_hit,
    flooded_area,
    regions_of,
    roads_hit,
)
from twin.report.blocks import Block, Heading, Table, Text
from twin.report.classes import DEPTH, Both
from twin.report.run_folder import RunFolder

_MOST_REGIONS = 100


@dataclass(frozen=True)
class Exposed:
    """What may be hit, in the run's coordinates; `inputs` say where it comes from, as those of run.json."""

    buildings: Things | None = None
    roads: Things | None = None
    regions: Things | None = None
    inputs: tuple[Mapping[str, Any], ...] = ()


def hit(run: RunFolder, depth: Values, exposed: Exposed, said: Both | None = None) -> Iterator[Block]:
    """Yield the tables of a run; `said` is what else is to be known of the depth."""
    limit = f"{run.told['threshold_m']:g} m"
    region = regions_of(exposed.regions, run.frame)
    yield Heading(("침수 면적과 피해 대상", "Flooded area, and what is hit"))
    yield Text((f"최대 수심 {limit} 이상만 셉니다.", f"Counted where the water stood {limit} deep or more."))
    if said is not None:
        yield Text(said)
    for caption, counted in tables(run, depth, exposed, region):
        yield _table(caption, counted)
    missing = [
        both
        for both, found in (
            (("건물", "buildings"), exposed.buildings),
            (("도로", "roads"), exposed.roads),
            (("행정구역", "administrative areas"), exposed.regions),
        )
        if found is None
    ]
    if missing:
        ko, en = (", ".join(each[n] for each in missing) for n in (0, 1))
        yield Text(
            (
                f"지정되지 않아 세지 않은 것: {ko}. 시나리오의 report:나 naru twin report 옵션으로 지정합니다.",
                f"Not counted, for none were named: {en}. Name them under `report:` in the scenario, or as options "
                "of `naru twin report`.",
            )
        )


def tables(run: RunFolder, depth: Values, exposed: Exposed, region: Region) -> Iterator[tuple[Both, Counted]]:
    """Yield what is hit where it is flooded, each with its caption."""
    frame = run.frame
    shown = np.where(depth >= run.told["threshold_m"], depth, np.nan)
    yield ("침수 면적 (m²)", "flooded area, m²"), flooded_area(shown, region, frame.cell_m)
    if exposed.buildings is not None:
        counted = buildings_hit(shown, exposed.buildings, frame, region)
        yield ("침수 건물 (동)", "buildings in water"), counted
    if exposed.roads is not None:
        length, surface = roads_hit(shown, exposed.roads, frame, region)
        is_area = surface.values.any() and not length.values.any()
        caption = ("침수 도로 면적 (m²)", "area of roads under water, m²") if is_area else _LENGTH
        yield caption, surface if is_area else length


_LENGTH: Both = ("침수 도로 연장 (m)", "length of roads under water, m")


def _table(caption: Both, counted: Counted) -> Table:
    head = (("구역", "area"), *((each.name, "") for each in DEPTH), ("합계", "sum"))
    kept = [n for n, values in enumerate(counted.values) if values.any() and counted.regions[n]]
    kept = sorted(kept, key=lambda n: -counted.values[n].sum())
    rows = [_numbers(counted.regions[n], counted.values[n]) for n in kept[:_MOST_REGIONS]]
    rest = kept[_MOST_REGIONS:]
    if rest:
        rows.append(_numbers(f"그 밖의 {len(rest)}곳 · {len(rest)} others", counted.values[rest].sum(0)))
    if kept and counted.values[-1].any():
        rows.append(_numbers("구역 밖 · elsewhere", counted.values[-1]))
    rows.append(_numbers("전체 · all", counted.total))
    return Table(caption, head, tuple(rows), strong=(len(rows) - 1,))


def _numbers(name: str, values: Floats) -> tuple[str, ...]:
    return (name, *(f"{value:,.0f}" for value in values), f"{values.sum():,.0f}")
