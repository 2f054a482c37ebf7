"""Operating rules as people write them, read strictly.

    rules     = rule { (";" | newline) rule }
    rule      = action ( "when" condition { "and" condition } [ "for" duration ] | "at" time )
    action    = "open" [ amount ] | "close" | "start" [ whole ] | "stop"
    amount    = number ( "m" | "%" )                of a gate: opening; without: fully
    condition = stage ("<" | "<=" | ">" | ">=") level
    level     = number [ "m" ]  |  stage [ ("+" | "-") number [ "m" ] ]
    stage     = "stage(" ( "upstream" | "downstream" | "own" | name of a gauge ) ")"
    duration  = number ( "min" | "h" | "s" )
    time      = HH:MM (each day, local)  |  "+" HH:MM (after the scenario begins)

The first rule that holds is followed; where none does, gates and pumps stay as they are. What opens at one stage
and closes at a lower one therefore has a dead band in between. Stages are EL m above the file's datum.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Action = Literal["open", "close", "start", "stop"]
Comparison = Literal["<", "<=", ">", ">="]
_PLACE = r"stage\(\s*(?P<{0}>[^()\s][^()]*?)\s*\)"
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)"
_CONDITION = re.compile(
    _PLACE.format("place")
    + r"\s*(?P<op><=|>=|<|>)\s*"
    + rf"(?:(?P<level>{_NUMBER})|{_PLACE.format('other')}(?:\s*(?P<sign>[-+])\s*(?P<offset>\d+\.?\d*|\.\d+))?)"
    + r"\s*m?",
    re.IGNORECASE,
)
_ACTION = re.compile(
    rf"(?P<verb>open|close|start|stop)(?:\s+(?P<amount>{_NUMBER})\s*(?P<unit>m|%|units?)?|\s+fully)?", re.IGNORECASE
)
_TIME = re.compile(r"(?P<plus>\+)?(?P<hours>\d{1,3}):(?P<minutes>[0-5]\d)")
_DURATION = re.compile(r"(?P<number>\d+\.?\d*|\.\d+)\s*(?P<unit>min|h|s)", re.IGNORECASE)
_MINUTES = {"min": 1.0, "h": 60.0, "s": 1 / 60}
_DAY_MIN = 24 * 60


@dataclass(frozen=True)
class Condition:
    """A comparison of the stage at a place with a level, or with the stage at another place plus an offset, m."""

    place: str  # upstream, downstream, own, or a gauge
    comparison: Comparison
    level_m: float | None = None
    other: str | None = None
    offset_m: float = 0.0

    def __str__(self) -> str:
        if self.other is None:
            return f"stage({self.place}) {self.comparison} {self.level_m:g}"
        offset = f" {'-' if self.offset_m < 0 else '+'} {abs(self.offset_m):g}" if self.offset_m else ""
        return f"stage({self.place}) {self.comparison} stage({self.other}){offset}"


@dataclass(frozen=True)
class Rule:
    """What is done, and when. Exactly one of `when`, `daily_min` and `after_min` is given."""

    action: Action
    opening_m: float | None = None  # of `open`; None: by percent, or fully
    opening_percent: float | None = None
    units: int | None = None  # of `start`; None: all
    when: tuple[Condition, ...] = ()
    for_min: float = 0.0  # how long the conditions must have held
    daily_min: int | None = None  # minutes after midnight, local time
    after_min: int | None = None  # minutes after the scenario begins

    def __str__(self) -> str:
        """Say it in the grammar; `parse` reads it back."""
        amount = ""
        if self.opening_m is not None:
            amount = f" {self.opening_m:g} m"
        elif self.opening_percent is not None:
            amount = f" {self.opening_percent:g} %"
        elif self.units is not None:
            amount = f" {self.units}"
        if self.when:
            held = f" for {self.for_min:g} min" if self.for_min else ""
            return f"{self.action}{amount} when {' and '.join(map(str, self.when))}{held}"
        plus, minutes = ("+", self.after_min) if self.after_min is not None else ("", self.daily_min or 0)
        return f"{self.action}{amount} at {plus}{(minutes or 0) // 60:02}:{(minutes or 0) % 60:02}"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON shape: the text, and its parts for machines; what is not said is left out."""
        parts = {
            "opening_m": self.opening_m,
            "opening_percent": self.opening_percent,
            "units": self.units,
            "when": [{k: v for k, v in vars(c).items() if v is not None} for c in self.when] or None,
            "for_min": self.for_min or None,
            "daily_min": self.daily_min,
            "after_min": self.after_min,
        }
        return {"text": str(self), "action": self.action} | {k: v for k, v in parts.items() if v is not None}


