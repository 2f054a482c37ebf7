"""What a report says of a run, in order: summary, maps, what is hit, hydrographs, balance, inputs, limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from twin.grid import Values
from twin.report import limits, words
from twin.report.blocks import Block, Document, Heading, Points, Table, Text
from twin.report.canvas import joined
from twin.report.classes import DEPTH, HAZARD, Both
from twin.report.comparing import comparison
from twin.report.exposed import Exposed, hit
from twin.report.graphs import balance, graphs
from twin.report.maps import Maps, Mark
from twin.report.run_folder import RunFolder
from twin.results.statistics import wet_area_m2


def document(run: RunFolder, exposed: Exposed, other: RunFolder | None = None) -> Document:
    """Return the report of a run; `other` is the run that it is compared with.

    Raises FileDamaged, and BadSpec where the other run has another frame.
    """
    told = run.told
    maps = Maps(run.frame, run.bed, _marks(told)).with_buildings(exposed.buildings)
    depth = run.raster("max_depth")
    blocks: list[Block] = [*_summary(run, depth), *_maps(run, maps, depth)]
    if depth is not None:
        blocks += hit(run, depth, exposed)
    blocks += [*graphs(run), *balance(run)]
    if other is not None:
        blocks += comparison(run, other, maps, exposed)
    blocks += [*inputs(told, exposed), Heading(("모델의 한계", "Limits of the model")), Points(limits.of(told))]
    return Document(title_of(told), f"{told['scenario']} · {told['run']} · {told['software']}", tuple(blocks))


def title_of(told: Mapping[str, Any]) -> Both:
    """Return what a run is called."""
    names = told.get("title") or {}
    return names.get("ko") or told["scenario"], names.get("en") or told["scenario"]


def _marks(told: Mapping[str, Any]) -> list[Mark]:
    """Return structures, then gauges: what is drawn later lies on top."""
    standing = told.get("structures") or {}
    structures = [Mark(s["name"] or name, np.array(s["at"], float), is_gauge=False) for name, s in standing.items()]
    gauges = [Mark(name, np.array([[g["x"], g["y"]]])) for name, g in told["gauges"].items() if "x" in g]
    return structures + gauges


# --- summary ----------------------------------------------------------------------------------------


def _summary(run: RunFolder, depth: Values | None) -> Iterator[Block]:
    told = run.told
    volume = told["volume"]
    rows: list[tuple[Both, str]] = []
    if depth is not None:
        area = wet_area_m2(depth, told["threshold_m"], told["cell_m"])
        rows.append((("최대 수심", "deepest water"), f"{told['max_depth_m']:.2f} m"))
        rows.append((("침수 면적", f"flooded area (≥ {told['threshold_m']:g} m)"), f"{area:,.0f} m²"))
    started = f", {told['start']}" if told["start"] else ""
    cells = f"{told['active_cells']:,} × {told['cell_m']:g} m, {told['crs'] or 'no CRS'}"
    rows += [
        (("모의 시간", "simulated time"), hours(told["duration_s"]) + started),
        (("해석 기법", "scheme"), f"{told['scheme']}, {told['options']['precision']}, {told['steps']:,} steps"),
        (("격자", "cells"), cells),
        (("표고 기준", "vertical datum"), told["vertical_datum"] or "–"),
        (("유입량", "water in"), words.volume(volume["in_m3"]) + " m³"),
        (("유출량", "water out"), words.volume(volume["out_m3"]) + " m³"),
        (("상대 체적 오차", "relative volume error"), f"{volume['relative_error']:.1e}"),
    ]
    yield Heading(("요약", "Summary"))
    yield Table(("", ""), (("항목", "item"), ("값", "value")), tuple((joined(name), value) for name, value in rows))
    if told["warnings"]:
        yield Heading(("주의", "Warnings"))
        yield Points(tuple((warning, "") for warning in told["warnings"]))


def hours(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    return (
        f"{seconds / 3600:.4g} h"
        if seconds >= 3600
        else f"{seconds / 60:.4g} min"
        if seconds >= 60
        else f"{seconds:g} s"
    )


# --- maps -------------------------------------------------------------------------------------------


def _maps(run: RunFolder, maps: Maps, depth: Values | None) -> Iterator[Block]:
    """Yield maps of what is flooded; a film of rain would hide the ground."""
    yield Heading(("지도", "Maps"))
    limit = f"{run.told['threshold_m']:g} m"
    if depth is None:
        yield Text(("이 모의는 최대 수심을 기록하지 않았습니다.", "This run wrote no maximum depth."))
    elif not (depth >= run.told["threshold_m"]).any():
        yield Text((f"{limit} 이상 침수된 곳이 없습니다.", f"Nothing is flooded {limit} deep or more."))
    else:
        said = f"최대 수심 {limit} 이상인 곳만 표시합니다.", f"Shown where the water stood {limit} deep or more."
        yield Text(said)

    def flooded(name: str) -> Values | None:
        values = run.raster(name)
        if values is None or depth is None:
            return values
        return np.where(depth >= run.told["threshold_m"], values, np.nan)

    shown, hazard = flooded("max_depth"), flooded("max_hazard")
    speed, arrival = flooded("max_velocity"), flooded("arrival_time")
    if shown is not None:
        title: Both = ("최대 침수심", "maximum depth")
        shallow = run.told["max_depth_m"] < DEPTH[1].low  # all in one class, as in a flume
        yield maps.deep(shown, title) if shallow else maps.classed(shown, DEPTH, title)
    if shown is not None and not np.isfinite(shown).any():
        return
    if hazard is not None:
        yield maps.classed(hazard, HAZARD, ("최대 위험도 HR = d(v + 0.5) + DF", "maximum hazard rating"))
        yield Text(words.debris(run.told.get("hazard")))
    if speed is not None:
        yield maps.fast(speed, ("최대 유속", "maximum flow speed"))
    if arrival is not None:
        words_ = f"침수({limit}) 도달 시간", f"time until {limit} of water"
        yield maps.timed(arrival, words_, run.told["duration_s"])


# --- inputs -----------------------------------------------------------------------------------------


def inputs(told: Mapping[str, Any], exposed: Exposed) -> Iterator[Block]:
    """Yield every input of a run, and of what is counted in it."""
    yield Heading(("입력 자료와 출처", "Inputs and their sources"))
    given = [*told["inputs"], *exposed.inputs]
    rows = tuple((words.role(str(each.get("role", ""))), words.source(each), words.check(each)) for each in given)
    head = (("쓰임", "role"), ("자료", "what"), ("확인", "version or SHA-256"))
    yield Table(("", ""), head, rows, wide=True)
