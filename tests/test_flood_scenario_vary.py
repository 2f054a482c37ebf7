"""One scenario file stands for many runs."""

from __future__ import annotations

from typing import Any

import pytest

from naru.errors import BadSpec
from twin.scenario.vary import MOST_MEMBERS, members

BASE: dict[str, Any] = {
    "scenario": "base",
    "manning_n": 0.03,
    "rain": {"design": {"depth_mm": 100, "duration_h": 1}},
    "inflows": [{"name": "upstream", "constant_m3_s": 5}, {"name": "side", "constant_m3_s": 1}],
    "levee_breaches": [{"width_m": 20}],
}


def test_a_file_without_vary_is_one_member() -> None:
    (only,) = members(BASE)
    assert only.mapping == BASE
    assert not only.values


def test_paths_make_every_combination_the_last_fastest() -> None:
    made = members({**BASE, "vary": {"rain.design.depth_mm": [100, 200], "manning_n": [0.03, 0.05, 0.08]}})
    assert [tuple(m.values.values()) for m in made] == [(r, n) for r in (100, 200) for n in (0.03, 0.05, 0.08)]
    assert made[-1].mapping["rain"]["design"] == {"depth_mm": 200, "duration_h": 1}
    assert all("vary" not in m.mapping for m in made)
    assert made[0].name == "depth-mm-100-manning-n-0-03"
    assert BASE["rain"]["design"]["depth_mm"] == 100  # the file itself stays


def test_a_list_is_entered_by_name_or_number() -> None:
    made = members({**BASE, "vary": {"inflows.side.constant_m3_s": [2], "levee_breaches[0].width_m": [40]}})
    assert made[0].mapping["inflows"][1]["constant_m3_s"] == 2
    assert made[0].mapping["levee_breaches"] == [{"width_m": 40}]


def test_what_the_file_does_not_have_yet_can_be_set() -> None:
    made = members({**BASE, "vary": {"overrides.pump-3.status": ["off", "on"], "scheme": ["full"]}})
    assert [m.mapping["overrides"]["pump-3"]["status"] for m in made] == ["off", "on"]
    assert made[0].mapping["scheme"] == "full"


def test_variants_have_names_of_their_own() -> None:
    variants = [{"name": "as-is"}, {"name": "pump-3-fails", "set": {"overrides.pump-3.status": "failed"}}]
    made = members({**BASE, "vary": variants})
    assert [m.name for m in made] == ["as-is", "pump-3-fails"]
    assert "overrides" not in made[0].mapping


def test_long_names_give_way_to_numbers() -> None:
    made = members({**BASE, "vary": {"rain": [{"design": {"depth_mm": n, "pattern": "x" * 60}} for n in (1, 2)]}})
    assert [m.name for m in made] == ["member-1", "member-2"]


@pytest.mark.parametrize(
    ("vary", "field", "told"),
    [
        ({"rain.desing.depth_mm": [1]}, "vary.rain.desing.depth_mm", "no 'desing' in rain"),
        ({"inflows.north.constant_m3_s": [1]}, "vary.inflows.north.constant_m3_s", "no 'north' in inflows"),
        ({"levee_breaches[3].width_m": [1]}, "vary.levee_breaches[3].width_m", "no '3'"),
        ({"manning_n.x.y": [1]}, "vary.manning_n.x.y", "no 'x' in manning_n"),
        ({"manning_n": 0.03}, "vary.manning_n", "no list"),
        ({"manning_n": []}, "vary.manning_n", "no list"),
        ({"..": [1]}, "vary...", "no path"),
        ({}, "vary", "empty"),
        ([{"set": {}}], "vary[0].name", "small letters"),
        ([{"name": "a", "sett": {}}], "vary[0].sett", "unknown"),
        ([{"name": "a"}, {"name": "a"}], "vary", "two members the name 'a'"),
        ("all", "vary", "no list of variants"),
    ],
)
def test_what_leads_nowhere_is_named(vary: Any, field: str, told: str) -> None:
    with pytest.raises(BadSpec) as caught:
        members({**BASE, "vary": vary})
    assert caught.value.field == field
    assert told in caught.value.message


def test_too_many_members_are_refused_before_they_are_made() -> None:
    many = list(range(100))
    with pytest.raises(BadSpec, match=f"1000000 runs where at most {MOST_MEMBERS}"):
        members({**BASE, "vary": {"manning_n": many, "scheme": many, "cfl": many}})
