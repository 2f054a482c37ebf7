"""What a report says of an ensemble: how often it floods where, and what each member came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from twin.report import limits, words
from twin.report.blocks import Block, Document, Heading, Points, Table, Text
from twin.report.canvas import joined
from twin.report.classes import DEPTH, Both
from twin.report.comparing import comparison
from twin.report.contents import hours, inputs, title_of
from twin.report.exposed import Exposed, hit
from twin.report.maps import Maps, Mark
from twin.report.run_folder import RunFolder

_MOST_MEMBERS = 200
_MOST_GAUGES = 4  # columns of the table


def ensemble(run: RunFolder, exposed: Exposed, other: RunFolder | None = None) -> Document:
    """Return the report of an ensemble; what is hit is hit in the worst member of each place.

    Raises FileDamaged, and BadSpec where the other run has another frame.
    """
    told = run.told
    gauges = [Mark(name, np.array([[g["x"], g["y"]]])) for name, g in told["gauges"].items() if "x" in g]
    maps = Maps(run.frame, None, gauges).with_buildings(exposed.buildings)
    depth = run.raster("max_depth")
    blocks: list[Block] = [*_summary(told), *_maps(run, maps), *_members(told)]
    if depth is not None:
        blocks += hit(run, depth, exposed, _WORST)
    if other is not None:
        blocks += comparison(run, other, maps, exposed)
    blocks += [*inputs(told, exposed), Heading(("모델의 한계", "Limits of the model"))]
    blocks.append(Points((_SHARES, *limits.of(told))))
    return Document(title_of(told), f"{told['scenario']} · {told['run']} · {told['software']}", tuple(blocks))


_WORST: Both = (
    "각 위치에서 가장 깊은 사례의 수심으로 셉니다. 한 사례에서 모두 일어난다는 뜻이 아닙니다.",
    "Counted by the deepest member of each place: no single member need flood all of it.",
)
_SHARES: Both = (
    "비율은 계산한 사례 가운데의 비율입니다. 사례들이 똑같이 일어날 만할 때에만 확률로 읽을 수 있습니다.",
    "Shares are of the members that were run: they are probabilities only if all members are equally likely.",
)


def _summary(told: Mapping[str, Any]) -> Iterator[Block]:
    members = told["members"]
    failed = [member for member in members if "error" in member]
    wet = [member["flooded_m2"] for member in members if "flooded_m2" in member]
    rows: list[tuple[Both, str]] = [
        (("사례 수", "members"), f"{len(members):,}, {len(failed)} failed"),
        (("침수 면적", f"flooded area (≥ {told['threshold_m']:g} m)"), f"{min(wet):,.0f} – {max(wet):,.0f} m²"),
        (("모의 시간", "simulated time"), hours(told["duration_s"])),
        (("해석 기법", "scheme"), str(told["scheme"])),
        (("격자", "cells"), f"{told['columns']} × {told['rows']}, {told['cell_m']:g} m, {told['crs'] or 'no CRS'}"),
        (("표고 기준", "vertical datum"), told["vertical_datum"] or "–"),
        (("가장 큰 체적 오차", "largest relative volume error"), f"{told['volume']['relative_error']:.1e}"),
    ]
    yield Heading(("요약", "Summary"))
    yield Table(("", ""), (("항목", "item"), ("값", "value")), tuple((joined(name), value) for name, value in rows))
    if told["warnings"]:
        yield Heading(("주의", "Warnings"))
        yield Points(tuple((warning, "") for warning in told["warnings"]))


def _maps(run: RunFolder, maps: Maps) -> Iterator[Block]:
    yield Heading(("지도", "Maps"))
    for threshold in run.told["thresholds_m"]:
        share = run.raster(f"exceedance_{threshold:.1f}m")
        if share is not None and (share > 0).any():
            title = f"침수심 {threshold:g} m 이상인 사례의 비율", f"share of members {threshold:g} m deep or more"
            yield maps.share(np.where(share > 0, share, np.nan), title)
    for name, title in (("max_depth", ("사례 중 최대", "deepest")), ("mean_depth", ("사례 평균", "mean"))):
        depth = run.raster(name)
        if depth is not None:
            shown = np.where(depth >= run.told["threshold_m"], depth, np.nan)
            yield maps.classed(shown, DEPTH, (f"최대 침수심: {title[0]}", f"maximum depth: {title[1]} of members"))


def _members(told: Mapping[str, Any]) -> Iterator[Block]:
    members = told["members"]
    paths = list(dict.fromkeys(path for member in members for path in member["values"]))
    gauges = list(told["gauges"])[:_MOST_GAUGES]
    head: tuple[Both, ...] = (
        (", ".join(paths), ""),
        ("침수 면적 m²", "flooded area"),
        ("최대 수심 m", "deepest"),
        *((f"{name} EL m", "") for name in gauges),
    )
    rows = tuple(_member(member, gauges) for member in members[:_MOST_MEMBERS])
    yield Heading(("사례", "Members"))
    yield Table(("", ""), head, rows)
    if len(members) > len(rows):
        left = len(members) - len(rows)
        yield Text((f"나머지 {left}개는 members.csv에 있습니다.", f"members.csv holds the other {left}."))


def _member(member: Mapping[str, Any], gauges: list[str]) -> tuple[str, ...]:
    name = ", ".join(words.plain(value) for value in member["values"].values())
    if "error" in member:
        return (name, "실패 · failed", *[""] * (1 + len(gauges)))
    peaks = (words.number(member["gauges"].get(gauge, {}).get("max_stage_m")) for gauge in gauges)
    return name, f"{member['flooded_m2']:,.0f}", words.number(member["max_depth_m"]), *peaks
