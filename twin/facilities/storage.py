"""Facilities that lift, keep out or hold water: pump stations, levees, retention basins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from twin.facilities.records import BROAD_CREST, COEFFICIENT, Facility
from twin.facilities.rules import Rule
from twin.facilities.schema import curve, elevation, number, rules, whole


@dataclass(frozen=True, kw_only=True)
class PumpStation(Facility):
    """Pumps that start as the water rises and stop as it falls, from the sump to the outlet."""

    type: ClassVar[str] = "pump_station"
    ko: ClassVar[str] = "배수펌프장"
    en: ClassVar[str] = "pump station"
    shapes: ClassVar[tuple[str, ...]] = ("point", "polygon")

    units: int = whole(("수량", "units", "number of pumps"), (1, 200), default=1, also={"펌프대수": 1.0})
    unit_capacity_m3_min: float = number(
        ("대당토출량", "unit capacity", "rated flow of one pump"),
        "m³/min",
        (0.01, 20_000),
        required=True,
        also={"unit_capacity_m3_s": 60.0},
    )
    start_level_m: float = elevation(
        ("가동수위", "start level", "stage in the sump at which the first pump starts"), (-12, 2), required=True
    )
    stop_level_m: float = elevation(
        ("정지수위", "stop level", "stage at which the last pump stops; the dead band lies between"),
        (-14, 2),
        required=True,
    )
    stage_interval_m: float = number(
        ("단계간격", "stage interval", "each further pump starts and stops so much higher"),
        "m",
        (0, 5),
        default=0.0,
    )
    lag_min: float = number(
        ("지연시간", "lag", "from reaching the start level to the start"),
        "min",
        (0, 1440),
        default=0.0,
        also={"lag_s": 1 / 60},
    )
    ramp_min: float = number(
        ("증속시간", "ramp", "from the start to the full flow"),
        "min",
        (0, 240),
        default=0.0,
        also={"ramp_s": 1 / 60},
    )
    pump_curve: tuple[tuple[float, float], ...] = curve(
        ("펌프곡선", "pump curve", "flow of one pump by head; none: the rated flow at any head"),
        ("head m", "flow m³/min"),
    )
    sump_volume_m3: float | None = number(("흡수정용량", "sump volume", "of the sump"), "m³", (0, 10_000_000))
    sump_floor_elevation_m: float | None = elevation(("흡수정바닥고", "sump floor", "of the sump"), (-25, 0))
    outlet_elevation_m: float | None = elevation(
        ("토출구표고", "outlet elevation", "of the outlet: the head is counted to it, or to the stage above it"),
        (-6, 10),
    )
    outlet_x: float | None = number(
        ("토출구X", "outlet x", "where the water goes, in the file's system"), "m", (-1e9, 1e9)
    )
    outlet_y: float | None = number(("토출구Y", "outlet y", "where the water goes"), "m", (-1e9, 1e9))
    height_m: float | None = number(("높이", "height", "of the house, for its model"), "m", (1, 100))
    rules: tuple[Rule, ...] = rules(
        "조작규칙", "rules", "beyond start and stop levels; the first that holds counts"
    )

    def derived(self) -> dict[str, Any]:
        """Return the flows in m³/s (both units are kept) and the dead band in metres."""
        return {
            "unit_capacity_m3_s": round(self.unit_capacity_m3_min / 60, 6),
            "capacity_m3_min": round(self.unit_capacity_m3_min * self.units, 6),
            "capacity_m3_s": round(self.unit_capacity_m3_min * self.units / 60, 6),
            "available_m3_s": round(self.unit_capacity_m3_min * self.units * self.working / 60, 6),
            "dead_band_m": round(self.start_level_m - self.stop_level_m, 6),
        }


@dataclass(frozen=True, kw_only=True)
class Levee(Facility):
    """An embankment or wall that the water may overtop, and that may break."""

    type: ClassVar[str] = "levee"
    ko: ClassVar[str] = "제방"
    en: ClassVar[str] = "levee"
    shapes: ClassVar[tuple[str, ...]] = ("line",)

    crest_elevation_m: float | None = elevation(
        ("마루표고", "crest elevation", "where it is the same all along"), (-2, 10)
    )
    crest_profile: tuple[tuple[float, float], ...] = curve(
        ("둑마루종단", "crest profile", "crest along the line, from its first point"), ("distance m", "crest EL m")
    )
    crest_width_m: float = number(("둑마루폭", "crest width", "of the crest"), "m", (0.1, 200), default=4.0)
    side_slope: float = number(
        ("비탈경사", "side slope", "run per metre of rise, both sides; 0 for a wall"), "H:V", (0, 10), default=2.0
    )
    discharge_coefficient: float = number(
        ("유량계수", "discharge coefficient", "Cd when overtopped"),
        "–",
        COEFFICIENT,
        default=0.577,
        source=BROAD_CREST,
    )
    breach_width_m: float | None = number(
        ("붕괴폭", "breach width", "where it has failed, or may in a scenario"), "m", (0.1, 10_000)
    )
    breach_bottom_elevation_m: float | None = elevation(
        ("붕괴바닥고", "breach bottom", "how deep a breach goes"), (-6, 3)
    )

    def crest_at(self, distance_m: float) -> float:
        """Return the crest, EL m, so far along the line; linear between the profile's points."""
        if not self.crest_profile:
            return float(self.crest_elevation_m or 0.0)
        run, crest = np.transpose(self.crest_profile)
        return float(np.interp(distance_m, run, crest))


@dataclass(frozen=True, kw_only=True)
class RetentionBasin(Facility):
    """A basin whose volume by stage is known."""

    type: ClassVar[str] = "retention_basin"
    ko: ClassVar[str] = "유수지"
    en: ClassVar[str] = "retention basin"
    shapes: ClassVar[tuple[str, ...]] = ("polygon", "point")

    floor_elevation_m: float = elevation(("바닥고", "floor elevation", "lowest point"), (-25, 1), required=True)
    crest_elevation_m: float = elevation(
        ("마루표고", "crest elevation", "where it overflows"), (-5, 5), required=True
    )
    stage_volume: tuple[tuple[float, float], ...] = curve(
        ("수위용량", "stage–volume", "water held by stage"), ("stage EL m", "volume m³")
    )
    initial_stage_m: float | None = number(
        ("초기수위", "initial stage", "at the start; none: empty"), "EL m", (-500, 9000)
    )
    discharge_coefficient: float = number(
        ("유량계수", "discharge coefficient", "Cd of the overflow"),
        "–",
        COEFFICIENT,
        default=0.577,
        source=BROAD_CREST,
    )

    def derived(self) -> dict[str, Any]:
        """Return the volume that the basin holds, m³."""
        return {"capacity_m3": self.stage_volume[-1][1]} if self.stage_volume else {}
