"""Rain from tables: what files say in which words and units, and which are refused, with their row."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naru.errors import BadSpec, ColumnsUnknown, NaruError
from tests.conftest import SHARED
from tests.forcings import rained, spec, world
from twin.forcing.series import Series

KST = timezone(timedelta(hours=9))
START = datetime(2022, 8, 8, 20, tzinfo=KST)
SCENARIO = "scenario.yaml"


def series(folder: Path, text: str | bytes, start: datetime | None = None, **more: Any) -> Series:
    path = folder / "rain.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    read = spec(folder / SCENARIO, rain={"hyetograph": "rain.csv", **more})
    return read.rain.build(world(start=start)).series[0]


def fallen(rain: Series, begin_s: float, end_s: float) -> float:
    return float(rain.integral(begin_s, end_s)) * 1000


@pytest.mark.parametrize(
    "text",
    [
        "time_s,intensity_mm_h\n0,60\n1800,120\n3600,0\n",
        "Time (min),Rainfall intensity (mm/hr)\n0,60\n30,120\n60,0\n",
        "time_h;rate mm/h\n0;60\n0,5;120\n1;0\n",
        "경과시간(분),강우강도(mm/hr)\n0,60\n30,120\n60,0\n",
        "경과시간(분),강우강도(mm/hr)\n0,60\n30,120\n60,0\n".encode("cp949"),
        "time_min,rain_mm\n0,30\n30,60\n60,0\n",
        "시간(분),강우량(mm)\n0,30\n30,60\n60,0\n".encode("cp949"),
        "time_min,누가강우량(mm)\n0,0\n30,30\n60,90\n",
        "일시,강우량(mm)\n2022-08-08 20:00,30\n2022-08-08 20:30,60\n2022-08-08 21:00,0\n",
        "일시,강우량(mm)\n202208082000,30\n202208082030,60\n202208082100,0\n",
        "from,to,mm\n2022-08-08T20:00+09:00,2022-08-08T20:30+09:00,30\n2022-08-08T11:30Z,2022-08-08T12:00Z,60\n",
        "# 시작,종료,mm\n2022-08-08 20:00,2022-08-08 20:30,30\n2022-08-08 20:30,2022-08-08 21:00,60\n",
    ],
)
def test_the_same_storm_in_many_words(tmp_path: Path, text: str | bytes) -> None:
    rain = series(tmp_path, text, START)
    assert fallen(rain, 0, 1800) == pytest.approx(30, rel=1e-12)
    assert fallen(rain, 1800, 3600) == pytest.approx(60, rel=1e-12)
    assert fallen(rain, -1e6, 1e6) == pytest.approx(90, rel=1e-12)


def test_rain_from_an_inline_table() -> None:
    rows = [[0, 60], [30, 120], [60, 0]]
    assert rained(rain={"hyetograph": rows, "kind": "intensity_mm_h", "time_unit": "min"}) == pytest.approx(90)


def test_stamps_at_the_end_of_their_interval(tmp_path: Path) -> None:
    rain = series(tmp_path, "time_min,rain_mm\n10,5\n20,7\n", stamp="end")
    assert fallen(rain, 0, 600) == pytest.approx(5)
    assert fallen(rain, 600, 1200) == pytest.approx(7)


def test_an_elapsed_time_of_hours_and_minutes_is_asked_for(tmp_path: Path) -> None:
    text = "time,rain_mm\n0:00,5\n0:10,7\n"
    with pytest.raises(BadSpec, match=r"line 2: '0:00' in column 'time'.*elapsed"):
        series(tmp_path, text)
    assert fallen(series(tmp_path, text, time_unit="elapsed"), 600, 1200) == pytest.approx(7)


def test_newcastle_rain_in_steps_or_straight() -> None:
    file = SHARED / "flood" / "newcastle_rain" / "rainfall.csv"
    if not file.exists():
        pytest.skip("the published cases are not here")
    steps = spec(file.parent / SCENARIO, rain={"hyetograph": "rainfall.csv"}).rain.build(world()).series[0]
    straight = spec(file.parent / SCENARIO, rain={"hyetograph": "rainfall.csv", "interpolation": "linear"})
    line = straight.rain.build(world()).series[0]
    assert fallen(steps, 0, 7200) == pytest.approx(140)  # 70 mm/h until the row at 7200 s says 0
    assert fallen(line, 0, 7200) == pytest.approx(70 + 35)


def test_published_accumulations_overlap_and_are_chosen_by_row() -> None:
    folder = SHARED / "data" / "rainfall"
    name = "seoul_20220808_dongjak_published.csv"
    if not (folder / name).exists():
        pytest.skip("the published rain is not here")
    with pytest.raises(BadSpec, match=r"line 5 .* and line \d .* overlap: rain would be counted twice") as refused:
        spec(folder / SCENARIO, rain={"hyetograph": name})
    assert "rows: [" in refused.value.remedy
    one = spec(folder / SCENARIO, rain={"hyetograph": name, "rows": [2]}).rain.build(world(start=START)).series[0]
    assert fallen(one, 0, 7200) == pytest.approx(141.5)
    assert fallen(one, 300, 3900) == pytest.approx(141.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time_s,mm/h\n0,5\n60,-1\n", "line 3: rain of -1 mm/h; 0 to 10000 mm/h is possible"),
        ("time_s,mm/h\n0,5\n60,1\n60,2\n", "line 4: the time is given twice"),
        ("time_s,mm/h\n0,5\n60,1\n30,2\n", "line 4: the time lies before the row above it"),
        ("time_s,mm/h\n0,5\n60,viel\n", "line 3: 'viel' in column 'mm/h' is no number"),
        ("time_s,mm/h\nnow,5\n60,1\n", "line 2: 'now' in column 'time_s' is no time"),
        ("time,mm/h\n0,5\n60,1\n", "line 2: '0' in column 'time' has no unit"),
        ("time_s,mm/h\n0,5\n", "one row alone does not say how long it lasts"),
        ("time_s,cumulative_mm\n0,0\n60,5\n120,4\n", "line 4: the accumulated rain falls"),
        ("time_s,cumulative_mm\n0,1\n60,5\n", "line 2: the accumulation does not begin at 0"),
        ("time,mm\n2022-13-08 20:00,1\n2022-08-08 20:10,1\n", "line 2: .* is no day of the calendar"),
        ("time,mm\n2022-08-08 20:00,1\n2022-08-08 20:10+09:00,1\n", "some times have a date or a zone and some"),
        ("from,to,mm\n2022-08-08 20:00,2022-08-08 19:00,1\n", "line 2: the row ends before it begins"),
        ("time_s,mm/h\n", "there are no rows under the header"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadSpec, match=said) as refused:
        series(tmp_path, text)
    assert refused.value.field == "rain.hyetograph"
    assert refused.value.file == str(tmp_path / "rain.csv")


def test_values_in_two_columns_are_asked_about(tmp_path: Path) -> None:
    with pytest.raises(ColumnsUnknown, match="rain_a, rain_b may all be the values"):
        series(tmp_path, "time_s,rain_a,rain_b\n0,1,2\n60,1,2\n")
    chosen = series(tmp_path, "time_s,rain_a,rain_b\n0,1,2\n60,1,2\n", columns={"value": "rain_b"}, kind="depth_mm")
    assert fallen(chosen, 0, 120) == pytest.approx(4)


def test_clock_times_need_a_start(tmp_path: Path) -> None:
    with pytest.raises(BadSpec, match="has no `start` to count from"):
        series(tmp_path, "일시,강우량(mm)\n2022-08-08 20:00,30\n2022-08-08 20:30,60\n")


@pytest.mark.parametrize(
    ("rain", "field"),
    [
        ({"uniform_mm_h": -1}, "rain.uniform_mm_h"),
        ({"uniform_mm_h": 50, "from_h": 2, "to_h": 1}, "rain.to_h"),
        ({}, "rain"),
        ({"uniform_mm_h": 5, "hyetograph": "a.csv"}, "rain"),
        ({"hyetograph": [[0, 1], [60, 2]], "time_unit": "s"}, "rain.kind"),
        ([{"uniform_mm_h": 5}, {"uniform_mm_h": "much"}], "rain[1].uniform_mm_h"),
        ({"uniform_mm_h": 5, "unit": "in"}, "rain.unit"),
        ({"hyetograph": "none.csv"}, "rain.hyetograph"),
        ({"design": {"depth_mm": 100, "duration_h": 0}}, "rain.design.duration_h"),
        ({"gauges": []}, "rain.gauges"),
    ],
)
def test_a_bad_field_is_named(rain: Any, field: str) -> None:
    with pytest.raises(NaruError) as refused:
        spec(rain=rain)
    assert refused.value.field == field
    assert refused.value.remedy


def test_several_entries_add_up_and_factors_multiply() -> None:
    rain = [{"uniform_mm_h": 30}, {"uniform_mm_h": 60, "from_h": 0.5, "to_h": 0.75, "factor": 1.2}]
    assert rained(rain=rain) == pytest.approx(30 + 18, rel=1e-12)


def test_evaporation_can_only_be_none() -> None:
    assert spec(evaporation="none").inflows == ()
    with pytest.raises(BadSpec, match="evaporation"):
        spec(evaporation={"mm_d": 3})


# --- series -------------------------------------------------------------------------------------------

_TIMES = st.lists(st.integers(0, 100_000), min_size=2, max_size=20, unique=True).map(sorted)


@given(_TIMES, st.data(), st.booleans())
def test_integrals_over_any_steps_add_up(times: list[int], data: st.DataObject, linear: bool) -> None:
    count = len(times) - (0 if linear else 1)
    values = data.draw(st.lists(st.floats(0, 1e3), min_size=count, max_size=count))
    rain = (Series.lines if linear else Series.steps)(np.array(times, float), np.array(values))
    cuts = sorted(data.draw(st.lists(st.floats(-1e3, 2e5), min_size=2, max_size=30)))
    parts = sum(float(rain.integral(a, b)) for a, b in pairwise(cuts))
    whole = float(rain.integral(cuts[0], cuts[-1]))
    assert parts == pytest.approx(whole, rel=1e-9, abs=1e-6)
    spans = np.diff(times)
    means = (np.add(values[:-1], values[1:]) / 2) if linear else np.array(values)
    assert float(rain.integral(-1e6, 1e6)) == pytest.approx(float((spans * means).sum()), rel=1e-12, abs=1e-9)


@given(_TIMES, st.floats(-10, 110_000))
def test_the_next_change_lies_ahead(times: list[int], now: float) -> None:
    rain = Series.steps(np.array(times, float), np.ones(len(times) - 1))
    ahead = [t for t in times if t > now + 1e-6]
    assert rain.next_change(now) == (min(ahead) if ahead else np.inf)


def test_a_held_series_goes_straight_and_stays() -> None:
    flow = Series.held([0.0, 10.0, 20.0], [1.0, 3.0, 2.0])
    assert [float(flow.at(t)) for t in (-5, 0, 5, 10, 15, 30)] == [1, 1, 2, 3, 2.5, 2]
    assert float(flow.integral(-10, 30)) == pytest.approx(10 + 20 + 25 + 20)
    assert flow.largest(0.0) == 3.0
