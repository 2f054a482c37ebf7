"""LandXML 1.2: the bed as a surface of triangles, centre lines and sections, for CAD and road design programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from naru.storage import disk_errors
from twin.mesh.lattice import Lattice
from twin.survey.records import CrossSection, Floats, Reach

_SPACE = "http://www.landxml.org/schema/LandXML-1.2"


def write_landxml(
    path: Path,
    lattice: Lattice,
    name: str,
    *,
    crs: str,
    vertical_datum: str | None,
    reaches: Sequence[Reach] = (),
) -> None:
    """Write the top of a lattice as `Surface` of type TIN, and reaches as `Alignment` with `CrossSects`.

    Points are "northing easting elevation" in metres, numbered from 1; faces name three points against the clock.
    `crs`: "EPSG:<code>", told as CoordinateSystem/@epsgCode. A centre line is one IrregularLine, which the schema
    has for rivers; a section is offsets (left of the centre line below 0) and elevations at its chainage.
    """
    with disk_errors(path), path.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(_head(name, crs, vertical_datum))
        if reaches:
            out.writelines(_alignments(reaches, name))
        out.writelines(_surface(lattice, name))
        out.write("</LandXML>\n")


def _head(name: str, crs: str, vertical_datum: str | None) -> Iterator[str]:
    now = datetime.now(UTC)
    authority, _, code = crs.rpartition(":")
    epsg = f" epsgCode={quoteattr(code)}" if authority == "EPSG" else ""
    datum = f" verticalDatum={quoteattr(vertical_datum)}" if vertical_datum else ""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield (
        f'<LandXML xmlns="{_SPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        f' xsi:schemaLocation="{_SPACE} {_SPACE}/LandXML-1.2.xsd"'
        f' version="1.2" date="{now:%Y-%m-%d}" time="{now:%H:%M:%S}" readOnly="false" language="English">\n'
    )
    yield (
        '<Units><Metric areaUnit="squareMeter" linearUnit="meter" volumeUnit="cubicMeter"'
        ' temperatureUnit="celsius" pressureUnit="HPA" diameterUnit="meter" angularUnit="decimal degrees"'
        ' directionUnit="decimal degrees"/></Units>\n'
    )
    yield f"<CoordinateSystem name={quoteattr(crs)}{epsg}{datum}/>\n"
    yield f'<Project name={quoteattr(name)}/>\n<Application name="Naru" desc="river terrain"/>\n'


def _surface(lattice: Lattice, name: str) -> Iterator[str]:
    yield f'<Surfaces><Surface name={quoteattr(name)} desc="river bed"><Definition surfType="TIN"'
    yield f' elevMin="{lattice.z.min():.4f}" elevMax="{lattice.z.max():.4f}">\n<Pnts>\n'
    points = zip(lattice.y.tolist(), lattice.x.tolist(), lattice.z.tolist(), strict=True)
    for number, (north, east, up) in enumerate(points, 1):
        yield f'<P id="{number}">{north:.4f} {east:.4f} {up:.4f}</P>\n'
    yield "</Pnts>\n<Faces>\n"
    for a, b, c in (lattice.triangles + 1).tolist():
        yield f"<F>{a} {b} {c}</F>\n"
    yield "</Faces>\n</Definition></Surface></Surfaces>\n"


def _alignments(reaches: Sequence[Reach], name: str) -> Iterator[str]:
    yield f"<Alignments name={quoteattr(name)}>\n"
    for reach in reaches:
        line = reach.centreline
        yield f'<Alignment name={quoteattr(reach.id)} length="{reach.length_m:.4f}" staStart="0">\n'
        yield f'<CoordGeom><IrregularLine length="{reach.length_m:.4f}" staStart="0">'
        yield f"<Start>{_north_east(line[:1])}</Start><End>{_north_east(line[-1:])}</End>"
        yield f"<PntList2D>{_north_east(line)}</PntList2D></IrregularLine></CoordGeom>\n"
        if reach.sections:
            yield "<CrossSects>\n"
            yield from (_section(section, reach) for section in _one_a_place(reach.sections))
            yield "</CrossSects>\n"
        yield "</Alignment>\n"
    yield "</Alignments>\n"


def _one_a_place(sections: Sequence[CrossSection]) -> Iterator[CrossSection]:
    """Yield sections no two of which have the same station as it is written: the schema allows one each."""
    seen: set[str] = set()
    for section in sections:
        place = f"{section.chainage_m:.4f}"
        if place not in seen:
            seen.add(place)
            yield section


def _section(section: CrossSection, reach: Reach) -> str:
    offsets = section.station_m - _crossing(section, reach.centreline)
    points = " ".join(f"{o:.3f} {z:.4f}" for o, z in zip(offsets.tolist(), section.z.tolist(), strict=True))
    return (
        f'<CrossSect sta="{section.chainage_m:.4f}" name={quoteattr(section.id)}>'
        f'<CrossSectSurf name="survey"><PntList2D>{points}</PntList2D></CrossSectSurf></CrossSect>\n'
    )


def _crossing(section: CrossSection, centreline: Floats) -> float:
    """Return the station at which a section meets the centre line, or comes nearest to it."""
    import shapely

    line = shapely.LineString(np.column_stack([section.x, section.y]))
    nearest = shapely.shortest_line(line, shapely.LineString(centreline))
    along = shapely.line_locate_point(line, shapely.get_point(nearest, 0))
    steps = np.hypot(np.diff(section.x), np.diff(section.y))
    return float(np.interp(along, np.concatenate([[0.0], np.cumsum(steps)]), section.station_m))


def _north_east(points: Floats) -> str:
    return " ".join(f"{north:.4f} {east:.4f}" for east, north in points.tolist())
