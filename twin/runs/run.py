"""A raindrop becomes a flood map: load → assemble → advance → collect → publish.

`run_flood` names the stations. All of a run lies in its folder; killed, it goes on from its last checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from naru import runs
from naru.errors import FloodStopped, JobLost, MemberDied, NaruError, NoFeatures, StorageFailed
from naru.house import House
from naru.records import Job, Passing, Progress
from naru.stations import part
from naru.work import find_handler
from twin.flood import advance as course
from twin.flood import schemes
from twin.flood.records import Maxima
from twin.results import publish as results
from twin.results.recorder import Recorder
from twin.runs import checkpoint, folder, reporting
from twin.runs.keeper import Keeper
from twin.runs.load import Wish, keep_copy, load
from twin.runs.names import check_ids
from twin.runs.reach import check_warm_start, confined, library
from twin.runs.request import RunRequest
from twin.scenario.assemble import Kept, assemble
from twin.scenario.read import read_mapping
from twin.scenario.records import Assembled

Told = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where a run works: its folder, its id, the house with the layers (None: none are needed), and its job."""

    folder: Path
    run: str
    house: House | None
    progress: Progress
    job: Job | None = None
    held: Callable[[], None] = lambda: None  # raises when the job is no longer this process's
    ours: bool = False  # the folder is the job's own, in the home
    cluster: str = ""  # the address of a Dask scheduler for an ensemble's members; none: processes here
    apart: bool = False  # it is a confined child's: what becomes layers is left to who started it

    def part(self, start: float, end: float) -> Place:
        """Return the same with a stretch of the progress."""
        return replace(self, progress=part(self.progress, start, end))


def run_flood(request: RunRequest, place: Place) -> Told:
    """Run a scenario, or all its members where it varies; return the contract's JSON.

    Raises:
        NaruError: why it cannot be, or FloodStopped: why it was stopped. The folder is left empty then.
        JobLost: it was cancelled (the folder is left empty), or another worker has it.
    """
    with folder.held(place.folder):
        wish = load(request, place.folder)
        if not place.ours:
            folder.make_ready(place.folder, wish.name, resume=request.resume, overwrite=request.overwrite)
        try:
            with confined(wish.alone):
                for member in wish.members:
                    check_warm_start(member.mapping, place.house, place.job)
                if request.publish and place.house is not None:
                    check_ids(wish.name, place.house)
                if wish.alone is not None and not (wish.varies and place.cluster):
                    from twin.runs.guarded import run_guarded

                    return run_guarded(wish, request, place)
                if not wish.varies:
                    return run_one(wish, request, place)
                from twin.runs.ensemble import run_ensemble

                return run_ensemble(wish, request, place)
        except NaruError as error:
            if wish.alone and error.file:  # who handed it in need not know where our home is
                error.file = Path(error.file).name
            if _is_over(error, place, wish):
                folder.clear(place.folder)
            raise


def run_one(wish: Wish, request: RunRequest, place: Place) -> Told:
    """Run one scenario in its folder, from wherever it stands there."""
    place.progress(0.0, "reading the scenario")
    house = library(place.house, place.job)
    assembled = assembled_of(wish.mapping, wish.file, house, request.threads)
    reporting.check_layers(assembled, house)
    place = possess(wish, assembled, place)
    assembled = replace(assembled, file=place.folder / runs.SCENARIO)  # the copy, with what was changed
    told = finished(place.folder) or advance(assembled, request, place.part(0.02, 0.85))
    wanted = reporting.wants_report(assembled, shown=request.publish)
    if wanted:
        place.progress(0.85, "writing the report")
    told |= reporting.add_report(place.folder, assembled, house, wanted=wanted)
    if request.publish:
        told |= publish(lambda: results.parts(place.folder, told), place.part(0.88, 1.0))
    folder.remove_work(place.folder)
    return told


def assembled_of(
    mapping: Mapping[str, Any], file: Path, house: House | None, threads: int = 0, kept: Kept | None = None
) -> Assembled:
    """Return a scenario ready to run. Raises what reading and assembling raise."""
    assembled = assemble(read_mapping(mapping, file), house, kept)
    if not threads:
        return assembled
    return replace(assembled, options=replace(assembled.options, threads=threads))


