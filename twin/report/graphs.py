"""Hydrographs and the balance of a run, as charts and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from twin.grid import Floats
from twin.report import charts, words
from twin.report.blocks import Block, Heading, Table, Text
from twin.report.canvas import clock_unit
from twin.report.classes import Both
from twin.report.run_folder import RunFolder

_MOST_SERIES = 32  # that are drawn of one kind
_MOST_ROWS = 200
_NOTHING = 1e-9  # of the largest term: rounding

Series = dict[str, tuple[Floats, Floats]]


def graphs(run: RunFolder) -> Iterator[Block]:
    """Yield stages at gauges, discharges through sections and structures, and the highest stages."""
    stages = run.series("gauges", "gauge", "stage_m")
    flows = run.series("sections", "section", "discharge_m3_s")
    works = _named(run.series("structures", "structure", "value", "discharge_m3_s"), run.told.get("structures"))
    if not (stages or flows or works):
        return
    yield Heading(("수문곡선", "Hydrographs"))
    yield from _charts(stages, ("관측점 수위", "stage at gauges"), "EL m")
    yield from _charts(flows, ("단면 유량", "discharge through sections"), "m³/s")
    idle = [name for name, (_, values) in works.items() if not values.any()]
    moving = {name: values for name, values in works.items() if name not in idle}
    yield from _charts(moving, ("유입과 시설물 유량", "discharge of inflows and structures"), "m³/s")
    if idle:
        names = ", ".join(idle)
        yield Text((f"물이 지나지 않은 시설물: {names}", f"No water passed: {names}"))
    if run.told["gauges"]:
        yield from _peaks(run)


def _named(series: Series, standing: Mapping[str, Any] | None) -> Series:
    """Call structures by id and name."""
    names = {key: str(facts.get("name") or "") for key, facts in (standing or {}).items()}
    return {f"{names[key]} ({key})" if names.get(key) else key: values for key, values in series.items()}


def _charts(series: Series, title: Both, unit: str) -> Iterator[Block]:
    """Yield charts of the series that change most."""
    change = {name: float(np.ptp(values)) for name, (_, values) in series.items()}
    most = set(sorted(series, key=lambda name: -change[name])[:_MOST_SERIES])
    yield from charts.hydrographs({name: values for name, values in series.items() if name in most}, title, unit)
    if len(series) > len(most):
        yield Text(
            (
                f"{title[0]}: {len(series)}개 중 변화가 큰 {len(most)}개를 그렸습니다. CSV에 모두 있습니다.",
                f"Of {len(series)}, the {len(most)} that change most are drawn; the CSV files hold all.",
            )
        )


def _peaks(run: RunFolder) -> Iterator[Block]:
    part, unit = clock_unit(run.told["duration_s"])
    gauges = list(run.told["gauges"].items())
    rows = tuple(
        (
            name,
            words.number(gauge["max_stage_m"]),
            words.number(gauge.get("max_depth_m")),
            "–" if gauge["time_of_max_s"] is None else words.number(gauge["time_of_max_s"] / part),
        )
        for name, gauge in gauges[:_MOST_ROWS]
    )
    head: tuple[Both, ...] = (
        ("관측점", "gauge"),
        ("최고 수위 EL m", "highest stage"),
        ("최대 수심 m", "depth"),
        (f"시각 {unit[0]}", f"time, {unit[1]}"),
    )
    yield Table(("관측점별 최고 수위", "highest stages"), head, rows)
    if len(gauges) > len(rows):
        left = len(gauges) - len(rows)
        yield Text((f"나머지 {left}개는 gauges.csv에 있습니다.", f"gauges.csv holds the other {left}."))


# --- balance ----------------------------------------------------------------------------------------


def balance(run: RunFolder) -> Iterator[Block]:
    """Yield rain over time, what came and went, and the sums."""
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
        most = max((float(v.max()) for v in (*come.values(), *gone.values())), default=0.0)
        yield charts.balance(times, _some(come, most), _some(gone, most), stored)
    volume = run.told["volume"]
    kept = [name for name in terms if max(come[name].max(), gone[name].max()) > 0 or name != "repair"]
    body = [(words.term(name), words.volume(come[name][-1]), words.volume(gone[name][-1])) for name in kept]
    body.append(("저류 변화 · change of storage", "", words.volume(volume["stored_m3"])))
    body.append(("오차 · error", "", f"{volume['error_m3']:.3g}"))
    body.append(("합계 · sum", words.volume(volume["in_m3"]), words.volume(volume["in_m3"])))
    head = (("항목", "term"), ("유입 m³", "in"), ("유출 m³", "out"))
    yield Table(("끝 시각까지의 물수지", "until the end"), head, tuple(body), strong=(len(body) - 1,))


def _some(terms: Mapping[str, Floats], most: float) -> dict[str, Floats]:
    return {words.term(name): values for name, values in terms.items() if values.max() > most * _NOTHING}
