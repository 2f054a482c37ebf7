"""Facilities held against the terrain that they stand in: is there ground, do levels fit it, is there a river?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from naru.errors import BadInput, DatumRefused
from naru.house import House
from naru.raster_facts import RasterFacts
from twin.crs import Mover
from twin.datum import canonical
from twin.facilities.openings import Weir
from twin.facilities.problems import Problems
from twin.facilities.records import Facilities, Facility
from twin.facilities.schema import Field
from twin.facilities.types import FIELDS
from twin.grid import Floats, Frame, Grid

AROUND_M = 30.0  # ground so far around a facility is looked at
_EVERY_M = 5.0
_LONLAT = "EPSG:4326"
_TOO_WIDE, _TOO_NARROW = 1.5, 0.15  # of the distance between the banks


@dataclass(frozen=True)
class Channel:
    """A reach of the terrain's river, in the facilities' system."""

    id: str
    centreline: shapely.LineString
    left_bank: shapely.LineString
    right_bank: shapely.LineString

    def width_m(self, place: shapely.Point) -> float:
        """The distance between the banks there."""
        return float(self.left_bank.distance(place) + self.right_bank.distance(place))


@dataclass(frozen=True)
class Ground:
    """A terrain: its raster of heights, and the river's lines where it has them."""

    name: str
    raster: Path
    crs: str | None  # None: as the raster says
    vertical_datum: str | None
    river: Mapping[str, Any] | None = None


def find_ground(house: House, name: str) -> Ground:
    """Return the terrain of a layer: its native grid where it has one, else its raster.

    Raises:
        UnknownLayer: there is no such layer.
        BadInput: it has no heights.
    """
    layer = house.catalogue.layer(name)
    assets = layer.live.assets
    river = assets.get("river")
    said = json.loads(house.storage.path(river.archive).read_text(encoding="utf-8")) if river else None
    if grid := assets.get("grid"):
        datum = grid.about.get("vertical_datum")
        return Ground(name, house.storage.path(grid.archive), grid.about.get("crs"), datum, said)
    roles = {RasterFacts.of(tileset.rules).role for tileset in layer.live.tilesets if layer.kind == "raster"}
    if layer.live.source is None or "elevation" not in roles:
        raise BadInput(
            f"the layer '{name}' has no heights",
            layer=name,
            remedy="Name a terrain (naru twin terrain) or a layer of heights.",
        )
    return Ground(name, house.storage.path(layer.live.source), None, None, said)


def check_places(facilities: Facilities, ground: Ground, problems: Problems) -> None:
    """Note facilities that the terrain contradicts.

    Raises:
        DatumRefused: the terrain's heights are above another zero.
    """
    _same_datum(facilities, ground)
    look = _Look(facilities, ground)
    channels = _channels(facilities, ground)
    for each in facilities.all:
        heights = look.around(each)
        if heights is None:
            problems.add(each.id, "geometry", f"lies outside the terrain '{ground.name}'", "Check its coordinates.")
            continue
        _levels(each, heights, problems)
        if isinstance(each, Weir) and each.placement == "cross" and channels:
            _crosses(each, channels, problems)
    if not channels:
        problems.warnings.append(f"'{ground.name}' names no river: that weirs cross it was not checked")


def _same_datum(facilities: Facilities, ground: Ground) -> None:
    if ground.vertical_datum and canonical(ground.vertical_datum) != facilities.vertical_datum:
        zeros = facilities.vertical_datum, ground.vertical_datum
        raise DatumRefused(
            f"the facilities' heights are above {zeros[0]}, the terrain's above {zeros[1]}",
            layer=ground.name,
            remedy="Give the facilities' heights above the terrain's zero, and say so: --vertical-datum.",
        )


class _Look:
    """The terrain around the facilities, read once."""

    def __init__(self, facilities: Facilities, ground: Ground) -> None:
        import rasterio

        with rasterio.open(ground.raster) as file:
            crs = ground.crs or file.crs.to_string()
            self._mover = Mover(facilities.crs, crs, ground.name)
            boxes = np.array([_box(each, self._mover) for each in facilities.all])
            box = (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0))
            self._grid = _read(file, box, crs)

    def around(self, it: Facility) -> Floats | None:
        """Return the heights known within 30 m, EL m; None where it lies outside, wholly or in part."""
        if self._grid is None:
            return None
        on = self._at(it.plan.along(_EVERY_M))
        if np.isnan(on).any():
            return None
        heights = self._at(_ring(it))
        return heights[~np.isnan(heights)]

    def _at(self, xy: Floats) -> Floats:
        assert self._grid is not None
        return self._grid.at(*self._mover(xy[:, 0], xy[:, 1]))


