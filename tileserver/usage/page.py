"""What one worker counted in one minute: the page that goes into the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import NamedTuple

NONE = "(none)"  # where there was no key, layer or function
OTHER = "(other)"  # what is not named: unknown, or more than is kept apart
UNCOUNTED = "(uncounted)"  # function of requests that count for no quota: lists, styles' map, capabilities


class Dims(NamedTuple):
    """By what requests are kept apart."""

    key_id: str
    function: str
    layer: str  # several at once: their ids, joined by commas
    zoom: int  # -1: there is none
    status: int  # hundreds


class Sums(NamedTuple):
    """How many requests, and bytes of bodies."""

    requests: int
    bytes: int


class Visited(NamedTuple):
    """What visitors are told apart by."""

    key_id: str
    function: str
    layer: str


@dataclass(frozen=True)
class Page:
    """A worker's minute. `file` and `number` tell it from every other page, so that it is written once."""

    file: str
    number: int
    minute: int  # since the epoch, UTC
    sums: Mapping[Dims, Sums]
    callers: Mapping[Visited, Set[str]] = field(default_factory=dict)  # addresses: never written down as they are
    heat: Mapping[tuple[str, int, int, int], int] = field(default_factory=dict)  # layer, z, x, y: requests