def parse(said: str | Sequence[Any]) -> tuple[Rule, ...]:
    """Read rules: one text, or a list of texts or of the objects that `Rule.to_dict` gives.

    Raises ValueError, which says what of which rule is not understood.

    >>> [str(rule) for rule in parse("open 1.5 m when stage(upstream) >= 12.3 for 10 min; close at +02:00")]
    ['open 1.5 m when stage(upstream) >= 12.3 for 10 min', 'close at +02:00']
    """
    if isinstance(said, str):
        texts: Sequence[Any] = [part for part in re.split(r"[;\n]", said) if part.strip()]
    else:
        texts = said
    return tuple(_rule(each, number) for number, each in enumerate(texts, start=1))


def _rule(said: Any, number: int) -> Rule:
    if isinstance(said, Rule):
        return said
    if isinstance(said, Mapping):
        said = said.get("text")
    if not isinstance(said, str):
        raise ValueError(f"rule {number} is no text (an object needs its `text`)")
    text = " ".join(said.split())
    parts = re.fullmatch(r"(?P<action>.+?)\s+(?P<how>when|at)\s+(?P<rest>.+)", text, re.IGNORECASE)
    if parts is None:
        raise ValueError(f"rule {number} '{text}' has no 'when' or 'at'")
    action = _action(parts["action"], number)
    if parts["how"].lower() == "at":
        return Rule(**action, **_time(parts["rest"], number))
    rest, held = parts["rest"], 0.0
    if lasting := re.fullmatch(r"(?P<conditions>.+?)\s+for\s+(?P<duration>.+)", rest, re.IGNORECASE):
        duration = _DURATION.fullmatch(lasting["duration"])
        if duration is None:
            raise ValueError(f"rule {number}: '{lasting['duration']}' is no duration such as 10 min")
        rest, held = lasting["conditions"], float(duration["number"]) * _MINUTES[duration["unit"].lower()]
    conditions = [_condition(each, number) for each in re.split(r"\s+and\s+", rest, flags=re.IGNORECASE)]
    return Rule(**action, when=tuple(conditions), for_min=held)


def _action(text: str, number: int) -> dict[str, Any]:
    found = _ACTION.fullmatch(text)
    if found is None:
        raise ValueError(f"rule {number}: '{text}' is none of open, close, start, stop")
    verb, unit = found["verb"].lower(), (found["unit"] or "").lower()
    if found["amount"] is None:
        return {"action": verb}
    amount = float(found["amount"])
    if verb == "open" and unit == "m" and amount >= 0:
        return {"action": verb, "opening_m": amount}
    if verb == "open" and unit == "%" and 0 <= amount <= 100:
        return {"action": verb, "opening_percent": amount}
    if verb == "start" and unit in {"", "unit", "units"} and amount >= 1 and amount == int(amount):
        return {"action": verb, "units": int(amount)}
    raise ValueError(f"rule {number}: '{text}' cannot be: open 1.5 m, open 50 %, start 2 units")


def _time(text: str, number: int) -> dict[str, Any]:
    found = _TIME.fullmatch(text)
    minutes = int(found["hours"]) * 60 + int(found["minutes"]) if found else 0
    if found is None or (not found["plus"] and minutes >= _DAY_MIN):
        raise ValueError(f"rule {number}: '{text}' is no time such as 06:30 or +01:30")
    return {"after_min" if found["plus"] else "daily_min": minutes}


def _condition(text: str, number: int) -> Condition:
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise ValueError(f"rule {number}: '{text}' is no condition such as stage(upstream) >= 12.3")
    comparison: Any = found["op"]
    place = _place(found["place"])
    if found["other"] is None:
        return Condition(place, comparison, level_m=float(found["level"]))
    offset = float(f"{found['sign']}{found['offset']}") if found["offset"] else 0.0
    return Condition(place, comparison, other=_place(found["other"]), offset_m=offset)


def _place(text: str) -> str:
    own = text.lower()
    return own if own in {"upstream", "downstream", "own"} else text