def _ring(it: Facility) -> Floats:
    """Return places on and around a facility."""
    xy = it.plan.along(_EVERY_M)
    steps = np.arange(-AROUND_M, AROUND_M + 1, _EVERY_M)
    dx, dy = (offsets.ravel() for offsets in np.meshgrid(steps, steps))
    near = np.hypot(dx, dy) <= AROUND_M
    offsets = np.column_stack([dx[near], dy[near]])
    places: Floats = (xy[:, None, :] + offsets[None, :, :]).reshape(-1, 2)
    return places


def _box(it: Facility, mover: Mover) -> tuple[float, float, float, float]:
    xy = it.plan.xy
    x, y = mover(*(np.concatenate([v - 2 * AROUND_M, v + 2 * AROUND_M]) for v in (xy[:, 0], xy[:, 1])))
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def _read(file: Any, box: Sequence[float], crs: str) -> Grid | None:
    """Return the first band of a raster around a box; NaN where it has no data; None where they do not meet."""
    to = ~file.transform
    (left, top), (right, bottom) = to @ (box[0], box[3]), to @ (box[2], box[1])
    first, last = max(int(left), 0), min(int(right) + 1, file.width)
    upper, lower = max(int(top), 0), min(int(bottom) + 1, file.height)
    if first >= last or upper >= lower:
        return None
    window = ((upper, lower), (first, last))
    values = file.read(1, window=window, masked=True).astype(np.float64).filled(np.nan)
    scale, offset = file.scales[0], file.offsets[0]
    west, north = file.transform @ (first, upper)
    frame = Frame(west, north, file.transform.a, lower - upper, last - first, crs)
    return Grid(values * scale + offset, frame)


def _levels(it: Facility, heights: Floats, problems: Problems) -> None:
    """Note heights that are far from the ground: most likely above another zero, or a slip of the pen."""
    low, high = float(heights.min()), float(heights.max())
    for name, value in _elevations(it):
        field = FIELDS[it.type][name]
        down, up = field.above_ground or (-np.inf, np.inf)
        if low + down <= value <= high + up:
            continue
        above = value > high
        off = value - high if above else low - value
        where = f"{off:.1f} m {'above the highest' if above else 'below the lowest'} ground within {AROUND_M:.0f} m"
        said = f"EL {value:g} is {where} (EL {high if above else low:.2f})"
        problems.add(it.id, name, said, _DATUM_REMEDY if off > 15 else "Correct the level or the place.")


_DATUM_REMEDY = "Is it above another zero? Ellipsoidal heights are some 23 m more than EL at Seoul."


def _elevations(it: Facility) -> list[tuple[str, float]]:
    """Return the levels that can be held against the ground, by field; of a levee's profile, both extremes."""
    out = [(name, getattr(it, name)) for name, field in FIELDS[it.type].items() if _is_level(field)]
    found = [(name, float(value)) for name, value in out if value is not None]
    profile = getattr(it, "crest_profile", ())
    return found + [("crest_elevation_m", pick(z for _, z in profile)) for pick in (min, max) if profile]


def _is_level(field: Field) -> bool:
    return field.above_ground is not None


def _channels(facilities: Facilities, ground: Ground) -> list[Channel]:
    if ground.river is None:
        return []
    mover = Mover(_LONLAT, facilities.crs, ground.name)

    def line(pairs: Any) -> shapely.LineString:
        xy = np.asarray(pairs, float)[:, :2]
        return shapely.LineString(np.column_stack(mover(xy[:, 0], xy[:, 1])))

    return [
        Channel(str(r["id"]), line(r["centreline"]), line(r["left_bank"]), line(r["right_bank"]))
        for r in ground.river["reaches"]
    ]


def _crosses(it: Weir, channels: Sequence[Channel], problems: Problems) -> None:
    """Note a weir that does not lie over the river, or whose width is none of the river's."""
    line = shapely.LineString(it.plan.points)
    crossed = next((c for c in channels if c.centreline.intersects(line)), None)
    if crossed is None:
        away = min(float(c.centreline.distance(line)) for c in channels)
        said = f"does not cross the channel: the nearest centre line is {away:.0f} m away"
        problems.add(it.id, "geometry", said, "Draw it over the river, or say placement: side.")
        return
    place = shapely.Point(shapely.get_coordinates(crossed.centreline.intersection(line))[0])
    between, width = crossed.width_m(place), it.width_m or it.plan.length_m
    if not _TOO_NARROW * between <= width <= _TOO_WIDE * between + 5:
        said = f"is {width:.1f} m, and the channel of {crossed.id} is {between:.1f} m wide there"
        problems.add(it.id, "width_m", said, "Draw the weir from bank to bank.")
