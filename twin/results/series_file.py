"""The tables of a run as one document for pages: gauges, sections, structures and the balance over time."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from naru.errors import FileDamaged

_KEYS = {"gauges": "gauge", "sections": "section", "structures": "structure", "balance": "term"}
_WORDS = frozenset(("quantity",))  # columns that are no numbers


def series_of(folder: Path, run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the series of a run's folder; a table that was not written is empty.

    `gauges`, `sections` and `balance` hold by name the columns of their tables as lists, `structures` by name and
    quantity. Gauges have their place, `lon` and `lat` (WGS 84), where the run has a CRS. Times are seconds since
    `start`.

    Raises:
        FileDamaged: a table is not as it was written.
    """
    tables = {name: _columns(folder / f"{name}.csv", key) for name, key in _KEYS.items()}
    places = _places(run)
    return {
        "run": run["run"],
        "scenario": run["scenario"],
        "start": run["start"],
        "duration_s": run["duration_s"],
        "vertical_datum": run["vertical_datum"],
        **tables,
        "gauges": {name: places.get(name, {}) | columns for name, columns in tables["gauges"].items()},
        "structures": {name: _by_quantity(columns) for name, columns in tables["structures"].items()},
        "volume": run["volume"],
    }


def _columns(path: Path, key: str) -> dict[str, dict[str, list[Any]]]:
    out: dict[str, dict[str, list[Any]]] = {}
    for row in _rows(path):
        columns = out.setdefault(row.pop(key), {name: [] for name in row})
        for name, value in row.items():
            columns[name].append(value if name in _WORDS else float(value))
    return out


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if not path.exists():
        return
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            yield from csv.DictReader(stream)
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise FileDamaged(
            f"the table cannot be read ({error})", file=str(path), remedy="Run the scenario again."
        ) from error


def _by_quantity(columns: Mapping[str, list[Any]]) -> dict[str, dict[str, list[float]]]:
    out: dict[str, dict[str, list[float]]] = {}
    for quantity, time_s, value in zip(columns["quantity"], columns["time_s"], columns["value"], strict=True):
        found = out.setdefault(quantity, {"time_s": [], "value": []})
        found["time_s"].append(time_s)
        found["value"].append(value)
    return out


def _places(run: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    if not run["crs"]:
        return {}
    from pyproj import Transformer

    to_lonlat = Transformer.from_crs(run["crs"], "EPSG:4326", always_xy=True)
    out = {}
    for name, told in run["gauges"].items():
        lon, lat = to_lonlat.transform(told["x"], told["y"])
        out[name] = {"lon": round(float(lon), 7), "lat": round(float(lat), 7)}
    return out
