"""What a report says of a run, in order: summary, maps, hydrographs, balance, what is hit, inputs, limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.features import Placed
from twin.grid import Floats, Values
from twin.report import charts, limits
from twin.report.affected import Counted, buildings_hit, flooded_area, regions_of, roads_hit
from twin.report.blocks import Block, Document, Heading, Points, Table, Text
from twin.report.classes import DEPTH, HAZARD, Both
from twin.report.maps import Maps
from twin.report.run_folder import RunFolder

_MOST_REGIONS = 60


@dataclass(frozen=True)
class Exposed:
    """What may be hit, in the run's coordinates."""

    buildings: Placed | None = None
    roads: Placed | None = None
    regions: Placed | None = None


def document(run: RunFolder, exposed: Exposed, other: RunFolder | None = None) -> Document:
    """Return the report of a run; `other` is the run that it is compared with.

    Raises FileDamaged, and BadSpec where the other run has another frame.
    """
    from twin.report.comparing import comparison

    told = run.told
    marks = _marks(told)
    maps = Maps(run.frame, run.bed, marks).with_buildings(exposed.buildings)
    depth = run.raster("max_depth")
    blocks: list[Block] = [*_summary(run), *_maps(run, maps)]
    if depth is not None:
        blocks += _hit(run, depth, exposed)
    blocks += [*_graphs(run), *_balance(run)]
    if other is not None:
        blocks += comparison(run, other, maps)
    blocks += [*_inputs(told), *_limits(told)]
    names = told.get("title") or {}
    title = names.get("ko") or told["scenario"], names.get("en") or told["scenario"]
    return Document(title, f"{told['scenario']} · {told['run']} · {told['software']}", tuple(blocks))


