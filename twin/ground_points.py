"""Survey points as ground: a triangulated surface, or means in cells with the holes between them filled."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from naru.errors import BadSurvey, TooLarge
from twin.grid import Floats, Frame, Values
from twin.spec_records import Source, TerrainSpec
from twin.survey.notes import Notes
from twin.survey.placing import Placing
from twin.survey.tables import read_points_table
from twin.survey.vectors import SUFFIXES, file_crs, points_of, read_features

Warn = Callable[[str], None]
POINT_SUFFIXES = frozenset({".csv", ".txt", ".tsv", ".xyz", ".dat", *SUFFIXES})
_MOST_POINTS = 5_000_000
_LONG = 6.0  # edges longer than so many times the usual one bridge a gap in the survey
_ROWS = 256  # of cells at a time


def read_ground_points(sources: Sequence[Source], spec: TerrainSpec, warn: Warn) -> tuple[Floats, Floats, Floats]:
    """Return x, y and height of points in the terrain's system, each place once (the mean of its heights).

    Raises BadSurvey, TooLarge, and what reading and placing a file raise.
    """
    notes = Notes()
    read = [_read(source, spec, notes) for source in sources]
    for words in notes:
        warn(words)
    x, y, z = (np.concatenate([each[axis] for each in read]) for axis in range(3))
    if len(x) > _MOST_POINTS:
        raise TooLarge(
            f"the ground has {len(x)} points; {_MOST_POINTS} are triangulated at most",
            file=str(sources[0].file),
            remedy="Make a raster of them (GDAL: gdal_grid; PDAL: writers.gdal), and name that.",
        )
    return _each_place_once(x, y, z, warn)


def _read(source: Source, spec: TerrainSpec, notes: Notes) -> tuple[Floats, Floats, Floats]:
    if source.file.suffix.lower() in SUFFIXES:
        features = read_features(source, ("Point",))
        return Placing(source, spec, file_crs(features, source), notes).points(*points_of(features, source))
    x, y, z = read_points_table(source)
    if len(x) < 3:
        raise BadSurvey(
            f"the table has {len(x)} points; a surface needs three", file=str(source.file), remedy="Give more."
        )
    return Placing(source, spec, None, notes).points(x, y, z)


def _each_place_once(x: Floats, y: Floats, z: Floats, warn: Warn) -> tuple[Floats, Floats, Floats]:
    places, back = np.unique(np.column_stack((x, y)).round(3), axis=0, return_inverse=True)
    if len(places) == len(x):
        return x, y, z
    back = back.ravel()
    counts = np.bincount(back)
    mean = np.bincount(back, z) / counts
    spread = float(np.abs(z - mean[back]).max())
    if spread > 0.05:
        warn(
            f"{len(x) - len(places)} ground points stand where others do, up to {2 * spread:.2f} m higher or lower"
        )
    return places[:, 0], places[:, 1], mean


def surface(
    points: tuple[Floats, Floats, Floats], frame: Frame, method: str, max_edge_m: float | None, warn: Warn
) -> Values:
    """Return a surface through points on a frame (float32); NaN outside it and in its holes.

    "tin": linear within the triangles of Delaunay; "grid": the mean of the points in each cell, and between such
    cells linear within triangles. Triangles with an edge over `max_edge_m` are holes; without it, six times the
    edge that nine of ten triangles do not exceed.

    Raises:
        BadSurvey: the points lie on one line.
        TooLarge: more cells with points than are triangulated.
    """
    x, y, z = points
    if method == "grid":
        x, y, z = _binned(x, y, z, frame)
        if len(x) > _MOST_POINTS:
            raise TooLarge(
                f"the ground has points in {len(x)} cells; {_MOST_POINTS} are joined at most",
                field="cell_m",
                remedy="Take larger cells, or give a raster.",
            )
    return _triangulated(x, y, z, frame, max_edge_m, warn)


def _binned(x: Floats, y: Floats, z: Floats, frame: Frame) -> tuple[Floats, Floats, Floats]:
    """Return the middles of cells that hold points, and their mean heights."""
    row, column = (np.floor(place + 0.5).astype(np.int64) for place in frame.place(x, y))
    cells, back, counts = np.unique(np.column_stack((row, column)), axis=0, return_inverse=True, return_counts=True)
    mean: Floats = np.bincount(back.ravel(), z) / counts
    middles_x: Floats = frame.west + (cells[:, 1].astype(float) + 0.5) * frame.cell_m
    middles_y: Floats = frame.north - (cells[:, 0].astype(float) + 0.5) * frame.cell_m
    return middles_x, middles_y, mean


def _triangulated(x: Floats, y: Floats, z: Floats, frame: Frame, max_edge_m: float | None, warn: Warn) -> Values:
    from scipy.spatial import Delaunay, QhullError

    middle = np.array([x.mean(), y.mean()])
    places = np.column_stack((x, y)) - middle  # near zero: Qhull reckons in doubles
    try:
        mesh = Delaunay(places)
    except (QhullError, ValueError) as error:
        raise BadSurvey(
            "the ground's points lie on one line, or are fewer than three",
            field="ground",
            remedy="Give points that surround the river.",
        ) from error
    corners = places[mesh.simplices]
    edges = np.hypot(*np.moveaxis(corners - np.roll(corners, 1, axis=1), 2, 0)).max(axis=1)
    limit = _LONG * float(np.quantile(edges, 0.9)) if max_edge_m is None else max_edge_m
    holes = edges > limit
    if max_edge_m is None and holes.any():
        warn(f"the ground is left open where its points are more than {limit:.0f} m apart (`ground.max_edge_m`)")
    planes = _planes(corners, z[mesh.simplices])
    planes[holes] = np.nan
    values = np.full((frame.rows, frame.columns), np.nan, "float32")
    for first in range(0, frame.rows, _ROWS):
        east, north = np.meshgrid(frame.x - middle[0], frame.y[first : first + _ROWS] - middle[1])
        triangle = mesh.find_simplex(np.column_stack((east.ravel(), north.ravel()))).reshape(east.shape)
        plane = planes[triangle]
        heights = plane[..., 0] * east + plane[..., 1] * north + plane[..., 2]
        values[first : first + _ROWS] = np.where(triangle >= 0, heights, np.nan)
    return values


def _planes(corners: Floats, z: Floats) -> Floats:
    """Return a, b, c of z = a·x + b·y + c through triangles (n, 3, 2) with heights (n, 3); NaN of slivers."""
    (u, v), (p, q) = corners[:, 1].T - corners[:, 0].T, corners[:, 2].T - corners[:, 0].T
    rise, other = z[:, 1] - z[:, 0], z[:, 2] - z[:, 0]
    area = u * q - v * p
    flat = np.abs(area) < 1e-9
    area = np.where(flat, np.nan, area)
    a, b = (rise * q - other * v) / area, (other * u - rise * p) / area
    return np.column_stack((a, b, z[:, 0] - a * corners[:, 0, 0] - b * corners[:, 0, 1]))
