"""Gauges and flow sections on the cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import shapely

from naru.errors import BadSpec
from naru.export.harmless import harmless
from twin.burning.cells import walk
from twin.grid import Floats, Frame, Values
from twin.scenario.places import Placer
from twin.scenario.records import FlowSection, Gauge
from twin.scenario.shapes import Drawing, find_shapes
from twin.scenario.spec import NamedShapes

Warn = Callable[[str], None]


def gauges(wish: NamedShapes, bed: Values, placer: Placer, drawing: Drawing, warn: Warn) -> tuple[Gauge, ...]:
    """Return the gauges, each in the cell that it lies in.

    Raises:
        BadSpec: one lies outside the domain's frame, or two have the same name.
    """
    out = []
    for name, points, given, field in _named(wish, "gauges", "Point", placer, drawing):
        try:
            placer.check_inside(points, given, field)
        except BadSpec as error:
            error.message = f"gauge '{name}': {error.message}"
            error.feature = name
            raise
        cell = placer.cell(points[0])
        if np.isnan(bed.ravel()[cell]):
            warn(f"gauge '{name}' stands in a cell outside the domain or in a building: it will show nothing")
        out.append(Gauge(name, float(points[0, 0]), float(points[0, 1]), cell))
    return tuple(out)


def flow_sections(wish: NamedShapes, placer: Placer, drawing: Drawing) -> tuple[FlowSection, ...]:
    """Return the flow sections as faces. Raises BadSpec: one crosses no face, or two have the same name."""
    out = []
    for name, points, _, field in _named(wish, "sections", "LineString", placer, drawing):
        section = crossed_faces(name, points, placer.frame)
        if not (section.x_faces.size or section.y_faces.size):
            raise BadSpec(
                f"section '{name}' crosses no face of a cell: it is shorter than a cell, or outside the domain",
                feature=name,
                field=field,
                remedy="Draw it from bank to bank, left to right as seen looking downstream.",
            )
        out.append(section)
    return tuple(out)


def crossed_faces(name: str, line: Floats, frame: Frame) -> FlowSection:
    """Return the faces nearest to a line (points, 2, in the frame's system): nothing slips through between.

    The line is walked from corner to corner of cells; each stretch between two corners is a face. Flow counts
    positive towards the left-hand side of the line.

    >>> frame = Frame(0.0, 3.0, 1.0, 3, 3, "")
    >>> section = crossed_faces("s", np.array([[1.0, 3.0], [1.0, 0.0]]), frame)  # southwards: left is east
    >>> section.x_faces.tolist(), section.x_signs.tolist(), section.y_faces.size
    ([1, 5, 9], [1.0, 1.0, 1.0], 0)
    """
    half = frame.cell_m / 2
    corners = Frame(
        frame.west - half, frame.north + half, frame.cell_m, frame.rows + 1, frame.columns + 1, frame.crs
    )
    way = walk(line, corners)
    down, across = np.diff(way.row), np.diff(way.column)
    row, column = way.row[:-1], way.column[:-1]
    south_north = (np.abs(down) == 1) & (across == 0)
    west_east = (np.abs(across) == 1) & (down == 0)
    x = np.minimum(row, row + down)[south_north] * (frame.columns + 1) + column[south_north]
    y = row[west_east] * frame.columns + np.minimum(column, column + across)[west_east]
    x_faces, x_signs = _summed(x, down[south_north].astype(np.float64))  # southwards: the left is east
    y_faces, y_signs = _summed(y, -across[west_east].astype(np.float64))  # eastwards: the left is north
    return FlowSection(name, x_faces, x_signs, y_faces, y_signs)


def _summed(faces: Values, signs: Floats) -> tuple[Values, Floats]:
    """Return each face once, with how often the line passes it; to and fro counts nothing."""
    once, place = np.unique(faces, return_inverse=True)
    total = np.bincount(place, signs, minlength=len(once))
    kept = total != 0
    return once[kept].astype(np.int64), total[kept]


def _named(
    wish: NamedShapes, field: str, kind: str, placer: Placer, drawing: Drawing
) -> list[tuple[str, Floats, Floats, str]]:
    """Return of each the name, its points in the frame's system and as they were given, and its field."""
    out: list[tuple[str, Floats, Floats, str]] = []
    for number, (name, points) in enumerate(wish.named):
        where = f"{field}[{number}].{'at' if kind == 'Point' else 'line'}"
        out.append((name, placer.coordinates.bring(points, where), np.asarray(points, np.float64), where))
    if wish.source is not None:
        found = find_shapes(wish.source, kind, drawing)
        for name, shape in zip(found.names, found.shapes, strict=True):
            points_there = shapely.get_coordinates(shape)
            out.append((name, points_there, points_there, field))
    out = [(harmless(name), at, given, where) for name, at, given, where in out]  # they go into tables
    for name, count in Counter(name for name, *_ in out).items():
        if count > 1:
            raise BadSpec(
                f"field '{field}' has two called '{name}'",
                file=placer.coordinates.file,
                feature=name,
                field=field,
                remedy="Give each its own name.",
            )
    return out
