"""A finished run, read back from its folder."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from naru import runs
from naru.errors import FileDamaged, UnknownRun
from twin.grid import Floats, Frame, Values

Rows = list[dict[str, str]]


@dataclass(frozen=True)
class RunFolder:
    """What a run left: `run.json` as `told`, rasters and tables by name."""

    path: Path
    told: Mapping[str, Any]

    @property
    def frame(self) -> Frame:
        """Where its cells lie."""
        west, _, _, north = self.told["bounds"]
        told = self.told
        return Frame(west, north, told["cell_m"], told["rows"], told["columns"], told["crs"] or "")

    def raster(self, name: str) -> Values | None:
        """Return one of its rasters, float32, NaN where there is no water; None where it was not written.

        Raises FileDamaged.
        """
        import rasterio

        path = self.path / f"{name}.tif"
        if not path.exists():
            return None
        try:
            with rasterio.open(path) as raster:
                values: Values = raster.read(1)
        except rasterio.errors.RasterioError as error:
            raise FileDamaged(
                f"cannot be read: {error}", file=str(path), remedy="Run the scenario again."
            ) from error
        return values

    @cached_property
    def bed(self) -> Values | None:
        """The bed, EL m; None where the run wrote no NetCDF file."""
        import netCDF4

        path = self.path / "result.nc"
        if not path.exists():
            return None
        with netCDF4.Dataset(path) as file:
            return np.ma.filled(file["bed_elevation"][:].astype(float), np.nan)

    def table(self, name: str) -> Rows:
        """Return the rows of one of its CSV files; none where it was not written."""
        path = self.path / f"{name}.csv"
        if not path.exists():
            return []
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def series(self, name: str, by: str, value: str, only: str | None = None) -> dict[str, tuple[Floats, Floats]]:
        """Return time, s, and `value` of each `by` in a CSV file; of rows of a `quantity` (`only`) where given."""
        found: dict[str, tuple[list[float], list[float]]] = {}
        for row in self.table(name):
            if only is None or row["quantity"] == only:
                times, values = found.setdefault(row[by], ([], []))
                times.append(float(row["time_s"]))
                values.append(float(row[value]))
        return {key: (np.array(times), np.array(values)) for key, (times, values) in found.items()}


def open_run(path: Path) -> RunFolder:
    """Return the run in a folder. Raises UnknownRun where there is none that has ended."""
    told = runs.told(path)
    if told is None:
        raise UnknownRun(
            f"there is no finished run in '{path}'",
            file=str(path),
            remedy="`naru twin run SCENARIO.yaml --out DIR` makes one; `naru jobs list` shows those in the home.",
        )
    return RunFolder(path, told)
