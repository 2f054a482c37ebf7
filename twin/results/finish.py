"""A run that has ended becomes a folder of results: written aside, then moved, `run.json` last."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import naru
from naru.storage import disk_errors, sync_file, sync_folder
from twin.flood.advance import Flood
from twin.results.animation import write_frames
from twin.results.doubts import doubts
from twin.results.frames import State, forget_frames, read_frame
from twin.results.grids import GRIDS, write_grids
from twin.results.netcdf import write_netcdf
from twin.results.recorder import RUN, Recorder
from twin.scenario.records import Assembled

_ASIDE = "finishing"  # under the work folder
_TABLES = ("gauges", "sections", "structures", "balance")
OUTPUTS = (*(spec.name for spec in GRIDS), "netcdf", *_TABLES, "frames", "scenario", "report")
"""What a scenario may name under `outputs`; it names none: everything is written."""


def finish(recorder: Recorder, flood: Flood) -> dict[str, Any]:
    """Write a run's outputs; see `Recorder.finish`."""
    folder = recorder.folder
    done = _finished(recorder, flood)
    if done is None:
        seconds = recorder.seconds
        aside = recorder.work / _ASIDE
        with disk_errors(folder):
            shutil.rmtree(aside, ignore_errors=True)  # of an attempt that was killed
            aside.mkdir(parents=True)
        try:
            outputs = _write(recorder, flood, aside)
            done = told(recorder, flood, outputs, seconds)
            _write_json(aside / RUN, done)
            _move(aside, folder, [*outputs.values(), RUN])
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    forget_frames(recorder.work)
    return done | {"outputs": {name: str(folder.absolute() / file) for name, file in done["outputs"].items()}}


def _finished(recorder: Recorder, flood: Flood) -> dict[str, Any] | None:
    """Return what was told of this very run when it was finished, before it was killed; None: it was not."""
    path = recorder.folder / RUN
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    same = found.get("run") == recorder.run and found.get("steps") == flood.steps
    return found if same and (found.get("volume") or {}).get("stored_m3") == _stored(flood) else None


def _stored(flood: Flood) -> float:
    return flood.balance().stored_m3


def _write(recorder: Recorder, flood: Flood, aside: Path) -> dict[str, str]:
    """Write everything that is wanted; return file names by output."""
    assembled, domain = recorder.assembled, recorder.assembled.domain
    wanted = _wanted(assembled.outputs)
    about = about_attributes(assembled)
    tags = {"SCENARIO": assembled.name, "SOFTWARE": about["source"]}
    outputs = write_grids(aside, flood, wanted, tags)
    if wanted("netcdf"):
        outputs["netcdf"] = "result.nc"
        write_netcdf(aside / "result.nc", domain, _states(recorder, flood), assembled.start, about)
    for name, (head, rows) in _tables(recorder).items():
        if wanted(name):
            outputs[name] = f"{name}.csv"
            _write_csv(aside / outputs[name], head, rows)
    if wanted("frames") and domain.frame.crs:
        outputs["frames"] = "frames"
        deepest = float(flood.maxima.depth.max(initial=0.0)), assembled.threshold_m
        write_frames(aside / "frames", domain, _states(recorder, flood), deepest, assembled.start)
    if wanted("scenario") and assembled.file.is_file():
        outputs["scenario"] = "scenario.yaml"
        if assembled.file.absolute() != (recorder.folder / "scenario.yaml").absolute():
            with disk_errors(aside):
                shutil.copyfile(assembled.file, aside / "scenario.yaml")
    return outputs


def _wanted(outputs: Sequence[str]) -> Callable[[str], bool]:
    return lambda name: not outputs or name in outputs


def _states(recorder: Recorder, flood: Flood) -> Iterator[State]:
    return (read_frame(recorder.work, number) for number in range(flood.outputs))


def about_attributes(assembled: Assembled) -> dict[str, str]:
    """Return what a file of results says of where it comes from."""
    title = assembled.publication.title_en or assembled.publication.title_ko or assembled.name
    options = assembled.options
    return {
        "title": title,
        "source": f"Naru {naru.__version__}, scheme {options.scheme}, {options.precision}, {options.backend}",
        "scenario": assembled.name,
        "comment": "A model's result under the scenario's assumptions, not a forecast.",
    }


# --- tables -----------------------------------------------------------------------------------------


def _tables(recorder: Recorder) -> dict[str, tuple[tuple[str, ...], Iterable[Sequence[Any]]]]:
    return {
        "gauges": (("time_s", "gauge", "stage_m", "depth_m", "speed_m_s"), _gauge_rows(recorder)),
        "sections": (("time_s", "section", "discharge_m3_s"), _section_rows(recorder)),
        "structures": (("time_s", "structure", "quantity", "value"), recorder.books.readings),
        "balance": (("time_s", "term", "in_m3", "out_m3"), _balance_rows(recorder)),
    }


