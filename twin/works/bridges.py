"""Bridges at work: open below while the water is under the deck, pressure flow and overflow when it is touched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from twin.flood.records import Ints, Water
from twin.grid import Floats
from twin.works.crossings import Crossings
from twin.works.faces import Chain, Flags
from twin.works.laws.crossing import WIDTH

_BAND_M = 0.02  # the water must sink so far below the low chord before a face is open again


@dataclass(frozen=True)
class Deck:
    """A bridge on its faces; arrays have an entry a face."""

    rows: Ints
    chain: Chain
    width: Floats  # of the opening when the deck is touched: without the piers
    piers: Flags  # faces that the piers take while the flow is free
    low_chord_m: float  # EL m


class BridgeDeck:
    """A bridge: each face is with the scheme (open) or with the law (closed)."""

    def __init__(self, deck: Deck) -> None:
        self._deck = deck
        self._touched: Flags = np.zeros(len(deck.rows), bool)
        self._shut: Flags | None = None  # as the water has it; None: nobody knows

    def move(self, all_: Crossings, water: Water, time_s: float, dt_s: float) -> None:
        """Close the faces where the deck is touched, open those where it no longer is."""
        deck = self._deck
        sides = all_.sides[deck.rows]
        high = np.where(all_.depth[sides] > 0, all_.bed[sides] + all_.depth[sides], -np.inf).max(axis=1)
        self._touched = (high >= deck.low_chord_m) | (self._touched & (high >= deck.low_chord_m - _BAND_M))
        all_.numbers[deck.rows, WIDTH] = np.where(self._touched, deck.width, 0.0)
        shut = self._touched | deck.piers
        for closed in (True, False):
            change = (shut == closed) if self._shut is None else (shut == closed) & (self._shut != closed)
            if change.any():
                part = deck.chain.keep(change)
                water.block(part.x_faces, part.y_faces, closed)
        self._shut = shut

    def next_change_s(self, time_s: float) -> float:
        """Nothing goes by the clock."""
        return np.inf

    def readings(self) -> Iterable[tuple[str, float]]:
        """Return the state: the share of the faces where the deck is touched."""
        return (("state", float(self._touched.mean())),)

    def state(self) -> Floats:
        """Return what `restore` needs."""
        return self._touched.astype(np.float64)

    def restore(self, state: Floats) -> None:
        """Go on from a state; the faces are set anew before the next step."""
        self._touched, self._shut = state > 0, None
