"""An ensemble: the members of a scenario that varies are run side by side, and what they have in common is told."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import naru
from naru import runs
from naru.errors import FloodStopped
from naru.records import Passing
from naru.runs import MARK, WORK
from naru.storage import disk_errors, file_hash, sync_file, sync_folder
from twin.fields import found_file
from twin.grid import Values
from twin.results.grids import write_cog
from twin.runs import checkpoint, ensemble_layers, folder, reporting
from twin.runs.load import Wish
from twin.runs.member import STOP, Errand, table
from twin.runs.pool import run_members
from twin.runs.reach import library
from twin.runs.request import RunRequest
from twin.runs.run import Place, Told, assembled_of, possess, publish, with_paths
from twin.runs.shelf import Shelf
from twin.runs.statistics import THRESHOLDS_M, Statistics
from twin.scenario.records import Assembled
from twin.scenario.vary import Member

MEMBERS = "members"
Results = Callable[[list[Member], Callable[[], None]], Iterator[dict[str, Any]]]


def run_ensemble(wish: Wish, request: RunRequest, place: Place) -> Told:
    """Run all members of a scenario in its folder, from wherever they stand there; return what they tell.

    Raises:
        FloodStopped: a member failed, and none may (`keep_going`), or all did.
        MemberDied: a process is gone; the rest can be gone on with.
    """
    place.progress(0.0, "reading the scenario")
    first, place = begin(wish, place)
    told = runs.told(place.folder)
    if told is None:
        rows, columns = first.domain.bed.shape
        tally = Tally.go_on(place.folder, (rows, columns))
        errand = _errand(wish, (rows, columns), request, place)

        def results(members: list[Member], look: Callable[[], None]) -> Iterator[dict[str, Any]]:
            return run_members(errand, members, workers=request.workers, cluster=place.cluster, look=look)

        gather(tally, wish, request, place, results)
        told = collect(tally, first, place)
    told = with_paths(told, place.folder)
    wanted = reporting.wants_report(first, shown=request.publish)
    told |= reporting.add_report(place.folder, first, library(place.house, place.job), wanted=wanted)
    if request.publish:
        told |= publish(lambda: ensemble_layers.parts(place.folder, told), place.part(0.9, 1.0))
    folder.remove_work(place.folder)
    return told


def begin(wish: Wish, place: Place) -> tuple[Assembled, Place]:
    """Assemble the first member, and see that the ensemble may begin, or go on, in its folder."""
    members, shelf = wish.members, Shelf(place.folder / WORK / "shelf")
    house = library(place.house, place.job)
    first = assembled_of(members[0].mapping, wish.file, house, 1, shelf)
    reporting.check_layers(first, house)
    return first, possess(wish, first, place, also=_varied_files(wish))


class Tally:
    """What is known of an ensemble up to now: the members that are done, and their statistics."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.statistics = Statistics(shape)
        self.members: dict[str, dict[str, Any]] = {}
        self.seconds = 0.0  # of earlier attempts
        self.began = time.monotonic()

    @classmethod
    def go_on(cls, where: Path, shape: tuple[int, int]) -> Tally:
        """Return the tally that was saved in a run's folder, or a new one. Raises FileDamaged."""
        tally = cls(shape)
        saved = checkpoint.load(where)
        if saved:
            facts = saved["flood"]["facts"]
            tally.members, tally.seconds = facts["members"], facts["seconds"]
            tally.statistics.load(saved["flood"]["arrays"], facts["counted"])
        return tally

    def add(self, result: dict[str, Any]) -> None:
        """Take in a member."""
        depth: Values | None = result.pop("depth", None)
        if depth is not None:
            self.statistics.add(depth)
        self.members[result["name"]] = result

    def save(self, where: Path) -> None:
        """Write a checkpoint into the run's folder. Raises StorageFailed."""
        facts = {"members": self.members, "seconds": self.spent, "counted": self.statistics.members}
        checkpoint.save(where, {"arrays": self.statistics.save(), "facts": facts}, {})

    @property
    def spent(self) -> float:
        """Seconds on the clock, earlier attempts included."""
        return self.seconds + time.monotonic() - self.began


def _errand(wish: Wish, shape: tuple[int, int], request: RunRequest, place: Place) -> Errand:
    settings = None if place.house is None else place.house.settings
    keep = place.folder / MEMBERS if request.keep_members else None
    return Errand(wish.file, wish.alone, place.folder / WORK, shape, settings, place.job, keep)


def gather(tally: Tally, wish: Wish, request: RunRequest, place: Place, results: Results) -> None:
    """Have the members run that are not done yet, by `results`, and count them in. Raises FloodStopped."""
    stop = place.folder / WORK / STOP
    stop.unlink(missing_ok=True)
    members = [member for member in wish.members if member.name not in tally.members]
    total, saved = len(members) + len(tally.members), time.monotonic()

    def look() -> None:
        done = len(tally.members)
        place.progress(0.02 + 0.83 * done / total, Passing(f"{done} of {total} members"))

    if not members:
        return
    try:
        for result in results(members, look):
            if "error" in result and not request.keep_going:
                tally.save(place.folder)
                raise _failed(result)
            tally.add(result)
            look()
            if time.monotonic() - saved >= request.checkpoint_s:
                place.held()
                tally.save(place.folder)
                saved = time.monotonic()
    except BaseException:
        stop.touch()
        raise
    tally.save(place.folder)


