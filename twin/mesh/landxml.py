"""LandXML 1.2: the bed as a surface of triangles that CAD and road design programs read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import quoteattr

from naru.storage import disk_errors
from twin.mesh.lattice import Lattice

_SPACE = "http://www.landxml.org/schema/LandXML-1.2"


def write_landxml(path: Path, lattice: Lattice, name: str, *, crs: str, vertical_datum: str | None) -> None:
    """Write the top of a lattice as `Surface` of type TIN (LandXML 1.2 schema: Surfaces/Surface/Definition).

    Points are "northing easting elevation" in metres, numbered from 1; faces name three points against the clock.
    `crs`: "EPSG:<code>", told as CoordinateSystem/@epsgCode.
    """
    with disk_errors(path), path.open("w", encoding="utf-8", newline="\n") as out:
        out.writelines(_lines(lattice, name, crs, vertical_datum))


def _lines(lattice: Lattice, name: str, crs: str, vertical_datum: str | None) -> Iterator[str]:
    now = datetime.now(UTC)
    code = crs.rsplit(":", 1)[-1]
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
    datum = f" verticalDatum={quoteattr(vertical_datum)}" if vertical_datum else ""
    yield f"<CoordinateSystem name={quoteattr(crs)} epsgCode={quoteattr(code)}{datum}/>\n"
    yield f'<Project name={quoteattr(name)}/>\n<Application name="Naru" desc="river terrain"/>\n'
    yield f'<Surfaces><Surface name={quoteattr(name)} desc="river bed"><Definition surfType="TIN"'
    yield f' elevMin="{lattice.z.min():.4f}" elevMax="{lattice.z.max():.4f}">\n<Pnts>\n'
    points = zip(lattice.y.tolist(), lattice.x.tolist(), lattice.z.tolist(), strict=True)
    for number, (north, east, up) in enumerate(points, 1):
        yield f'<P id="{number}">{north:.4f} {east:.4f} {up:.4f}</P>\n'
    yield "</Pnts>\n<Faces>\n"
    for a, b, c in (lattice.triangles + 1).tolist():
        yield f"<F>{a} {b} {c}</F>\n"
    yield "</Faces>\n</Definition></Surface></Surfaces>\n</LandXML>\n"
