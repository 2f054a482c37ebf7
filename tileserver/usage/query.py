"""What is asked of the ledger: by what, of which days, of whom."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from naru.errors import BadRequest
from tileserver.usage.ledger import HOURS_DAYS, MINUTES_DAYS

TIMES = ("minute", "hour", "day", "month")
NAMES = ("key", "function", "layer", "zoom", "status")
FILTERS = ("key", "function", "layer")
_DATE = re.compile(r"(19[7-9]|2[0-9]{2})[0-9]-[0-9]{2}-[0-9]{2}", re.ASCII)
_USUAL_DAYS = 30  # that are told where no beginning is given
_LONGEST = 1100  # characters of a filter: sixteen layers


@dataclass(frozen=True)
class Query:
    """One question. Days are those of NARU_TIMEZONE, `first` and `last` included."""

    by: tuple[str, ...]  # one or two of TIMES and NAMES, at most one of them a time
    first: date
    last: date
    key: str | None = None
    function: str | None = None
    layer: str | None = None

    @property
    def time(self) -> str | None:
        """Return the time it is asked by."""
        return next((name for name in self.by if name in TIMES), None)

    @property
    def filters(self) -> dict[str, str]:
        """Return what is asked for alone."""
        given = {name: getattr(self, name) for name in FILTERS}
        return {name: value for name, value in given.items() if value is not None}


def read_query(given: Mapping[str, str], today: date) -> Query:
    """Return the question in `given`: by, from, to, key, function, layer, all of them optional.

    Raises:
        BadRequest: one of them is not what it can be, or not kept any more; `field` names it.
    """
    by = _by(given.get("by", "day"))
    last = _day(given, "to", today)
    first = _day(given, "from", last - timedelta(days=_USUAL_DAYS - 1))
    if first > last:
        raise BadRequest("it ends before it begins", field="from", remedy="Give from a day that is not after to.")
    query = Query(by, first, last, **{name: _name(given, name) for name in FILTERS})
    _check_kept(query, today)
    return query


def read_days(given: Mapping[str, str], today: date) -> tuple[date, date]:
    """Return the days from and to.

    Raises:
        BadRequest: one is no date, or they are the wrong way round.
    """
    query = read_query({name: given[name] for name in ("from", "to") if name in given}, today)
    return query.first, query.last


def _by(text: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(","))
    fits = len(found) <= 2 and len(set(found)) == len(found) and all(name in TIMES + NAMES for name in found)
    if not fits or sum(name in TIMES for name in found) > 1:
        raise BadRequest(
            f"usage cannot be told by '{text[:80]}'",
            field="by",
            remedy=f"Give one or two of {', '.join(TIMES + NAMES)}, and not two times.",
        )
    return found


def _day(given: Mapping[str, str], name: str, usual: date) -> date:
    text = given.get(name, "")
    if not text:
        return usual
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:  # such as the 31st of June
        pass
    raise BadRequest(f"'{text[:40]}' is no date", field=name, remedy="Write it like 2026-11-22.")


def _name(given: Mapping[str, str], name: str) -> str | None:
    text = given.get(name) or None
    if text is not None and (len(text) > _LONGEST or not text.isprintable()):
        raise BadRequest(f"that is no {name}", field=name, remedy="Give an id, as the report writes it.")
    return text


def _check_kept(query: Query, today: date) -> None:
    if query.time == "hour" and "zoom" in query.by:
        raise BadRequest(
            "hours are not kept by zoom",
            field="by",
            remedy="Ask by minute, day or month and zoom, or by hour alone.",
        )
    kept = {"minute": MINUTES_DAYS, "hour": HOURS_DAYS}.get(query.time or "")
    if kept is not None and query.first <= today - timedelta(days=kept):
        raise BadRequest(
            f"{query.time}s are kept for {kept} days", field="from", remedy="Begin later, or ask by day or month."
        )
