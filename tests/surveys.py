"""Rivers to be surveyed, made here: a sine-generated meander (Langbein & Leopold 1966) with a parabolic bed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.spec import read_spec
from twin.survey.load import load_survey
from twin.survey.records import Survey

Floats = NDArray[np.float64]
EAST, NORTH = 198_000.0, 551_000.0  # in EPSG:5186: Seoul
FALL, DEPTH, TOP = 0.0005, 4.0, 20.0


@dataclass(frozen=True)
class Made:
    """One section: points from the left bank to the right, looking downstream."""

    id: str
    chainage: float
    x: Floats
    y: Floats
    z: Floats
    reach: str = ""

    @property
    def station(self) -> Floats:
        """Along the section."""
        return np.concatenate(([0.0], np.cumsum(np.hypot(np.diff(self.x), np.diff(self.y)))))


def curve(turn: float = 1.0, length: float = 3000.0, wave: float = 1500.0) -> tuple[Floats, Floats, Floats, Floats]:
    """Return chainage, x, y and direction of a centre line; `turn` is its steepest angle to the valley, radians."""
    s = np.linspace(0, length, 2001)
    way = turn * np.sin(2 * np.pi * s / wave)
    step = s[1] - s[0]
    x = EAST + np.concatenate(([0], np.cumsum(np.cos(way)[:-1] * step)))
    y = NORTH + np.concatenate(([0], np.cumsum(np.sin(way)[:-1] * step)))
    return s, x, y, way


def made_sections(
    spacing: float = 150.0, width: float = 60.0, points: int = 13, turn: float = 1.0, skew: float = 0.0
) -> list[Made]:
    """Return sections in order, upstream first."""
    s, x, y, way = curve(turn)
    out = []
    for n, at in enumerate(np.arange(100, s[-1] - 50, spacing)):
        cx, cy, angle = (float(np.interp(at, s, each)) for each in (x, y, way))
        angle += skew * (-1) ** n
        u = np.linspace(1, -1, points)
        z = TOP - at * FALL - DEPTH * (1 - u**2)
        out.append(
            Made(f"S{n + 1}", float(at), cx - u * width / 2 * np.sin(angle), cy + u * width / 2 * np.cos(angle), z)
        )
    return out


def centre_line(turn: float = 1.0) -> Floats:
    """Return the centre line of `made_sections` (points, 2), downstream."""
    _, x, y, _ = curve(turn)
    return np.column_stack((x, y))[::10]


def tributary(spacing: float = 150.0, count: int = 5, width: float = 30.0) -> list[Made]:
    """Return sections of a straight reach that comes from the north-east to the river at chainage 1500."""
    s, x, y, _ = curve()
    end = np.array([np.interp(1500.0, s, x), np.interp(1500.0, s, y)])
    up = np.array([0.6, 0.8])
    left = np.array([0.8, -0.6])  # of the flow, which is -up
    out = []
    for n in range(count):
        far = 60 + (count - 1 - n) * spacing
        u = np.linspace(1, -1, 9)
        places = end + up * far + left * u[:, None] * width / 2
        z = TOP - 1500 * FALL + far * 0.001 - 2 * (1 - u**2)
        out.append(Made(f"T{n + 1}", n * spacing, places[:, 0], places[:, 1], z, "trib"))
    return out


def rows(sections: Iterable[Made]) -> list[tuple[Any, ...]]:
    """Return reach, id, station, x, y, z of every point."""
    return [
        (made.reach, made.id, f"{station:.3f}", f"{x:.3f}", f"{y:.3f}", f"{z:.3f}")
        for made in sections
        for station, x, y, z in zip(made.station, made.x, made.y, made.z, strict=True)
    ]


def write_csv(
    path: Path, sections: Iterable[Made], *, delimiter: str = ",", encoding: str = "utf-8", station: bool = True
) -> Path:
    """Write sections as a table; the column of reaches only where one has a name."""
    made = list(sections)
    names = ["reach", "section", "station_m", "x", "y", "bed_el_m"]
    kept = [n for n in range(6) if (n != 0 or any(m.reach for m in made)) and (n != 2 or station)]
    lines = [[names[n] for n in kept], *([str(row[n]) for n in kept] for row in rows(made))]
    path.write_text("\n".join(delimiter.join(line) for line in lines) + "\n", encoding=encoding)
    return path


def write_spec(folder: Path, sections: str = "sections.csv", **fields: Any) -> Path:
    """Write a terrain file; `fields` are YAML texts that replace or join the usual ones."""
    usual = {
        "terrain": "a-river",
        "ground": "dem-layer",
        "crs": "EPSG:5186",
        "vertical_datum": "KVD1964",
        "cell_m": "2",
        "sections": sections,
    }
    path = folder / "river.yaml"
    path.write_text("".join(f"{name}: {value}\n" for name, value in (usual | fields).items()), encoding="utf-8")
    return path


def surveyed(
    folder: Path, sections: Sequence[Made] | None = None, name: str = "sections.csv", **fields: Any
) -> Survey:
    """Write a survey and its terrain file, and load it."""
    if sections is not None:
        write_csv(folder / "sections.csv", sections)
    return load_survey(read_spec(write_spec(folder, name, **fields)))


def moved(made: Made, dx: float = 0.0, dy: float = 0.0, dz: float = 0.0) -> Made:
    """Return a section elsewhere."""
    return replace(made, x=made.x + dx, y=made.y + dy, z=made.z + dz)


def geojson_lines(path: Path, lines: Iterable[tuple[dict[str, Any], Any]], crs: str | None = "EPSG:5186") -> Path:
    """Write lines (properties, points of 2 or 3 numbers) as GeoJSON of 2008, whose crs may be named."""
    import json

    named = (
        {"crs": {"type": "name", "properties": {"name": f"urn:ogc:def:crs:{crs.replace(':', '::')}"}}}
        if crs
        else {}
    )
    features = [
        {
            "type": "Feature",
            "properties": properties,
            "geometry": {"type": "LineString", "coordinates": np.asarray(points).tolist()},
        }
        for properties, points in lines
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", **named, "features": features}), encoding="utf-8")
    return path


def with_z(made: Made) -> Floats:
    """Return a section's points (points, 3)."""
    return np.column_stack((made.x, made.y, made.z))


