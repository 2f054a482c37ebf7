"""Bed and roughness that members of an ensemble share: made once, then mapped into the memory of each process."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from naru.storage import disk_errors
from twin.flood.records import Domain
from twin.grid import Frame, Values

_ARRAYS = ("bed", "manning_n")


class Shelf:
    """A folder of domains, by what they are made from."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, made_from: str, make: Callable[[], Domain]) -> Domain:
        """Return the domain that is made from that, with arrays that cannot be written to; make it if need be.

        Raises:
            StorageFailed: it cannot be kept; and what `make` raises.
        """
        place = self._folder / hashlib.sha256(made_from.encode()).hexdigest()[:24]
        if not place.exists():
            self._keep(place, make())
        arrays: dict[str, Values] = {name: np.load(place / f"{name}.npy", mmap_mode="r") for name in _ARRAYS}
        with np.load(place / "facts.npz", allow_pickle=False) as facts:
            (west, north, cell_m), (rows, columns) = facts["place"].tolist(), facts["size"].tolist()
            frame = Frame(west, north, cell_m, rows, columns, str(facts["crs"]))
            datum = str(facts["datum"])
        return Domain(frame, arrays["bed"], arrays["manning_n"], datum)

    def _keep(self, place: Path, domain: Domain) -> None:
        """Write a domain in one move; another process may have been faster."""
        aside = place.with_name(f"{place.name}.{os.getpid()}.part")
        with disk_errors(place):
            aside.mkdir(parents=True)
            for name in _ARRAYS:
                np.save(aside / f"{name}.npy", getattr(domain, name), allow_pickle=False)
            frame = asdict(domain.frame)
            np.savez(
                aside / "facts.npz",
                allow_pickle=False,
                place=np.array([frame["west"], frame["north"], frame["cell_m"]]),
                size=np.array([frame["rows"], frame["columns"]]),
                crs=np.array(frame["crs"]),
                datum=np.array(domain.vertical_datum),
            )
            try:
                aside.rename(place)
            except OSError:
                if not place.exists():
                    raise
