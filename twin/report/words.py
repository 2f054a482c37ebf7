"""Words of a report for what run.json and its tables call by short names; and numbers as people read them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from twin.report.classes import Both
from twin.scenario.records import HazardSpec

_TERMS = {
    "rain": "강우",
    "infiltration": "침투",
    "evaporation": "증발",
    "drains": "하수관",
    "repair": "수치 보정",
    "edge": "경계",
    "inflow": "유입",
    "structure": "시설물",
}
_ROLES = {
    "scenario": "시나리오",
    "terrain": "지형",
    "domain": "영역",
    "manning_n": "조도계수",
    "buildings": "건물",
    "initial": "초기 수위",
    "rain": "강우",
    "infiltration": "침투",
    "evaporation": "증발",
    "inflow": "유입",
    "boundary": "경계",
    "structures": "시설물",
    "overrides": "시설물 변경",
    "levee breach": "제방 붕괴",
    "gauges": "관측점",
    "sections": "단면",
    "report: buildings": "집계한 건물",
    "report: roads": "집계한 도로",
    "report: regions": "집계한 구역",
}
_APART = ("role", "layer", "file", "value", "sha256", "version")


def term(name: str) -> str:
    """Return a term of the balance in both languages.

    >>> term("edge/east"), term("my inflow")
    ('경계 · edge/east', 'my inflow')
    """
    ko = _TERMS.get(name.partition("/")[0])
    return f"{ko} · {name}" if ko else name


def role(name: str) -> str:
    """Return what an input is for in both languages."""
    return f"{_ROLES[name]} · {name}" if name in _ROLES else name


def source(each: Mapping[str, Any]) -> str:
    """Return what went in: a file, a layer or a value, and what is said of it.

    >>> source({"role": "boundary", "name": "east", "type": "open"})
    'name: east; type: open'
    """
    main = next((plain(each[key]) for key in ("layer", "file", "value") if each.get(key) is not None), "")
    rest = (
        f"{key}: {plain(value)}" for key, value in each.items() if key not in _APART and value not in (None, "")
    )
    return "; ".join(part for part in (main, *rest) if part)


def plain(value: Any) -> str:
    """Return a value as it would stand in a scenario file, without quotes and braces round it.

    >>> plain({"id": "P-1", "at": [1, 2]})
    'id: P-1, at: [1, 2]'
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_within(inner)}" for key, inner in value.items())
    return _within(value)


def _within(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return "{" + plain(value) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_within(each) for each in value) + "]"
    return f"{value:g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False, default=str)


def check(each: Mapping[str, Any]) -> str:
    """Return by what an input can be told from another of its name: a layer's version, a file's SHA-256."""
    if each.get("sha256"):
        return f"SHA-256 {each['sha256']}"
    return f"판 · version {each['version']}" if each.get("version") is not None else ""


_LAND_USES = {"woodland": "산림", "urban": "시가지", "pasture": "초지·농지", "none": "없음"}


def debris(told: Mapping[str, Any] | None) -> Both:
    """Return which debris factors a hazard rating holds; those of woodland where a run does not say.

    >>> debris({"land_use": None, "debris": [{"up_to_m": 0.5, "factor": 0.0}, {"up_to_m": None, "factor": 1.0}]})[1]
    'd: depth, m; v: speed, m/s; DF: debris factor, 0 up to 0.5 m, 1 deeper (of the scenario).'
    """
    told = told or HazardSpec().told()
    rows = told["debris"]
    last, use = f"{rows[-1]['factor']:g}", told["land_use"]
    ko = ", ".join([*(f"{r['up_to_m']:g} m까지 {r['factor']:g}" for r in rows[:-1]), f"그보다 깊으면 {last}"])
    en = ", ".join([*(f"{r['factor']:g} up to {r['up_to_m']:g} m" for r in rows[:-1]), f"{last} deeper"])
    whose, of = "시나리오의 표", "of the scenario"
    if use:
        whose, of = f"Defra/EA FD2320, {_LAND_USES[use]}", f"Defra/EA FD2320, {use}"
    return (
        f"d: 수심 m, v: 유속 m/s, DF: 잔해 계수, {ko if rows[1:] else last} ({whose}).",
        f"d: depth, m; v: speed, m/s; DF: debris factor, {en if rows[1:] else last} ({of}).",
    )


def volume(value: float) -> str:
    """Return a volume, m³: of a river or of a flume.

    >>> volume(2400.0), volume(-0.05123), volume(0.0)
    ('2,400.0', '-0.0512', '0')
    """
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3g}"


def number(value: float | None, digits: int = 2) -> str:
    """Return a number, or a dash for none.

    >>> number(1234.5, 1), number(None), number(float("nan"))
    ('1,234.5', '–', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    return f"{value:,.{digits}f}"
