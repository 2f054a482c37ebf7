"""The sample river's sections as HEC-RAS geometry (`.g01`): three reaches that meet at a junction.

The format is HEC-RAS's own text: 16 columns a coordinate, 8 a station or an elevation, sections of a reach from
the highest river station (metres from the reach's lower end) to the lowest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from shapely.geometry import LineString, Point
from shapely.ops import substring

from sample_data.river.survey import Section, centreline, sections
from sample_data.river.truth import EAST, NORTH, SOUTH, WEST, River

MANNING = (0.045, 0.030, 0.045)  # left of the bank, channel, right


def hecras_text(river: River) -> str:
    """Return the geometry file's text."""
    main, tributary = centreline(river, river.main), centreline(river, river.tributary)
    found = sections(river)
    mouth = main.project(Point(tributary.coords[-1]))
    upper = [s for s in found if s.reach == "main" and s.chainage_m < mouth]
    lower = [s for s in found if s.reach == "main" and s.chainage_m >= mouth]
    reaches = [
        ("Main", "Upper", substring(main, 0, mouth), upper, 0.0),
        ("Main", "Lower", substring(main, mouth, main.length), lower, mouth),
        ("Tributary", "Reach", tributary, [s for s in found if s.reach == "tributary"], 0.0),
    ]
    x, y = tributary.coords[-1]
    lines = [
        "Geom Title=Sample river (synthetic)",
        "Program Version=6.30",
        f"Viewing Rectangle= {WEST:.0f} , {EAST:.0f} , {NORTH:.0f} , {SOUTH:.0f} ",
        "",
        "Junct Name=Confluence      ",
        "Junct Desc=, 0 , 0 ,-1 ,0",
        f"Junct X Y & Text X Y={x:.3f},{y:.3f},{x:.3f},{y:.3f}",
        "Up River,Reach=Main            ,Upper           ",
        "Up River,Reach=Tributary       ,Reach           ",
        "Dn River,Reach=Main            ,Lower           ",
        "Junc L&A=0,0",
        "Junc L&A=0,0",
        "",
    ]
    for name, reach, line, cut, start in reaches:
        lines += _reach(name, reach, line, cut, start)
    return "\r\n".join(lines) + "\r\n"


def _reach(river: str, reach: str, line: LineString, cut: Sequence[Section], start: float) -> list[str]:
    x, y = line.interpolate(0.5, normalized=True).coords[0]
    out = [
        f"River Reach={river:<16},{reach:<16}",
        f"Reach XY= {len(line.coords)} ",
        *_columns([v for point in line.coords for v in point], 16, 4, 3),
        f"Rch Text X Y={x:.3f},{y:.3f}",
        "Reverse River Text= 0 ",
        "",
    ]
    stations = [line.length - (section.chainage_m - start) for section in cut]
    for n, (section, station) in enumerate(zip(cut, stations, strict=True)):
        length = station - stations[n + 1] if n + 1 < len(cut) else 0.0
        out += _section(section, station, length)
    return out


def _section(section: Section, station: float, length: float) -> list[str]:
    distance, (left, right) = section.station_m, section.banks
    pairs = [v for pair in zip(distance, section.z, strict=True) for v in pair]
    ends = [section.x[0], section.y[0], section.x[-1], section.y[-1]]
    n = [0.0, MANNING[0], 0.0, distance[left], MANNING[1], 0.0, distance[right], MANNING[2], 0.0]
    return [
        f"Type RM Length L Ch R = 1 ,{station:<8.2f},{length:.2f},{length:.2f},{length:.2f}",
        "BEGIN DESCRIPTION:",
        section.id,
        "END DESCRIPTION:",
        "XS GIS Cut Line=2",
        *_columns(ends, 16, 4, 3),
        f"#Sta/Elev= {len(distance)} ",
        *_columns(pairs, 8, 10, 3),
        "#Mann= 3 , 0 , 0 ",
        *_columns(n, 8, 9, 3),
        f"Bank Sta={distance[left]:.3f},{distance[right]:.3f}",
        "Exp/Cntr=0.3,0.1",
        "",
    ]


def _columns(values: Iterable[float], width: int, each: int, places: int) -> list[str]:
    texts = [f"{v:>{width}.{places}f}" for v in np.asarray(list(values), float)]
    return ["".join(texts[at : at + each]) for at in range(0, len(texts), each)]
