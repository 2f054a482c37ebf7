"""Compile what a run needs before anyone waits for it: a tiny one of each scheme, from its file to its results."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np

from twin.flood.schemes import SCHEMES
from twin.grid import Frame
from twin.results.grids import write_cog
from twin.runs.request import RunRequest
from twin.runs.run import Place, run_flood


def warm() -> None:
    """Run a few seconds of a shallow bowl; the compiled code stays on disk."""
    y, x = np.mgrid[-1:1:24j, -1:1:30j]
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        frame = Frame(200_000.0, 550_000.0, 5.0, 24, 30, "EPSG:5186")
        write_cog(where / "bowl.tif", x * x + y * y, frame, ("", "m"), {})
        for scheme in SCHEMES:
            scenario = {
                "scenario": f"warm-{scheme}",
                "terrain": "bowl.tif",
                "scheme": scheme,
                "duration_s": 20,
                "output_every_s": 10,
                "manning_n": 0.03,
                "initial": {"depth_m": 0.2},
                "rain": {"uniform_mm_h": 50},
            }
            path = where / f"{scheme}.yaml"
            path.write_text(json.dumps(scenario), encoding="utf-8")
            out = where / scheme
            run_flood(
                RunRequest(scenario=str(path), out=str(out)), Place(out, scheme, None, lambda share, words: None)
            )
