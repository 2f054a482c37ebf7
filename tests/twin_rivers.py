"""A small river whose bed is known exactly, as the files that a planner would bring: a survey and a ground.

The river runs east in waves, 40 m wide, between banks at EL 5 m; its bed is a parabola that falls 1 m a kilometre
and wanders from side to side. The ground, as a survey from the air sees it, has the water's surface (EL 2 m) in
the channel, a flood plain that is off the banks by `bank_jump_m`, and on the left a levee (crest EL 8 m) with low
land (EL 3 m) behind it. A bridge's deck can stand in it too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import shapely
import yaml

from twin.bed.records import INTERPOLATED, OUTSIDE, Bed
from twin.grid import Frame, Grid
from twin.survey.records import CrossSection, Reach, Survey

Floats = npt.NDArray[np.float64]
CRS = "EPSG:5186"
WEST, SOUTH = 199_600.0, 549_800.0
WATER_M, PLAIN_M, CREST_M, LOW_M, DECK_M = 2.0, 5.5, 8.0, 3.0, 9.0
LEVEE_AT_M = 45.0  # from the centre line to the left
BRIDGE_AT_M, BRIDGE_WIDTH_M = 430.0, 12.0  # along the centre line


@dataclass(frozen=True)
class River:
    """The river's shape."""

    length_m: float = 800.0
    half_width_m: float = 20.0
    swing_m: float = 40.0
    wave_m: float = 600.0
    bank_m: float = 5.0
    thalweg_m: float = -1.0  # at the upstream end
    slope: float = 0.001

    @property
    def centreline(self) -> Floats:
        """Return points every metre or so (points, 2), downstream is east."""
        x = np.linspace(0.0, self.length_m, int(self.length_m) + 1)
        y = self.swing_m * np.sin(2 * np.pi * x / self.wave_m)
        return np.column_stack([WEST + 100 + x, SOUTH + 200 + y])

    def beside(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return how far along the centre line points lie, and how far to its left, metres."""
        line = shapely.LineString(self.centreline)
        points = shapely.points(x, y)
        s = shapely.line_locate_point(line, points)
        back, on = np.clip(s - 0.5, 0, line.length - 1), np.clip(s + 0.5, 1, line.length)
        near, ahead = shapely.line_interpolate_point(line, back), shapely.line_interpolate_point(line, on)
        dx, dy = shapely.get_x(ahead) - shapely.get_x(near), shapely.get_y(ahead) - shapely.get_y(near)
        side = dx * (y - shapely.get_y(near)) - dy * (x - shapely.get_x(near))
        return s, np.sign(side) * shapely.distance(line, points)

    def bed(self, s: Floats, u: Floats) -> Floats:
        """Return the true bed elevation at chainage s and u = -1 (left bank) … 1 (right bank)."""
        lowest = self.thalweg_m - self.slope * s
        at = 0.4 * np.sin(2 * np.pi * s / self.wave_m)  # where the thalweg is
        across = np.where(u < at, (at - u) / (1 + at), (u - at) / (1 - at))
        return lowest + (self.bank_m - lowest) * across**2

    def at(self, s: float, left_m: float) -> Floats:
        """Return the point (x, y) at chainage s, so far to the left of the centre line."""
        line = shapely.LineString(self.centreline)
        ways = (np.clip(s - 0.5, 0, line.length - 1), np.clip(s + 0.5, 1, line.length), s)
        a, b, c = (np.array(line.interpolate(way).coords[0]) for way in ways)
        ahead = (b - a) / np.hypot(*(b - a))
        return c + left_m * np.array([-ahead[1], ahead[0]])

    def offset(self, left_m: float) -> Floats:
        """Return the line so far to the left of the centre line, every 5 m."""
        length = shapely.LineString(self.centreline).length
        return np.array([self.at(s, left_m) for s in np.arange(0, length, 5.0)])


@dataclass(frozen=True)
class Place:
    """Files of a river in a folder."""

    folder: Path
    spec: Path
    river: River


def make_river(
    folder: Path,
    *,
    every_m: float = 80.0,
    cell_m: float = 4.0,
    bank_jump_m: float = 0.6,
    bridge: bool = False,
    levee_line: bool = True,
    buildings: str | dict[str, object] | None = None,
    river: River | None = None,
    **fields: object,
) -> Place:
    """Write sections.csv, ground.asc and what else is wished, and terrain.yaml with `fields` in it."""
    river = river or River()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sections.csv").write_text(sections_csv(river, every_m), "utf-8")
    write_ground(folder / "ground.asc", river, cell_m, bank_jump_m, bridge)
    spec: dict[str, object] = {
        "terrain": "toy-river",
        "title": "시험 하천",
        "title_en": "Toy river",
        "ground": "ground.asc",
        "crs": CRS,
        "vertical_datum": "KVD1964",
        "cell_m": cell_m,
        "sections": {
            "file": "sections.csv",
            "id": "section",
            "station": "station_m",
            "x": "x",
            "y": "y",
            "z": "bed_el_m",
        },
        "bank_blend_m": 12.0,
        "water_stage_m": 2.5,
    }
    if levee_line:
        _write_geojson(
            folder / "levees.geojson", [({"crest": CREST_M}, shapely.LineString(river.offset(LEVEE_AT_M)))]
        )
        spec["levees"] = {"file": "levees.geojson", "crs": CRS, "crest": "crest"}
    if bridge:
        _write_geojson(folder / "bridges.geojson", [({"name": "시험교"}, deck(river))])
        spec["bridges"] = {"file": "bridges.geojson", "crs": CRS}
    if isinstance(buildings, dict):
        spec["buildings"] = buildings
    elif buildings:
        _write_geojson(folder / "buildings.geojson", [({"height": 9.0}, house) for house in houses(river)])
        spec["buildings"] = {"file": "buildings.geojson", "crs": CRS, "as": buildings, "height": "height"}
    path = folder / "terrain.yaml"
    whole = {name: value for name, value in (spec | fields).items() if value is not None}
    path.write_text(yaml.safe_dump(whole, allow_unicode=True, sort_keys=False), "utf-8")
    return Place(folder, path, river)


def sections_csv(river: River, every_m: float) -> str:
    """Return a survey: a section every so many metres, square to the river, 21 points from the left bank."""
    length = shapely.LineString(river.centreline).length
    rows = ["section,station_m,x,y,bed_el_m"]
    for number, s in enumerate(np.arange(20.0, length - 20.0, every_m), 1):
        for u in np.linspace(-1, 1, 21):
            x, y = river.at(float(s), -u * river.half_width_m)
            z = float(river.bed(np.float64(s), np.float64(u)))
            rows.append(f"X{number:02d},{(u + 1) * river.half_width_m:.2f},{x:.3f},{y:.3f},{z:.3f}")
    return "\n".join(rows) + "\n"


def ground_at(river: River, x: Floats, y: Floats, bank_jump_m: float, bridge: bool = False) -> Floats:
    """Return what is seen from the air."""
    _, left = river.beside(x, y)
    away = np.abs(left) - river.half_width_m
    ground = river.bank_m + bank_jump_m + 0.01 * np.maximum(away, 0)
    ground = np.where(left > LEVEE_AT_M, LOW_M, ground)
    ground = np.maximum(ground, CREST_M - np.maximum(np.abs(left - LEVEE_AT_M) - 3, 0) / 2)  # 1:2 slopes
    ground = np.where(away < 0, WATER_M, ground)
    if bridge:
        ground = np.where(shapely.contains_xy(deck(river), x, y), DECK_M, ground)
    return ground


def deck(river: River) -> shapely.Polygon:
    """Return the bridge's deck, which reaches 15 m over either bank."""
    reach = river.half_width_m + 15
    line = shapely.LineString([river.at(BRIDGE_AT_M, reach), river.at(BRIDGE_AT_M, -reach)])
    return line.buffer(BRIDGE_WIDTH_M / 2, cap_style="flat")


def houses(river: River) -> list[shapely.Polygon]:
    """Return a row of houses on the right bank."""
    return [shapely.Point(river.at(s, -70.0)).buffer(8.0, cap_style="square") for s in (200.0, 300.0, 400.0)]


def write_ground(path: Path, river: River, cell_m: float, bank_jump_m: float, bridge: bool) -> None:
    """Write the ground as an ESRI ASCII grid."""
    columns, rows = round((river.length_m + 200) / cell_m), round(400 / cell_m)
    x = WEST + (np.arange(columns) + 0.5) * cell_m
    y = SOUTH + (rows - np.arange(rows) - 0.5) * cell_m
    xx, yy = np.meshgrid(x, y)
    values = ground_at(river, xx.ravel(), yy.ravel(), bank_jump_m, bridge).reshape(rows, columns)
    place = f"xllcorner {WEST}\nyllcorner {SOUTH}\ncellsize {cell_m}"
    head = f"ncols {columns}\nnrows {rows}\n{place}\nNODATA_value -9999\n"
    path.write_text(head + "\n".join(" ".join(f"{v:.3f}" for v in row) for row in values) + "\n")


def _write_geojson(path: Path, features: list[tuple[dict[str, object], shapely.Geometry]]) -> None:
    made = [
        {"type": "Feature", "properties": properties, "geometry": json.loads(shapely.to_geojson(geometry))}
        for properties, geometry in features
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": made}, ensure_ascii=False), "utf-8")


def true_survey(river: River, every_m: float = 80.0) -> Survey:
    """Return the survey as records, as reading sections.csv should give it."""
    length = shapely.LineString(river.centreline).length
    sections = []
    for number, s in enumerate(np.arange(20.0, length - 20.0, every_m), 1):
        u = np.linspace(-1, 1, 21)
        points = np.array([river.at(float(s), -v * river.half_width_m) for v in u])
        station = (u + 1) * river.half_width_m
        z = river.bed(np.full(21, s), u)
        sections.append(CrossSection(f"X{number:02d}", "river", *points.T, z, station, float(s)))
    banks = [river.offset(side * river.half_width_m) for side in (1, -1)]
    reach = Reach("river", river.centreline, banks[0], banks[1], tuple(sections))
    return Survey((reach,), CRS, "KVD1964")


def true_bed(river: River, frame: Frame, survey: Survey) -> Bed:
    """Return the bed itself on a frame, from the first section to the last."""
    x, y = (v.ravel() for v in np.meshgrid(frame.x, frame.y))
    s, left = river.beside(x, y)
    u = -left / river.half_width_m
    first, last = survey.sections[0].chainage_m, survey.sections[-1].chainage_m
    within = ((np.abs(u) < 1) & (s >= first) & (s <= last)).reshape(frame.rows, frame.columns)
    shaped = [v.reshape(within.shape) for v in (river.bed(s, u), s, u, river.half_width_m - np.abs(left))]
    z, s, u, distance = (np.where(within, v, np.nan) for v in shaped)
    return Bed(
        elevation=Grid(z, frame, vertical_datum="KVD1964"),
        s=s.astype("f4"),
        u=u.astype("f4"),
        reach=np.where(within, 0, -1).astype(np.int16),
        bank_distance_m=distance.astype("f4"),
        source=np.where(within, INTERPOLATED, OUTSIDE).astype(np.uint8),
        method="linear",
    )


def true_ground(river: River, cell_m: float = 4.0, bank_jump_m: float = 0.6, bridge: bool = False) -> Grid:
    """Return the ground as a grid."""
    columns, rows = round((river.length_m + 200) / cell_m), round(400 / cell_m)
    frame = Frame(WEST, SOUTH + 400, cell_m, rows, columns, CRS)
    x, y = (v.ravel() for v in np.meshgrid(frame.x, frame.y))
    values = ground_at(river, x, y, bank_jump_m, bridge).reshape(rows, columns)
    return Grid(values, frame, vertical_datum="KVD1964")