def advance(assembled: Assembled, request: RunRequest, place: Place) -> Told:
    """Advance the water to the end and collect what came of it; goes on from a checkpoint where there is one."""
    passing = part(place.progress, 0.0, 0.9)
    recorder = Recorder(place.folder, assembled, lambda share, words: passing(share, Passing(words)), run=place.run)
    flood = start(assembled)
    saved = checkpoint.load(place.folder)
    if saved:
        flood.load(saved["flood"])
        recorder.load(saved["recorder"])
    keeper = Keeper(place.folder, recorder, assembled.plan, every_s=request.checkpoint_s, held=place.held)
    course.advance(flood, assembled.plan, keeper)
    place.held()
    place.progress(0.92, "writing the results")
    return recorder.finish(flood)


def start(assembled: Assembled) -> course.Flood:
    """Return the flood at second 0."""
    shape = assembled.domain.bed.shape
    water = schemes.start(assembled.domain, assembled.depth, assembled.boundary, assembled.options)
    maxima = Maxima.start((shape[0], shape[1]), assembled.threshold_m)
    maxima.debris = assembled.hazard.debris
    return course.start(water, assembled.actors, maxima)


def publish(parts: Callable[[], list[results.Part]], place: Place) -> Told:
    """Make the layers of a finished run live, all at once; the job ends in the same transaction.

    Returns `layers`; where nothing is deep enough to be seen none, and `not_published` says why: the run is done.
    In a confined child it returns `parts`, for `hand_over`.

    Raises:
        CrsUnknown: it lies nowhere on a map; and what taking in a raster raises.
    """
    if place.house is None or (place.job is None and not place.apart):
        return {"layers": []}
    place.progress(0.0, "publishing")
    try:
        made = parts()
    except NoFeatures as dry:
        results.tidy(place.folder)
        return {"layers": [], "not_published": f"{dry.message}. {dry.remedy}"}
    return {"parts": made} if place.apart else hand_over(made, place)


def hand_over(made: list[results.Part], place: Place) -> Told:
    """Have the layers of a run taken in, from the files that `parts` wrote; return `layers`."""
    assert place.house is not None
    assert place.job is not None
    reach = {"grant": place.job.params["grant"]} if place.job.params.get("grant") else {}
    handler = find_handler("together")
    job = replace(place.job, params={"parts": [{**each, **reach} for each in made]})
    layers = handler(place.house, job, place.progress)["layers"]
    results.tidy(place.folder)
    return {"layers": list(layers)}


def finished(where: Path) -> Told | None:
    """Return what a finished run in a folder tells, with paths as `--json` has them; None where there is none."""
    told = runs.told(where)
    return None if told is None else with_paths(told, where)


def with_paths(told: Mapping[str, Any], where: Path) -> Told:
    """Return what a run tells with absolute paths."""
    outputs = {name: str(where / path) for name, path in told.get("outputs", {}).items()}
    return {**told, "outputs": outputs}


def possess(wish: Wish, assembled: Assembled, place: Place, also: Mapping[str, str] | None = None) -> Place:
    """Write down whose folder it is; or see that the run there may go on, under its id. Raises StorageFailed."""
    marks = checkpoint.fingerprint(assembled, wish.mapping) | dict(also or {})
    before = folder.identity(place.folder)
    if before is not None:
        checkpoint.check_same(before["fingerprint"], marks, place.folder)
        return replace(place, run=str(before["run"]))
    folder.write_identity(place.folder, {"name": wish.name, "run": place.run, "fingerprint": dict(marks)})
    keep_copy(wish, place.folder)
    return place


def _is_over(error: NaruError, place: Place, wish: Wish) -> bool:
    """Whether nobody will go on with what lies in the folder: the run failed for good, or was cancelled."""
    if (place.folder / runs.MARK).exists():
        return False
    if isinstance(error, JobLost):
        return place.job is not None and place.house is not None and _cancelled(place.house, place.job)
    if wish.varies and isinstance(error, FloodStopped):  # the other members may be gone on with
        return False
    return not isinstance(error, StorageFailed | MemberDied)


def _cancelled(house: House, job: Job) -> bool:
    return house.jobs.job(job.id).state == "cancelled"