def collect(tally: Tally, first: Assembled, place: Place) -> Told:
    """Write what the members have in common; return what is told of them. Raises FloodStopped, StorageFailed."""
    place.held()
    place.progress(0.86, "writing the results")
    members = [tally.members[name] for name in sorted(tally.members)]
    ended = [member for member in members if "error" not in member]
    if not ended:
        raise _failed(members[0])
    where, outputs = place.folder, {}
    tags = {"SCENARIO": first.name, "SOFTWARE": f"Naru {naru.__version__}", "MEMBERS": str(len(ended))}
    for name, values in tally.statistics.maps(first.domain.active).items():
        unit = "1" if name.startswith("exceedance") else "m"
        write_cog(where / f"{name}.tif", values, first.domain.frame, (_words(name), unit), tags)
        outputs[name] = f"{name}.tif"
    outputs |= {"members": "members.csv", "ensemble": "ensemble.json"}
    _write_members(where, members)
    if (where / MEMBERS).is_dir():
        outputs["kept_members"] = MEMBERS
    told = _told(tally, first, place.run, members) | {"outputs": outputs}
    for name in [*outputs.values()]:
        if (where / name).is_file():
            sync_file(where / name)
    sync_folder(where)
    folder.write_aside(where / MARK, json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False))
    return told


def _told(tally: Tally, first: Assembled, run: str, members: list[dict[str, Any]]) -> Told:
    frame, publication = first.domain.frame, first.publication
    ended = [member for member in members if "error" not in member]
    seconds = tally.spent
    sums = {k: sum(m["volume"][k] for m in ended) for k in ("in_m3", "out_m3", "stored_m3", "error_m3")}
    worst = max(member["volume"]["relative_error"] for member in ended)
    gauges = {gauge.name: _peak(gauge.name, ended) for gauge in first.gauges}
    return {
        "run": run,
        "kind": "ensemble",
        "steps": sum(member["steps"] for member in ended),
        "seconds": round(seconds, 3),
        "cell_steps_per_second": round(sum(m["cell_steps"] for m in ended) / seconds, 1) if seconds > 0 else 0.0,
        "volume": {**sums, "relative_error": worst},
        "gauges": gauges,
        "members": members,
        "thresholds_m": list(THRESHOLDS_M),
        "scenario": first.name,
        "title": {"ko": publication.title_ko or first.name, "en": publication.title_en or first.name},
        "visibility": publication.visibility,
        "licence": publication.licence,
        "attribution": publication.attribution,
        "scheme": first.options.scheme,
        "crs": frame.crs or None,
        "cell_m": frame.cell_m,
        "bounds": list(frame.bounds),
        "rows": frame.rows,
        "columns": frame.columns,
        "vertical_datum": first.domain.vertical_datum,
        "duration_s": first.plan.end_s,
        "threshold_m": first.threshold_m,
        "inputs": [dict(each) for each in first.inputs],
        "warnings": list(first.warnings),
        "software": f"naru-city {naru.__version__}",
    }


def _peak(name: str, members: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the highest stage of all members at a gauge, and which member's it is."""
    found = [(member["gauges"][name], member["name"]) for member in members if name in member["gauges"]]
    wet = [
        (gauge["max_stage_m"], gauge["time_of_max_s"], who)
        for gauge, who in found
        if gauge["max_stage_m"] is not None
    ]
    if not wet:
        return {"max_stage_m": None, "time_of_max_s": None, "member": None}
    stage, at, who = max(wet, key=lambda one: (one[0], one[2]))
    return {"max_stage_m": stage, "time_of_max_s": at, "member": who}


def _write_members(where: Path, members: list[dict[str, Any]]) -> None:
    with disk_errors(where), (where / "members.csv").open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerows(table(members))
    folder.write_aside(where / "ensemble.json", json.dumps({"members": members}, ensure_ascii=False, indent=1))


def _words(name: str) -> str:
    if name.startswith("exceedance"):
        return f"share of the members that flood it at least {name.split('_')[1].removesuffix('m')} m deep"
    return {
        "max_depth": "largest maximum depth of all members",
        "mean_depth": "mean of the members' maximum depths",
    }[name]


def _failed(member: Mapping[str, Any]) -> FloodStopped:
    error = member["error"]
    return FloodStopped(
        f"member '{member['name']}' failed: {error['message']}",
        field=error.get("field"),
        remedy=f"{error.get('remedy') or ''} `--resume --keep-going` runs the others.".strip(),
    )


def _varied_files(wish: Wish) -> dict[str, str]:
    """Return the hashes of the files that members name in what varies."""
    names = {value for member in wish.members for value in member.values.values() if isinstance(value, str)}
    found = {name: found_file(wish.file, name) for name in sorted(names)}
    return {f"'{name}'": file_hash(path) for name, path in found.items() if path is not None and path.is_file()}