def _marks(told: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    return [(name, g["x"], g["y"]) for name, g in told["gauges"].items() if "x" in g]


# --- summary ----------------------------------------------------------------------------------------


def _summary(run: RunFolder) -> Iterator[Block]:
    told = run.told
    volume, depth = told["volume"], run.raster("max_depth")
    rows: list[tuple[Both, str]] = [
        (
            ("모의 시간", "simulated time"),
            f"{told['duration_s'] / 3600:g} h" + (f" ({told['start']})" if told["start"] else ""),
        ),
        (("해석 기법", "scheme"), f"{told['scheme']}, {told['options']['precision']}"),
        (("격자", "cells"), f"{told['active_cells']:,} × {told['cell_m']:g} m, {told['crs'] or '-'}"),
        (("유입량", "water in"), f"{volume['in_m3']:,.0f} m³"),
        (("유출량", "water out"), f"{volume['out_m3']:,.0f} m³"),
        (("체적 오차", "volume error"), f"{volume['relative_error']:.1e}"),
    ]
    if depth is not None:
        wet = depth >= told["threshold_m"]
        area = float(wet.sum()) * told["cell_m"] ** 2
        rows.insert(0, (("최대 수심", "deepest water"), f"{told['max_depth_m']:.2f} m"))
        rows.insert(1, (("침수 면적", f"flooded area (≥ {told['threshold_m']:g} m)"), f"{area:,.0f} m²"))
    yield Heading(("요약", "Summary"))
    yield Table(("", ""), (("항목", "item"), ("값", "value")), tuple((join(name), value) for name, value in rows))
    if told["warnings"]:
        yield Heading(("주의", "Warnings"))
        yield Points(tuple((warning, "") for warning in told["warnings"]))


# --- maps -------------------------------------------------------------------------------------------


def _maps(run: RunFolder, maps: Maps) -> Iterator[Block]:
    yield Heading(("지도", "Maps"))
    depth, hazard = run.raster("max_depth"), run.raster("max_hazard")
    if depth is not None:
        yield maps.classed(depth, DEPTH, ("최대 침수심", "maximum depth"))
    if hazard is not None:
        yield maps.classed(hazard, HAZARD, ("최대 위험도 HR = d(v + 0.5) + DF", "maximum hazard rating"))
    speed, arrival = run.raster("max_velocity"), run.raster("arrival_time")
    if speed is not None:
        yield maps.fast(speed, ("최대 유속", "maximum flow speed"))
    if arrival is not None:
        words = f"{run.told['threshold_m']:g} m"
        yield maps.timed(arrival, (f"침수 도달 시간 ({words})", "arrival time"))


# --- what is hit ------------------------------------------------------------------------------------


def _hit(run: RunFolder, depth: Values, exposed: Exposed) -> Iterator[Block]:
    frame = run.frame
    shown = np.where(depth >= run.told["threshold_m"], depth, np.nan)
    region = regions_of(exposed.regions, frame)
    yield Heading(("침수 면적과 피해 대상", "Flooded area, and what is hit"))
    limit = f"{run.told['threshold_m']:g} m"
    yield Text((f"수심 {limit} 이상만 셉니다.", f"Water shallower than {limit} is not counted."))
    area = flooded_area(shown, region, frame.cell_m)
    yield _counted(("수심 등급별 침수 면적 (m²)", "flooded area by class of depth, m²"), area)
    if exposed.buildings is not None:
        counted = buildings_hit(shown, exposed.buildings, frame, region)
        yield _counted(("수심 등급별 침수 건물 (동)", "buildings by class of depth"), counted)
    if exposed.roads is not None:
        length, surface = roads_hit(shown, exposed.roads, frame, region)
        if length.values.any() or not surface.values.any():
            yield _counted(("수심 등급별 침수 도로 연장 (m)", "length of roads by class of depth, m"), length)
        if surface.values.any():
            yield _counted(("수심 등급별 침수 도로 면적 (m²)", "area of roads by class of depth, m²"), surface)
    missing = [name for name, found in _kinds(exposed) if found is None]
    if missing:
        words = ", ".join(missing)
        yield Text(
            (
                f"세지 않은 것: {words}. 시나리오의 report: 또는 naru twin report 옵션으로 지정합니다.",
                "Not counted: see `report:` in the scenario, or the options of `naru twin report`.",
            )
        )


def _kinds(exposed: Exposed) -> tuple[tuple[str, Placed | None], ...]:
    return ("건물", exposed.buildings), ("도로", exposed.roads), ("행정구역", exposed.regions)


def _counted(caption: Both, counted: Counted) -> Table:
    head = (("구역", "area"), *((each.name, "") for each in DEPTH), ("합계", "sum"))
    kept = [n for n, values in enumerate(counted.values) if values.any() and counted.regions[n]]
    kept = sorted(kept, key=lambda n: -counted.values[n].sum())[:_MOST_REGIONS]
    rows = [_numbers(counted.regions[n], counted.values[n]) for n in kept]
    beyond = counted.values[-1]
    if kept and beyond.any():
        rows.append(_numbers("구역 밖 · elsewhere", beyond))
    rows.append(_numbers("전체 · all", counted.total))
    return Table(caption, head, tuple(rows), strong=(len(rows) - 1,))


def _numbers(name: str, values: Floats) -> tuple[str, ...]:
    return (name, *(f"{value:,.0f}" for value in values), f"{values.sum():,.0f}")


# --- hydrographs and balance ------------------------------------------------------------------------


def _graphs(run: RunFolder) -> Iterator[Block]:
    stages = run.series("gauges", "gauge", "stage_m")
    flows = run.series("sections", "section", "discharge_m3_s")
    works = run.series("structures", "structure", "value", "discharge_m3_s")
    if not (stages or flows or works):
        return
    yield Heading(("수문곡선", "Hydrographs"))
    yield from charts.hydrographs(stages, ("관측점 수위", "stage at gauges"), "EL m")
    yield from charts.hydrographs(flows, ("단면 유량", "discharge through sections"), "m³/s")
    yield from charts.hydrographs(works, ("시설물 유량", "discharge of structures"), "m³/s")
    if run.told["gauges"]:
        rows = tuple(
            (
                name,
                f"{g['max_stage_m']:.2f}",
                f"{g.get('max_depth_m', np.nan):.2f}",
                f"{g['time_of_max_s'] / 3600:.2f}",
            )
            for name, g in run.told["gauges"].items()
        )
        head = (
            ("관측점", "gauge"),
            ("최고 수위 EL m", "highest stage"),
            ("최대 수심 m", "depth"),
            ("시각 h", "time"),
        )
        yield Table(("관측점별 최고 수위", "highest stages"), head, rows)


def _balance(run: RunFolder) -> Iterator[Block]:
    rows = run.table("balance")
    if not rows:
        return
    times = np.array(sorted({float(row["time_s"]) for row in rows}))
    terms = dict.fromkeys(row["term"] for row in rows if row["term"] not in ("stored", "error"))
    come, gone = ({name: np.zeros(len(times)) for name in terms} for _ in range(2))
    stored = np.zeros(len(times))
    at = {time: n for n, time in enumerate(times.tolist())}
    for row in rows:
        n = at[float(row["time_s"])]
        if row["term"] in terms:
            come[row["term"]][n], gone[row["term"]][n] = float(row["in_m3"]), float(row["out_m3"])
        elif row["term"] == "stored":
            stored[n] = float(row["out_m3"])
    yield Heading(("물수지", "Water balance"))
    if "rain" in come and len(times) > 1:
        area = run.told["active_cells"] * run.told["cell_m"] ** 2
        rate = np.diff(come["rain"]) / np.diff(times) / area * 3.6e6
        yield charts.hyetograph(times, rate, ("면적 평균 강우강도", "rain, mean over the area"))
    if len(times) > 1:
        yield charts.balance(times, _some(come), _some(gone), stored)
    volume = run.told["volume"]
    body = [(name, f"{come[name][-1]:,.1f}", f"{gone[name][-1]:,.1f}") for name in terms]
    body.append(("저류 변화 · change of storage", "", f"{volume['stored_m3']:,.1f}"))
    body.append(("오차 · error", "", f"{volume['error_m3']:.3g}"))
    head = (("항목", "term"), ("유입 m³", "in"), ("유출 m³", "out"))
    yield Table(("끝 시각까지의 물수지", "until the end"), head, tuple(body), strong=(len(body) - 1,))


def _some(terms: Mapping[str, Floats]) -> dict[str, Floats]:
    return {name: values for name, values in terms.items() if values.any()}


# --- inputs and limits ------------------------------------------------------------------------------


def _inputs(told: Mapping[str, Any]) -> Iterator[Block]:
    yield Heading(("입력 자료와 출처", "Inputs and their sources"))
    rows = tuple((str(each.get("role", "")), _source(each), _check(each)) for each in told["inputs"])
    head = (("쓰임", "role"), ("자료", "what"), ("확인", "version or SHA-256"))
    yield Table(("", ""), head, rows, wide=True)


def _source(each: Mapping[str, Any]) -> str:
    main = next((str(each[key]) for key in ("layer", "file", "value") if each.get(key) is not None), "")
    rest = {k: v for k, v in each.items() if k not in ("role", "layer", "file", "value", "sha256", "version")}
    return main + "".join(f"; {key} {value}" for key, value in rest.items() if value not in (None, ""))


def _check(each: Mapping[str, Any]) -> str:
    if each.get("sha256"):
        return str(each["sha256"])[:16]
    return f"version {each['version']}" if each.get("version") is not None else ""


def _limits(told: Mapping[str, Any]) -> Iterator[Block]:
    yield Heading(("모델의 한계", "Limits of the model"))
    yield Points(limits.of(told))


def join(both: Both) -> str:
    """Return both languages in one line."""
    return " · ".join(dict.fromkeys(text for text in both if text))
