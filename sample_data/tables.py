"""The hand-written tables of facts (CSV beside this file), and their way into typed GeoJSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
Parse = Callable[[str], Any]


@dataclass(frozen=True)
class FactTable:
    """A CSV of points: its name, and the columns that are numbers. All else is text; an empty cell is null."""

    name: str
    numbers: Mapping[str, Parse]

    @property
    def path(self) -> Path:
        """Where the CSV lies."""
        return HERE / f"{self.name}.csv"


BRIDGES = FactTable("han_bridges", {"position_accuracy_m": int, "opened": int, "length_m": int})
GAUGES = FactTable(
    "han_gauges",
    {
        "position_accuracy_m": int,
        "gauge_zero_el_m": float,
        "attention_m": float,
        "advisory_m": float,
        "warning_m": float,
        "design_flood_m": float,
    },
)
WEIRS = FactTable(
    "han_weirs",
    {
        "position_accuracy_m": int,
        "completed": int,
        "height_m": float,
        "length_m": float,
        "fixed_length_m": float,
        "gated_length_m": float,
        "gates": int,
        "crest_el_m": float,
    },
)
TABLES = (BRIDGES, GAUGES, WEIRS)


def read_table(table: FactTable) -> list[dict[str, Any]]:
    """Return the table's rows; `lon` and `lat` (degrees, EPSG:4326) and the table's numbers are numbers."""
    numbers: dict[str, Parse] = {"lon": float, "lat": float, **table.numbers}
    with table.path.open(encoding="utf-8", newline="") as file:
        return [
            {name: numbers.get(name, str)(cell) if cell else None for name, cell in row.items()}
            for row in csv.DictReader(file, strict=True)
        ]


def write_table_geojson(table: FactTable, folder: Path) -> Path:
    """Write the table as a GeoJSON of points (RFC 7946, WGS 84 lon/lat) named after it, and return its path."""
    path = folder / f"{table.name}.geojson"
    features = [_feature(row) for row in read_table(table)]
    document = {"type": "FeatureCollection", "features": features}
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
    return path


def _feature(row: dict[str, Any]) -> dict[str, Any]:
    point = {"type": "Point", "coordinates": [row.pop("lon"), row.pop("lat")]}
    return {"type": "Feature", "properties": row, "geometry": point}