# --- geometries of HEC-RAS ------------------------------------------------------------------------------


def fixed(value: float, width: int) -> str:
    """Return a number as HEC-RAS writes it: as many digits as the column has, right-aligned; 0.5 is .5."""
    for digits in range(8 if width == 16 else 3, -1, -1):
        text = f"{value:.{digits}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        text = text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text
        if len(text) <= width:
            return text.rjust(width)
    raise ValueError(value)


def block(values: Iterable[float], width: int, columns: int) -> str:
    """Return numbers in columns, without anything between them."""
    cells = [fixed(float(v), width) for v in values]
    return "\n".join("".join(cells[n : n + columns]) for n in range(0, len(cells), columns))


def g01_section(made: Made, station: str, kind: int = 1) -> str:
    """Return one node of a geometry."""
    pairs = np.column_stack((made.station - made.station[-1] / 2, made.z))
    cut = np.column_stack((made.x, made.y))[[0, -1]]
    banks = pairs[2, 0], pairs[-3, 0]
    return (
        f"Type RM Length L Ch R = {kind} ,{station:<8},46.68,46.68,46.68\n"
        "BEGIN DESCRIPTION:\n#Sta/Elev= 99 \nEND DESCRIPTION:\n"
        f"XS GIS Cut Line={len(cut)}\n{block(cut.ravel(), 16, 4)}\n"
        "Node Last Edited Time=Nov/09/2012 10:39:56\n"
        f"#Sta/Elev= {len(pairs)} \n{block(pairs.ravel(), 8, 10)}\n"
        f"#Mann= 3 ,-1 , 0 \n{block([pairs[0, 0], 0.2, 0, banks[0], 0.03, 0, banks[1], 0.2, 0], 8, 9)}\n"
        f"Bank Sta={banks[0]:.2f},{banks[1]:.2f}\n"
        "XS Rating Curve= 0 ,0\nXS HTab Starting El and Incr=28.16,0.3, 60 \nExp/Cntr=0.3,0.1\n\n"
    )


def g01_reach(river: str, reach: str, line: Floats, nodes: str) -> str:
    """Return one reach of a geometry."""
    return (
        f"River Reach={river:<16},{reach:<16}\nReach XY= {len(line)} \n{block(line.ravel(), 16, 4)}\n"
        f"Rch Text X Y={line[0, 0]},{line[0, 1]}\nReverse River Text= 0 \n\n{nodes}"
    )


G01_HEAD = "Geom Title=a meander\nProgram Version=4.10\nViewing Rectangle= 197000 , 201000 , 552000 , 550000 \n\n"
LATERAL = (
    "Type RM Length L Ch R = 6 ,9.904   ,,,\nNode Last Edited Time=Oct/11/2012 15:01:28\nLateral Weir Pos= 0 \n"
    "Lateral Weir End=                ,                ,        ,S2788073        \nLateral Weir SE= 4 \n"
    "       0   31.52   14.23   31.14   28.46   30.85   42.69   31.05\nLW Div RC= 0 ,False,\n\n"
)


def g01_structure(kind: int, station: str) -> str:
    """Return a culvert (2) or a bridge (3) between two sections, as a node with numbers of its own."""
    return (
        f"Type RM Length L Ch R = {kind} ,{station:<8},,,\nBEGIN DESCRIPTION:\nOld crossing\nEND DESCRIPTION:\n"
        "Node Last Edited Time=Oct/11/2012 15:01:28\nBridge Culvert-0,0,-1,-1, 0 \n"
        "Deck Dist Width WeirC Skew NumUp NumDn MinLoCord MaxHiCord MaxSubmerge Is_Ogee\n"
        "10,30,1.44,0, 2, 2, , ,.95,0,,0,0,\n"
        + 2
        * "       0     120\n      15      15\n      13      13\n"
        + "Pier Skew, UpSta & Num, DnSta & Num= , 0 , 60 , 2 , 60 , 2\n     1.5     1.5\n       0      15\n"
        "     1.5     1.5\n       0      15\nBR Coef=-1 ,0 , 0 ,,0 , 0 ,,,,,,\n\n"
    )


def g01_nodes(sections: Sequence[Made], highest: float = 9000.0) -> str:
    """Return sections as nodes whose river stations fall downstream."""
    return "".join(g01_section(made, f"{highest - made.chainage:.2f}") for made in sections)
