"""Writes the sample river's survey as files, in every form in which such surveys come."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyogrio
import rasterio
import shapely
from affine import Affine
from pyproj import Transformer, crs
from shapely.geometry import LineString, Polygon, mapping

from sample_data.river.hecras import hecras_text
from sample_data.river.houses import houses
from sample_data.river.specs import write_specs
from sample_data.river.survey import (
    bank,
    centreline,
    chainage,
    channels,
    decks,
    end_of,
    ground,
    levees,
    sections,
    soundings,
)
from sample_data.river.truth import CRS, EAST, NORTH, SOUTH, VERTICAL_DATUM, WEST, River
from sample_data.river.works import works

CELL_M = 2.0
FREEBOARD_M = 1.2  # of the stage for the raster of depths, below the banks
_ROWS = 200  # of the ground at a time


def write_river(folder: Path, cell_m: float = CELL_M) -> Path:
    """Write everything into `folder`: the survey, facilities, buildings, terrain files. Return the folder.

    `cell_m` is the side of the cells of ground (2 m: 1.4 million) and terrains; it should divide 3400 and 1700.
    """
    river = River()
    folder.mkdir(parents=True, exist_ok=True)
    write_ground(river, folder, cell_m)
    write_sections(river, folder)
    write_lines(river, folder)
    write_points(river, folder)
    write_facilities(river, folder / "facilities.csv")
    write_buildings(river, folder / "buildings.geojson")
    write_specs(folder, cell_m)
    return folder


def write_ground(river: River, folder: Path, cell_m: float = CELL_M) -> None:
    """Write `ground.tif` and `ground.asc`: heights of land, water and decks in EL m, EPSG:5186."""
    columns, rows = round((EAST - WEST) / cell_m), round((NORTH - SOUTH) / cell_m)
    x = WEST + (np.arange(columns) + 0.5) * cell_m
    y = NORTH - (np.arange(rows) + 0.5) * cell_m
    values = np.empty((rows, columns), np.float32)
    for top in range(0, rows, _ROWS):
        across, down = np.meshgrid(x, y[top : top + _ROWS])
        values[top : top + _ROWS] = np.round(ground(river, across, down), 3)
    profile = {
        "driver": "GTiff",
        "width": columns,
        "height": rows,
        "count": 1,
        "dtype": "float32",
        "crs": CRS,
        "transform": Affine(cell_m, 0.0, WEST, 0.0, -cell_m, NORTH),
        "nodata": -9999.0,
    }
    packed = {"compress": "deflate", "predictor": 3, "tiled": True, "blockxsize": 256, "blockysize": 256}
    with rasterio.open(folder / "ground.tif", "w", **profile, **packed) as file:
        file.write(values, 1)
        file.set_band_description(1, "ground elevation, EL m")
    _write_asc(folder / "ground.asc", values, cell_m)


def _write_asc(path: Path, values: np.ndarray, cell_m: float) -> None:
    """Write an Esri ASCII grid and its .prj."""
    rows, columns = values.shape
    head = (
        f"ncols {columns}\nnrows {rows}\nxllcorner {WEST:.1f}\nyllcorner {NORTH - rows * cell_m:.1f}\n"
        f"cellsize {cell_m:g}\nNODATA_value -9999\n"
    )
    with path.open("w", encoding="ascii") as file:
        file.write(head)
        for row in values.astype(str):
            file.write(" ".join(row) + "\n")
    path.with_suffix(".prj").write_text(crs.CRS(CRS).to_wkt("WKT1_ESRI"), encoding="ascii")


def write_sections(river: River, folder: Path) -> None:
    """Write the sections: `sections.csv`, `.shp` (lines with Z, CP949), `.geojson` and `.g01` (HEC-RAS)."""
    found = sections(river)
    rows = (
        (s.reach, s.id, station, x, y, z, {s.banks[0]: "LB", s.banks[1]: "RB"}.get(n, ""))
        for s in found
        for n, (station, x, y, z) in enumerate(zip(s.station_m, s.x, s.y, s.z, strict=True))
    )
    _write_csv(folder / "sections.csv", ("reach", "section", "station_m", "x", "y", "bed_el_m", "code"), rows)
    lines = [LineString(np.column_stack([s.x, s.y, s.z])) for s in found]
    table = {"측선": [s.id for s in found], "하천": [s.reach for s in found]}
    frame = gpd.GeoDataFrame(table, geometry=lines, crs=CRS)
    pyogrio.write_dataframe(frame, folder / "sections.shp", driver="ESRI Shapefile", encoding="CP949")
    english = [{"section": s.id, "reach": s.reach, "chainage_m": s.chainage_m} for s in found]
    _write_geojson(folder / "sections.geojson", english, lines)
    (folder / "sections.g01").write_bytes(hecras_text(river).encode("ascii"))


def write_lines(river: River, folder: Path) -> None:
    """Write `centreline.geojson`, `banks.geojson`, `levees.geojson` (Z is the crest) and `bridges.geojson`."""
    reaches = channels(river)
    downstream = {"main": None, "tributary": "main"}
    facts: list[dict[str, Any]] = [{"reach": c.name, "downstream": downstream[c.name]} for c in reaches]
    _write_geojson(folder / "centreline.geojson", facts, [centreline(river, c) for c in reaches])
    sides = [(c, side, word) for c in reaches for side, word in ((-1.0, "left"), (1.0, "right"))]
    _write_geojson(
        folder / "banks.geojson",
        [{"reach": c.name, "side": word} for c, _, word in sides],
        [bank(river, c, side) for c, side, _ in sides],
    )
    walls = levees(river)
    _write_geojson(
        folder / "levees.geojson",
        [{"name": name} for name, *_ in walls],
        [LineString(np.column_stack([x, y, crest])) for _, x, y, crest in walls],
    )
    bridges = decks(river)
    _write_geojson(
        folder / "bridges.geojson", [{"name": deck.id} for deck in bridges], [deck.footprint for deck in bridges]
    )


def write_points(river: River, folder: Path) -> None:
    """Write `soundings.csv` (a boat's zigzag) and `stage.csv` (the water's stage along both reaches)."""
    _write_csv(folder / "soundings.csv", ("x", "y", "bed_el_m"), zip(*soundings(river), strict=True))
    rows = []
    for channel in channels(river):
        along = np.linspace(0.0, end_of(river, channel), 12)
        run = chainage(river, channel, along)
        stage = channel.bank_el(along) - FREEBOARD_M
        rows += [(channel.name, round(c, 1), round(s, 2)) for c, s in zip(run, stage, strict=True)]
    _write_csv(folder / "stage.csv", ("reach", "chainage_m", "stage_m"), rows)


def write_facilities(river: River, path: Path) -> None:
    """Write the facilities as a filled-in template (CSV)."""
    rows = works(river)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        file.write(f"# crs: {CRS}; vertical_datum: {VERTICAL_DATUM}\n")
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def write_buildings(river: River, path: Path) -> None:
    """Write the houses (WGS 84, RFC 7946): floors for all, height_m for some, and which of them is the source."""
    found = houses(river)
    out = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True, allow_ballpark=False)
    facts = [
        {
            "id": house.id,
            "name": f"가상 학교 {house.id[2:]}" if house.use == "학교" else None,  # few have names in real layers
            "use": house.use,
            "floors": house.floors,
            "height_m": house.height_m,
            "height_source": "measured (synthetic)" if house.height_m else "none: floors × 3 m",
            "basement": house.basement,
            "ground_el_m": house.ground_el,
        }
        for house in found
    ]
    _write_geojson(path, facts, [_moved(house.outline, out) for house in found], code=None, places=8)


def _moved(shape: Polygon, way: Transformer) -> Polygon:
    moved: Polygon = shapely.transform(shape, lambda xy: np.column_stack(way.transform(xy[:, 0], xy[:, 1])))
    return moved


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def _write_geojson(
    path: Path,
    facts: Sequence[dict[str, Any]],
    shapes: Sequence[LineString | Polygon],
    *,
    code: str | None = CRS,
    places: int = 3,
) -> None:
    """Write a GeoJSON; `code` names the system as the specification of 2008 did, None is WGS 84 (RFC 7946)."""
    urn = {"name": f"urn:ogc:def:crs:{(code or '').replace(':', '::')}"}
    named = {"crs": {"type": "name", "properties": urn}} if code else {}
    features = [
        {"type": "Feature", "properties": fact, "geometry": _rounded(mapping(shape), places)}
        for fact, shape in zip(facts, shapes, strict=True)
    ]
    document = {"type": "FeatureCollection", "name": path.stem, **named, "features": features}
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")


def _rounded(geometry: dict[str, Any], places: int) -> dict[str, Any]:
    def each(value: Any) -> Any:
        return round(float(value), places) if isinstance(value, float | int) else [each(v) for v in value]

    return {"type": geometry["type"], "coordinates": each(geometry["coordinates"])}
