"""Columns read at once are what each row reads as by itself; what is wrong is told by its line all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from naru.errors import BadSpec
from twin.fields import Fields
from twin.forcing.columns import moments, numbers
from twin.forcing.moments import TIME_UNITS, read_moment
from twin.forcing.tables import read_rows
from twin.text import parse_number

NUMBERS = ("1", "-1.5", "+.5", "1.", "1e3", "1e999", "nan", "inf", "1_0", "１", "", "1,5", "0x1")
DATED = (
    "2022-08-08 18:00",
    "2022-08-08T18:00:30",
    "2022-08-08T18:00Z",
    "2022-08-08 18:00-09:30",
    "2022-02-30 00:00",
)
OTHERS = ("2022/08/08 18:00", "202208081800", "202213011800", "2022-08-08 24:00", "2022-08-08", "18:00", "18:60")


@pytest.mark.parametrize("unit", [*TIME_UNITS, None])
def test_times_at_once_are_those_of_each_row(unit: str | None) -> None:
    plain = 0
    for text in (*NUMBERS, *DATED, *OTHERS):
        found = moments([text, text], unit)
        if found is not None:
            plain += 1
            one = read_moment(text, unit)
            assert found == [one, one]
            assert getattr(found[0], "tzinfo", None) == getattr(one, "tzinfo", None)
    assert plain == (0 if unit == "elapsed" else 7 if unit in ("s", "min", "h", "d") else 6)


def test_numbers_at_once_are_those_of_each_row() -> None:
    read = {text: found[0] for text in NUMBERS if (found := numbers([text])) is not None}
    assert read == {text: parse_number(text) for text in ("1", "-1.5", "+.5", "1.", "1e3")}


@pytest.mark.parametrize(
    ("last", "what"),
    [
        ("1001,x", "line 1002: 'x' in column 'q_m3_s' is no number"),
        ("1001;1,1", "line 1002: '1001;1' in column 'time_s' is no time"),
        ("999,1", "line 1002: the time is given twice"),
        ("3,1", "line 1002: the time lies before the row above it"),
    ],
)
def test_a_fault_in_a_long_table_is_told_by_its_line(tmp_path: Path, last: str, what: str) -> None:
    rows = [f"{n},{n % 7}" for n in range(1000)]
    (tmp_path / "q.csv").write_text("\n".join(["time_s,q_m3_s", *rows, last, ""]), "utf-8")
    with pytest.raises(BadSpec) as caught:
        read_rows(Fields({"q": "q.csv"}, tmp_path / "a.yaml"), "q", ("q",))
    assert what in caught.value.message
