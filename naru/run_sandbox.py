"""What the server and its workers share to have scenarios that came over the net read and run confined.

A child is given the layers that the scenario names, of those that its key may read; it has no catalogue.
"""

from __future__ import annotations

import base64
import pickle
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from naru.catalogue import Catalogue
from naru.errors import JobLost, NaruError, UnknownLayer
from naru.grants import Grant
from naru.house import House
from naru.records import Archive, Layer
from naru.runs import WORK, Share
from naru.sandbox import Sandbox, Words, by_code

READ = "twin.runs.inside:read"
_KERNELS = (
    "twin.runs.inside",
    "twin.flood.inertial.scheme",
    "twin.flood.full.scheme",
    "twin.works.assembling",
    "twin.works.laws.crossing",
)  # modules with kernels: their compiled code is found when they are loaded
PRELOAD = (
    *_KERNELS,
    "twin.report.write",
    "twin.report.lettering:ready",
    "twin.results.finish",
    "twin.results.layers",
    "netCDF4",
)
_WORDS = Words(
    doing="running it",
    doer="the process that ran it",
    smaller="Take larger cells, a smaller part of the terrain, or a shorter time.",
    broken="Run it again; if it ends so again, tell whoever runs the service.",
)
_READING = Words(
    doing="reading the scenario",
    doer="the reader of scenarios",
    smaller="Make it shorter.",
    broken="Send it again; if it ends so again, tell whoever runs the service.",
)


class ReadableLayers(Catalogue):
    """A catalogue in which only the layers are there that a key may read."""

    def __init__(self, catalogue: Catalogue, grant: Grant, functions: frozenset[str]) -> None:
        super().__init__(catalogue.database, catalogue.now)
        self._grant, self._functions = grant, functions

    def layer(self, layer_id: str) -> Layer:
        """Return a layer. Raises UnknownLayer where there is none, or none for this key."""
        found = super().layer(layer_id)
        if not self._readable(found):
            raise UnknownLayer(layer_id)
        return found

    def layers(self) -> list[Layer]:
        """Return the layers that the key may read."""
        return [layer for layer in super().layers() if self._readable(layer)]

    def _readable(self, layer: Layer) -> bool:
        listed = self._grant.layers is None or layer.id in self._grant.layers
        return self._grant.reaches(layer.visibility) and listed and layer.function in self._functions


@dataclass(frozen=True)
class Given:
    """What a confined child is given: layers, where their files and the home's runs lie, and its share."""

    home: Path
    storage: Path
    layers: Mapping[str, Layer]
    share: Share

    @classmethod
    def of(cls, house: House, catalogue: Catalogue, text: str, share: Share) -> Given:
        """Return what a scenario of that text may need: the layers whose ids stand anywhere in it."""
        layers = {layer.id: layer for layer in catalogue.layers() if layer.id in text}
        return cls(house.settings.home, house.settings.storage, layers, share)

    def packed(self) -> str:
        """Return it as a task's parameters carry it; only what the caller itself packed is ever unpacked."""
        return base64.b64encode(pickle.dumps(self)).decode()

    @staticmethod
    def unpacked(text: str) -> Given:
        """Return what `packed` gave, in the child."""
        given: Given = pickle.loads(base64.b64decode(text))  # noqa: S301 (our own caller's words)
        return given

    def files(self) -> list[Path]:
        """Return the layers' files."""
        names = {archive.name for layer in self.layers.values() for archive in _archives(layer.live)}
        return [self.storage / name for name in sorted(names)]


def new_sandbox() -> Sandbox:
    """Return a sandbox that runs floods."""
    return Sandbox(PRELOAD, _WORDS, _errors)


def params_of(given: Given, folder: Path, request: Mapping[str, Any], run: str = "") -> dict[str, Any]:
    """Return what all tasks of `twin.runs.inside` are told; `request` is a RunRequest's parameters."""
    return {
        "given": given.packed(),
        "folder": str(folder),
        "run": run,
        "scratch": str(folder / WORK / "scratch"),
        "request": dict(request),
    }


def new_reader() -> Sandbox:
    """Return a sandbox that reads scenarios and looks ahead."""
    return Sandbox(_KERNELS, _READING, _errors)


def _errors() -> Mapping[str, type[NaruError]]:
    return {code: kind for code, kind in by_code(NaruError).items() if kind is not JobLost}


def _archives(record: Any) -> Iterator[Archive]:
    """Yield the archives of a version: its source, its tilesets, what is beside them."""
    if isinstance(record, Archive):
        yield record
        return
    parts: Collection[Any] = ()
    if is_dataclass(record):
        parts = [getattr(record, each.name) for each in fields(record)]
    elif isinstance(record, Mapping):
        parts = record.values()
    elif isinstance(record, tuple):
        parts = record
    for part in parts:
        yield from _archives(part)
