"""The section `rain` of a scenario: one entry, or a list of entries whose rain adds up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twin.fields import Fields
from twin.flood.world import World
from twin.forcing.design import DesignStorm, read_design
from twin.forcing.falling import Everywhere, Falling, Rain
from twin.forcing.gauges import Network, read_network
from twin.forcing.hyetograph import MM_H, MOST_MM_H, Hyetograph, factor, read_hyetograph
from twin.forcing.rain_raster import RasterRain, read_raster_rain
from twin.forcing.sections import group, groups, number, only_one
from twin.forcing.series import Series

_WAYS = ("uniform_mm_h", "hyetograph", "design", "gauges", "raster")


@dataclass(frozen=True)
class UniformRain:
    """Rain of one intensity, from a time to a time or always."""

    rate_mm_h: float
    rain: Series  # m/s


Entry = UniformRain | Hyetograph | DesignStorm | Network | RasterRain


@dataclass(frozen=True)
class RainSpec:
    """All rain that a scenario states."""

    entries: tuple[Entry, ...] = ()

    def build(self, world: World) -> Rain:
        """Return the rain on the domain's cells. Raises what its files raise."""
        return Rain.of([_falling(entry, world) for entry in self.entries], world.domain.active)

    def inputs(self) -> list[Mapping[str, Any]]:
        """Return what went in, for the report."""
        return [{"role": "rain", **one} for entry in self.entries for one in _given(entry)]


def read_rain(top: Fields) -> RainSpec:
    """Read `rain`. Raises BadSpec, FileMissing, ColumnsUnknown, EncodingUnknown."""
    return RainSpec(tuple(_read(fields) for fields in groups(top, "rain")))


def _read(fields: Fields) -> Entry:
    way = only_one(fields, _WAYS, "Rain")
    entry: Entry
    if way == "uniform_mm_h":
        entry = _uniform(fields)
    elif way == "hyetograph":
        entry = read_hyetograph(fields)
    elif way == "design":
        entry = read_design(group(fields, way))
    elif way == "gauges":
        entry = read_network(fields)
    else:
        entry = read_raster_rain(group(fields, way), factor(fields))
    fields.done()
    return entry


def _uniform(fields: Fields) -> UniformRain:
    rate = number(fields, "uniform_mm_h", (0.0, MOST_MM_H), "mm/h") * factor(fields)
    begin, end = (fields.number(name, -1e5, 1e5, "h") for name in ("from_h", "to_h"))
    if end is not None and not end > (begin or 0.0):
        raise fields.wrong("to_h", f"is {end:g} h, not after {begin or 0.0:g} h", "Let it end after it begins.")
    if end is not None:
        rain = Series.steps([(begin or 0.0) * 3600, end * 3600], [rate * MM_H])
    elif begin is not None:
        rain = Series.constant(rate * MM_H, begin * 3600)
    else:
        rain = Series.constant(rate * MM_H)
    return UniformRain(rate, rain)


def _falling(entry: Entry, world: World) -> Falling:
    if isinstance(entry, Network | RasterRain):
        return entry.build(world)
    return Everywhere(entry.series(world.start) if isinstance(entry, Hyetograph) else entry.rain)


def _given(entry: Entry) -> list[dict[str, Any]]:
    if isinstance(entry, UniformRain):
        return [{"value": f"{entry.rate_mm_h:g} mm/h"}]
    if isinstance(entry, Hyetograph):
        return [entry.rows.given()]
    if isinstance(entry, DesignStorm):
        return [{"value": dict(entry.given)}]
    if isinstance(entry, Network):
        return [{"name": gauge.name, **gauge.rain.rows.given()} for gauge in entry.gauges]
    return [{"file": str(file)} for file in entry.files]