def _gauge_rows(recorder: Recorder) -> Iterator[Sequence[Any]]:
    gauges = recorder.gauges
    for time_s, sample in zip(gauges.times, gauges.samples, strict=True):
        for gauge, values in zip(gauges.gauges, sample.tolist(), strict=True):
            yield (time_s, gauge.name, *values)


def _section_rows(recorder: Recorder) -> Iterator[Sequence[Any]]:
    sections = recorder.sections
    for time_s, sample in zip(sections.times, sections.samples, strict=True):
        for section, value in zip(sections.sections, sample.tolist(), strict=True):
            yield time_s, section.name, value


def _balance_rows(recorder: Recorder) -> Iterator[Sequence[Any]]:
    """Yield the terms since the start; with what is stored and the error both columns have the same sum.

    To the last digit, so that the error can be reckoned again.
    """
    for balance in recorder.books.balances:
        time_s = balance["time_s"]
        for term, (come, gone) in balance["terms"].items():
            yield time_s, term, repr(come), repr(gone)
        yield time_s, "stored", "0.0", repr(balance["stored_m3"])
        yield time_s, "error", "0.0", repr(balance["error_m3"])


def _write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with disk_errors(path), path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(head)
        for row in rows:
            writer.writerow([_short(value) for value in row])


def _short(value: Any) -> Any:
    return f"{value:.10g}" if isinstance(value, float) else value


# --- what is told -----------------------------------------------------------------------------------


def told(recorder: Recorder, flood: Flood, outputs: Mapping[str, str], seconds: float) -> dict[str, Any]:
    """Return the contract's JSON of a run and what else run.json says; `outputs` are names in its folder."""
    assembled, balance = recorder.assembled, flood.balance()
    frame, active = assembled.domain.frame, int(assembled.domain.active.sum())
    cell_steps = flood.cell_steps or float(flood.steps) * active
    options, publication = assembled.options, assembled.publication
    return {
        "run": recorder.run,
        "steps": flood.steps,
        "seconds": round(seconds, 3),
        "cell_steps_per_second": round(cell_steps / seconds, 1) if seconds > 0 else 0.0,
        "volume": balance.to_dict(),
        "outputs": dict(outputs),
        "gauges": recorder.gauges.told(),
        "sections": recorder.sections.told(),
        "structures": {name: dict(facts) for name, facts in assembled.structures.items()},
        "scenario": assembled.name,
        "title": {"ko": publication.title_ko or assembled.name, "en": publication.title_en or assembled.name},
        "visibility": publication.visibility,
        "licence": publication.licence,
        "attribution": publication.attribution,
        "scheme": options.scheme,
        "options": _options(assembled),
        "crs": frame.crs or None,
        "cell_m": frame.cell_m,
        "bounds": list(frame.bounds),
        "rows": frame.rows,
        "columns": frame.columns,
        "active_cells": active,
        "vertical_datum": assembled.domain.vertical_datum,
        "start": None if assembled.start is None else assembled.start.isoformat(),
        "duration_s": assembled.plan.end_s,
        "times_s": [each["time_s"] for each in recorder.books.balances],
        "threshold_m": assembled.threshold_m,
        "hazard": assembled.hazard.told(),
        "max_depth_m": float(flood.maxima.depth.max(initial=0.0)),
        "terms": {name: {"in_m3": come, "out_m3": gone} for name, (come, gone) in balance.terms.items()},
        "inputs": [dict(each) for each in assembled.inputs],
        "warnings": [*assembled.warnings, *doubts(options.scheme, flood.maxima)],
        "software": f"naru-city {naru.__version__}",
    }


def _options(assembled: Assembled) -> dict[str, Any]:
    chosen = assembled.options
    names = ("precision", "order", "cfl", "theta", "dry_m", "longest_step_s", "threads", "backend")
    return {name: getattr(chosen, name) for name in names} | {
        "output_every_s": assembled.plan.output_every_s,
        "most_error": assembled.plan.most_error,
        "gauge_every_s": assembled.gauge_every_s,
    }


def _write_json(path: Path, told: Mapping[str, Any]) -> None:
    with disk_errors(path):
        path.write_text(json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False) + "\n", "utf-8")


# --- moving -----------------------------------------------------------------------------------------


def _move(aside: Path, folder: Path, names: Sequence[str]) -> None:
    """Sync what was written and move it, in order, over what an earlier attempt may have left."""
    with disk_errors(folder):
        for name in names:
            made = aside / name
            for file in sorted(made.rglob("*")) if made.is_dir() else [made] if made.exists() else []:
                sync_file(file)
        (folder / RUN).unlink(missing_ok=True)  # until all is there the folder holds no finished run
        for name in names:
            if (aside / name).is_dir():
                shutil.rmtree(folder / name, ignore_errors=True)
            if (aside / name).exists():
                (aside / name).replace(folder / name)
        sync_folder(folder)
