"""A run of a stranger's scenario as its confined child does it: the same stations, with what it was given only.

The functions here are the tasks of `twin.runs.guarded`, and `read` that of the server which takes scenarios in. The
child sees the layers that the scenario names, the run's folder and nothing else of the house; it has no catalogue,
no job and no way out but its answer.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from naru import runs
from naru.catalogue import Catalogue
from naru.database import Database
from naru.errors import BadSpec, NaruError, TooLarge, UnknownLayer
from naru.house import House
from naru.jobs import JobQueue
from naru.records import Layer, Progress
from naru.run_sandbox import Given
from naru.runs import Share
from naru.settings import Settings
from naru.storage import Storage, disk_errors
from twin.runs import ensemble
from twin.runs.check import describe
from twin.runs.dry import expected
from twin.runs.limits import check_backend, check_members, check_time
from twin.runs.load import Wish, load
from twin.runs.member import Errand, run_member
from twin.runs.reach import confined
from twin.runs.request import RunRequest
from twin.runs.run import Place, Told, assembled_of, run_one


class GivenLayers(Catalogue):
    """A catalogue of the layers that somebody else has looked up."""

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        self._given = layers

    def layer(self, layer_id: str) -> Layer:
        """Return a layer. Raises UnknownLayer."""
        if layer_id not in self._given:
            raise UnknownLayer(layer_id)
        return self._given[layer_id]


def house_of(given: Given) -> House:
    """Return a house with these layers and the home's files; there is no database behind it."""
    none = cast("Database", None)
    settings = replace(Settings.from_environ({}, home=given.home), storage=given.storage)
    return House(settings, none, GivenLayers(given.layers), Storage(given.storage), cast("JobQueue", none))


def run(params: Mapping[str, Any], progress: Progress) -> Told:
    """Run the scenario, or gather an ensemble whose members are done; return what it tells, and layers to be."""
    with _begun(params, progress) as (wish, request, place):
        work = ensemble.run_ensemble if wish.varies else run_one
        return work(wish, request, place)


def begin_ensemble(params: Mapping[str, Any], progress: Progress) -> Told:
    """Assemble the first member, and see that the ensemble may begin or go on; return the shape of its cells."""
    with _begun(params, progress) as (wish, _, place):
        first, _ = ensemble.begin(wish, place)
        return {"shape": list(first.domain.bed.shape), "finished": runs.told(place.folder) is not None}


def run_ensemble_member(params: Mapping[str, Any], progress: Progress) -> Told:
    """Run one member; its depths are left in the file `depths` (float32, .npy), the rest is told."""
    with _begun(params, progress) as (wish, _, place):
        rows, columns = params["shape"]
        keep = Path(params["keep"]) if params["keep"] else None
        work = place.folder / runs.WORK
        errand = Errand(wish.file, wish.alone, work, (rows, columns), None, None, keep, place.house)
        told = run_member(errand, next(each for each in wish.members if each.name == params["member"]))
        depth = told.pop("depth", None)
        if depth is not None:
            file = Path(params["depths"])
            with disk_errors(file):
                np.save(file, depth, allow_pickle=False)
        return told


def read(params: Mapping[str, Any], progress: Progress) -> Told:
    """Say what a scenario is, as `naru twin run --check` does, and with `ahead` what it will take.

    Raises:
        NaruError: why it cannot be followed; TooLarge: it would take more than it may.
    """
    with _begun(params, progress) as (wish, request, place):
        share = runs.share_now()
        check_members(len(wish.members), share)
        for member in wish.members:
            check_backend(member.mapping)
        if not params["ahead"]:
            return describe(wish)
        return {"expected": _expected(wish, request, place, share)}


def _expected(wish: Wish, request: RunRequest, place: Place, share: Share) -> Mapping[str, Any] | None:
    """Return what the first member takes; None where it cannot be assembled, which its run will say."""
    members = wish.members
    mapping = members[0].mapping
    try:
        found = assembled_of(mapping, wish.file, place.house, request.threads)
        takes = expected(found, mapping, wish.file, place.house)
    except TooLarge:
        raise
    except NaruError:  # layers and files are looked at when the run begins: it says what is wrong with them
        return None
    check_time(takes, found, len(members), share)
    return takes.to_dict() | {"cells": takes.cells, "members": len(members)}


@contextmanager
def _begun(params: Mapping[str, Any], progress: Progress) -> Iterator[tuple[Wish, RunRequest, Place]]:
    """Read what was given and the scenario; what is written aside goes where this child may write."""
    given, folder = Given.unpacked(params["given"]), Path(params["folder"])
    request = RunRequest.from_params(params["request"])
    tempfile.tempdir = params["scratch"]
    wish = load(request, folder)
    if wish.alone is None:
        raise BadSpec("a scenario that came over HTTP is a text", field="scenario")
    place = Place(folder, params["run"], house_of(given), progress, apart=True)
    with confined(wish.alone), runs.sharing(given.share):
        yield wish, request, place
