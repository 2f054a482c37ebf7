"""What gx:Track and gx:MultiTrack say beside their line: times, and values at each position.

Google's extension to KML 2.2, since KML 2.3 part of it: OGC 12-007r2, elements Track and MultiTrack.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ingest import wkb_writer as wkb
from ingest.moments import moment

UNEVEN = "tracks have not as many times as positions"
GAPS = "empty positions of tracks were passed over"
STAYED = "tracks that stay in one place became points"
ALONE = "parts of tracks with a single place were left out beside their lines"
_WHOLE = frozenset({"int", "uint", "short", "ushort"})
_NUMBERS = frozenset({"float", "double"})
_POINTS = (wkb.head(wkb.POINT), wkb.head(wkb.POINT, "z"))
_EARLIEST = datetime(1, 1, 1)  # noqa: DTZ001 (moments are in UTC without saying so)
Value = str | int | float | None


@dataclass
class Tracks:
    """The tracks of one placemark; `odd` counts what somebody should know of them."""

    times: list[list[str]] = field(default_factory=list)
    arrays: dict[str, list[list[Value]]] = field(default_factory=dict)
    odd: Counter[str] = field(default_factory=Counter)

    def add(self, times: Sequence[str], positions: Sequence[str]) -> None:
        """Take the times and positions of one more track, as text."""
        self.times.append(list(times))
        there = [p for p in positions if p.strip()]
        self.odd[UNEVEN] += 0 < len(times) != len(positions)
        self.odd[GAPS] += len(positions) - len(there)
        self.odd[STAYED] += len(there) > 1 and len({tuple(p.split()[:2]) for p in there}) == 1

    def add_array(self, name: str, values: Sequence[str], declared: str | None) -> None:
        """Take a gx:SimpleArrayData; `declared` is the type that its Schema gives it."""
        self.arrays.setdefault(name, []).append([_value(v, declared) for v in values])

    def joined(self, parts: list[bytes]) -> list[bytes]:
        """Return the parts of a gx:MultiTrack: its lines, or if it has none its points."""
        lines = [part for part in parts if part[:5] not in _POINTS]
        if not any(lines) or len(lines) == len(parts):
            return parts
        self.odd[ALONE] += len(parts) - len(lines)
        return lines

    def fields(self) -> dict[str, str]:
        """Return the first and the last time; all times, and each array, as JSON text: one list a track."""
        return self._span() | {name: _json(lists) for name, lists in self.arrays.items()}

    def _span(self) -> dict[str, str]:
        given = [t for track in self.times for t in track if t]
        if not given:
            return {}
        ordered = sorted(given, key=_order)
        return {"begin": ordered[0], "end": ordered[-1], "times": _json(self.times)}


def _order(text: str) -> tuple[datetime, str]:
    """Order times by when they are; what is no time stands before all others, by its text."""
    found = moment(text)
    return (found.when if found else _EARLIEST), text


def _json(lists: Sequence[Sequence[Value]]) -> str:
    return json.dumps(lists[0] if len(lists) == 1 else lists, ensure_ascii=False)


def _value(text: str, declared: str | None) -> Value:
    try:
        if declared in _WHOLE:
            return int(text) if text else None
        if declared in _NUMBERS:
            return float(text) if text else None
    except ValueError:
        return text
    return text
