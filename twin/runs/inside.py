"""A run of a stranger's scenario as its confined child does it: the same stations, with what it was given only.

The functions here are the tasks of `twin.runs.guarded`. The child sees the layers that the scenario names, the
run's folder and nothing else of the house; it has no catalogue, no job and no way out but its answer.
"""

from __future__ import annotations

import base64
import pickle
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from naru import runs
from naru.catalogue import Catalogue
from naru.database import Database
from naru.errors import UnknownLayer
from naru.house import House
from naru.jobs import JobQueue
from naru.records import Layer, Progress
from naru.runs import Share
from naru.settings import Settings
from naru.storage import Storage, disk_errors
from twin.runs import ensemble
from twin.runs.load import Wish, load
from twin.runs.member import Errand, run_member
from twin.runs.reach import confined
from twin.runs.request import RunRequest
from twin.runs.run import Place, Told, run_one
from twin.scenario.vary import Member


class GivenLayers(Catalogue):
    """A catalogue of the layers that somebody else has looked up."""

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        self._given = layers

    def layer(self, layer_id: str) -> Layer:
        """Return a layer. Raises UnknownLayer."""
        if layer_id not in self._given:
            raise UnknownLayer(layer_id)
        return self._given[layer_id]


@dataclass(frozen=True)
class Order:
    """What a confined child is told: the run, and the layers that it may read."""

    request: RunRequest
    folder: Path  # of the run
    run: str
    home: Path
    storage: Path
    layers: Mapping[str, Layer]
    scratch: Path
    share: Share

    def house(self) -> House:
        """Return a house with these layers and the home's files; there is no database behind it."""
        none = cast("Database", None)
        settings = replace(Settings.from_environ({}, home=self.home), storage=self.storage)
        return House(settings, none, GivenLayers(self.layers), Storage(self.storage), cast("JobQueue", none))

    def packed(self) -> str:
        """Return it as a task's parameters carry it; only what the caller itself packed is ever unpacked."""
        return base64.b64encode(pickle.dumps(self)).decode()


def run(params: Mapping[str, Any], progress: Progress) -> Told:
    """Run the scenario, or gather an ensemble whose members are done; return what it tells, and layers to be."""
    with _begun(params, progress) as (wish, order, place):
        work = ensemble.run_ensemble if wish.varies else run_one
        return work(wish, order.request, place)


def begin_ensemble(params: Mapping[str, Any], progress: Progress) -> Told:
    """Assemble the first member, and see that the ensemble may begin or go on; return the shape of its cells."""
    with _begun(params, progress) as (wish, order, place):
        first, _ = ensemble.begin(wish, place)
        return {"shape": list(first.domain.bed.shape), "finished": runs.told(order.folder) is not None}


def run_ensemble_member(params: Mapping[str, Any], _progress: Progress) -> Told:
    """Run one member; its depths are left in the file `depths` (float32, .npy), the rest is told."""
    with _begun(params, _progress) as (wish, order, _):
        shape = params["shape"]
        errand = Errand(
            wish.file,
            wish.alone,
            order.folder / runs.WORK,
            (shape[0], shape[1]),
            None,
            None,
            keep=Path(params["keep"]) if params["keep"] else None,
            given=order.house(),
        )
        told = run_member(errand, _member(wish, params["member"]))
        depth = told.pop("depth", None)
        if depth is not None:
            file = Path(params["depths"])
            with disk_errors(file):
                np.save(file, depth, allow_pickle=False)
        return told


def _member(wish: Wish, name: str) -> Member:
    return next(member for member in wish.members if member.name == name)


@contextmanager
def _begun(params: Mapping[str, Any], progress: Progress) -> Iterator[tuple[Wish, Order, Place]]:
    """Read the order and the scenario again; what is written aside goes where this child may write."""
    order: Order = pickle.loads(base64.b64decode(params["order"]))  # noqa: S301 (our own caller's words)
    tempfile.tempdir = str(order.scratch)
    wish = load(order.request, order.folder)
    place = Place(order.folder, order.run, order.house(), progress, apart=True)
    with confined(wish.alone), runs.sharing(order.share):
        yield wish, order, place
