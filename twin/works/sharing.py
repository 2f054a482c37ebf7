"""Faces that two lines lie on: cells are coarser than what stands in them, and water would pass twice."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from twin.flood.records import Ints
from twin.grid import Floats
from twin.works.faces import Chain


@dataclass
class Holders:
    """Which line holds a face: the last that said so."""

    _held: dict[int, tuple[str, list[int]]] = field(default_factory=dict)

    def hold(self, chain: Chain, name: str, which: Ints) -> None:
        """Let a line hold some of its faces, which may be cut into parts."""
        held: dict[int, tuple[str, list[int]]] = {}
        for k, key in zip(which, _keys(chain)[which], strict=True):
            held.setdefault(int(key), (name, []))[1].append(int(k))
        self._held |= held

    def others(self, chain: Chain) -> dict[str, tuple[Ints, Ints]]:
        """Return by name the lines on a chain's faces: indices into its faces, and into theirs."""
        found: dict[str, list[tuple[int, int]]] = {}
        for own, key in enumerate(_keys(chain)):
            if int(key) in self._held:
                name, theirs = self._held[int(key)]
                found.setdefault(name, []).extend((own, each) for each in theirs)
        pairs = {name: np.array(each, np.int64) for name, each in found.items()}
        return {name: (each[:, 0], each[:, 1]) for name, each in pairs.items()}


def lowest_by_face(chain: Chain, crest: Floats) -> Floats:
    """Return for each part of a chain the lowest crest on its face."""
    once, place = np.unique(_keys(chain), return_inverse=True)
    lowest = np.full(len(once), np.inf)
    np.minimum.at(lowest, place, crest)
    out: Floats = lowest[place]
    return out


def _keys(chain: Chain) -> Ints:
    out: Ints = chain.face * 2 + chain.vertical
    return out
