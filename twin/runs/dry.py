"""What a run would be, without running it: domain, cells, memory, steps and time, inputs, warnings."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from naru.errors import NaruError
from naru.house import House
from twin.flood import schemes
from twin.flood.records import Boundary
from twin.memory import machine_memory
from twin.runs.forerun import Forecast, look_forward
from twin.runs.load import Wish
from twin.runs.request import RunRequest
from twin.runs.run import assembled_of
from twin.scenario.framing import bytes_needed
from twin.scenario.records import Assembled

_WET_M = 0.5  # depth at which steps are reckoned: what floods of streets and small rivers have
_TRY_S = 1.0
_MOST_TRIED = 50


def look_ahead(wish: Wish, request: RunRequest, house: House | None) -> dict[str, Any]:
    """Return what a run would be; of an ensemble, each member is assembled and the first one measured.

    Raises:
        NaruError: why it cannot be; of a member, its name is told.
    """
    members = wish.members
    told: dict[str, Any] = {}
    for number, member in enumerate(members):
        try:
            assembled = assembled_of(member.mapping, wish.file, house, request.threads)
        except NaruError as error:
            if wish.varies:
                error.message = f"member '{member.name}': {error.message}"
            raise
        if number == 0:
            told = _told(assembled, expected(assembled, member.mapping, wish.file, house))
    if wish.varies:
        told["members"] = [{"name": m.name, "values": dict(m.values)} for m in members]
    return told


@dataclass(frozen=True)
class Expected:
    """What a run of one member is expected to take on this machine."""

    cells: int
    steps: int
    seconds: float  # on the clock
    cpu_s: float  # of all threads together
    forecast: Forecast | None  # None: reckoned with all cells wet and `depth_m` deep
    depth_m: float

    def to_dict(self) -> dict[str, Any]:
        """Return it as `--dry-run` tells it."""
        seen = self.forecast
        ahead = seen and {"cell_m": round(seen.cell_m, 3), "reached_s": round(seen.reached_s, 1)}
        return {
            "steps": self.steps,
            "seconds": round(self.seconds, 1),
            "processor_seconds": round(self.cpu_s, 1),
            "wet_share": round(seen.wet_share, 3) if seen else 1.0,
            "looked_ahead": ahead,
            "assumed_depth_m": None if seen else self.depth_m,
        }


def expected(assembled: Assembled, mapping: Mapping[str, Any], file: Path, house: House | None) -> Expected:
    """Return what a run will take: by a forerun on larger cells, or else by the depth that it may have.

    `assembled` is the run as it was made from `mapping`, the scenario in `file`.
    """
    cells = int(assembled.domain.active.sum())
    deepest = max(_WET_M, float(np.nanmax(assembled.depth, initial=0.0)))
    seen = look_forward(assembled, mapping, file, house)
    clock_s, cpu_s = _step_seconds(assembled)
    if seen is None:
        steps = _steps(assembled, deepest)
        return Expected(cells, steps, steps * clock_s, steps * cpu_s, None, deepest)
    beside = max(0.0, seen.seconds_a_step - seen.wet_share * cpu_s * seen.cells / cells)  # rain, structures, calls
    return Expected(
        cells,
        seen.steps,
        seen.steps * (beside + seen.wet_share * clock_s),
        seen.steps * (beside + seen.wet_share * cpu_s),
        seen,
        deepest,
    )


def _told(assembled: Assembled, takes: Expected) -> dict[str, Any]:
    frame = assembled.domain.frame
    return {
        "scenario": assembled.name,
        "scheme": assembled.options.scheme,
        "crs": frame.crs,
        "cell_m": frame.cell_m,
        "rows": frame.rows,
        "columns": frame.columns,
        "bounds": [round(v, 3) for v in frame.bounds],
        "cells": takes.cells,
        "duration_s": assembled.plan.end_s,
        "output_every_s": assembled.plan.output_every_s,
        "memory_bytes": bytes_needed(frame, assembled.options),
        "memory_here_bytes": machine_memory(),
        **takes.to_dict(),
        "gauges": [gauge.name for gauge in assembled.gauges],
        "actors": sorted({actor.name for actor in assembled.actors}),
        "inputs": [dict(given) for given in assembled.inputs],
        "warnings": list(assembled.warnings),
    }


def _steps(assembled: Assembled, deepest: float) -> int:
    """Return how many steps it takes while the water is so deep, m, and nowhere fast; deep rivers take more."""
    cfl = assembled.options.cfl or {"inertial": 0.5, "full": 0.45}[assembled.options.scheme]
    step = cfl * assembled.domain.frame.cell_m / math.sqrt(9.81 * deepest)
    return math.ceil(assembled.plan.end_s / min(step, assembled.options.longest_step_s))


def _step_seconds(assembled: Assembled) -> tuple[float, float]:
    """Measure a step of the scheme with all cells wet: seconds on the clock, and of all threads together."""
    depth = np.where(assembled.domain.active, _WET_M, 0.0)
    options = replace(assembled.options, order=assembled.options.order)
    water = schemes.start(assembled.domain, depth, Boundary.none(), options)
    water.step(water.longest_step())  # compiles, or loads what was compiled
    began, used, steps = time.perf_counter(), time.process_time(), 0
    while steps < _MOST_TRIED and time.perf_counter() - began < _TRY_S:
        water.step(water.longest_step())
        steps += 1
    return (time.perf_counter() - began) / steps, (time.process_time() - used) / steps
