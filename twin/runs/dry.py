"""What a run would be, without running it: domain, cells, memory, steps and time, inputs, warnings."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np

from naru.errors import NaruError
from naru.house import House
from twin.flood import schemes
from twin.flood.records import Boundary
from twin.memory import machine_memory
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
            told = _told(assembled)
    if wish.varies:
        told["members"] = [{"name": m.name, "values": dict(m.values)} for m in members]
    return told


def _told(assembled: Assembled) -> dict[str, Any]:
    frame = assembled.domain.frame
    cells = int(assembled.domain.active.sum())
    deepest = max(_WET_M, float(np.nanmax(assembled.depth, initial=0.0)))
    steps, a_step_s = _steps(assembled, deepest), _step_seconds(assembled)
    return {
        "scenario": assembled.name,
        "scheme": assembled.options.scheme,
        "crs": frame.crs,
        "cell_m": frame.cell_m,
        "rows": frame.rows,
        "columns": frame.columns,
        "bounds": [round(v, 3) for v in frame.bounds],
        "cells": cells,
        "duration_s": assembled.plan.end_s,
        "output_every_s": assembled.plan.output_every_s,
        "memory_bytes": bytes_needed(frame, assembled.options),
        "memory_here_bytes": machine_memory(),
        "steps": steps,
        "assumed_depth_m": deepest,
        "seconds_all_wet": round(steps * a_step_s, 1),
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


def _step_seconds(assembled: Assembled) -> float:
    """Measure a step of the scheme with all cells wet; rain, structures and results come on top."""
    depth = np.where(assembled.domain.active, _WET_M, 0.0)
    options = replace(assembled.options, order=assembled.options.order)
    water = schemes.start(assembled.domain, depth, Boundary.none(), options)
    water.step(water.longest_step())  # compiles, or loads what was compiled
    began, steps = time.perf_counter(), 0
    while steps < _MOST_TRIED and time.perf_counter() - began < _TRY_S:
        water.step(water.longest_step())
        steps += 1
    return (time.perf_counter() - began) / steps
