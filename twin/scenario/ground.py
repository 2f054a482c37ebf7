"""The ground of a scenario: bed, buildings in the water's way, roughness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from rasterio.features import rasterize

from naru.errors import BadModels, BadSpec, ColumnsUnknown
from naru.house import House
from twin.burning.cells import Mask, inside, transform
from twin.grid import Floats, Frame, Values
from twin.models.heights import find_fields
from twin.scenario.cells import read_cells
from twin.scenario.opening import Opened, open_source
from twin.scenario.shapes import Drawing, Found, find_shapes
from twin.scenario.spec import BuildingsSpec, RoughnessSpec

DEFAULT_N = 0.035
Warn = Callable[[str], None]


@dataclass(frozen=True)
class Site:
    """What ground is made on: the terrain's raster, its cells, and where names lead."""

    raster: Opened
    frame: Frame
    drawing: Drawing
    warn: Warn

    @property
    def house(self) -> House | None:
        """What holds layers."""
        return self.drawing.house


def cut_polygon(bed: Floats, found: Found, frame: Frame) -> Floats:
    """Return the bed with NaN where a cell's centre lies outside the polygons."""
    return np.where(inside(list(found.shapes), frame), bed, np.nan)


# --- buildings --------------------------------------------------------------------------------------


def put_buildings(bed: Floats, wish: BuildingsSpec, site: Site) -> tuple[Floats, Mask]:
    """Return the bed with buildings on it (raised, or cut out), and the cells that they stand on.

    A cell belongs to a building where its centre lies in the footprint; each is raised above its own ground, by
    the highest of the buildings on it.

    Raises:
        ColumnsUnknown: no such field of heights. What `find_shapes` raises.
    """
    nothing = np.zeros(bed.shape, bool)
    if wish.treatment == "ignore":
        return bed, nothing
    found = find_shapes(wish.shapes, "Polygon", site.drawing)
    cells = inside(list(found.shapes), site.frame) & ~np.isnan(bed) if len(found.shapes) else nothing
    if not cells.any():
        site.warn(f"{wish.shapes.where}: no building covers the centre of a cell of the domain")
        return bed, nothing
    if wish.treatment == "block":
        return np.where(cells, np.nan, bed), cells
    if wish.treatment == "raise":
        return bed + _raised(found, _heights(found, wish), site.frame), cells
    return bed, cells


def _raised(found: Found, heights: Floats, frame: Frame) -> Floats:
    order = np.argsort(heights, kind="stable")  # the higher is drawn later
    shapes = [(found.shapes[n], float(heights[n])) for n in order]
    raised = rasterize(shapes, (frame.rows, frame.columns), transform=transform(frame), dtype="float64")
    out: Floats = raised
    return out


def _heights(found: Found, wish: BuildingsSpec) -> Floats:
    """Return heights above ground, m: of the field that is named, else of one with a usual name, else stated."""
    stated = np.full(len(found.shapes), wish.height_m)
    if wish.height_field is not None and wish.height_field not in found.fields:
        raise ColumnsUnknown(
            f"there is no field '{wish.height_field}' for the buildings' height",
            field=f"{wish.shapes.where.rpartition('.')[0] or 'buildings'}.field",
            remedy=f"There are: {', '.join(list(found.fields)[:30]) or 'none'}.",
        )
    if not found.fields:
        return stated
    try:
        fields = find_fields(list(found.fields), wish.height_field, None, wish.shapes.where)
    except BadModels:  # none of a usual name
        return stated
    columns = {name: pa.array(found.fields[name], from_pandas=True) for name in fields.names}
    if not columns:
        return stated
    metres, source = fields.read(pa.RecordBatch.from_pydict(columns))
    return np.where(source == 2, stated, metres)  # 2: assumed


# --- roughness --------------------------------------------------------------------------------------


def roughness(wish: RoughnessSpec, site: Site) -> Values:
    """Return Manning's n (rows × columns, float32, s·m^-1/3): what is given later stands over what is before.

    Raises:
        BadSpec: n of a raster is out of range, or a class is not in the table.
    """
    n = _base(wish, site)
    if wish.raster is not None:
        field = "manning_n"
        raster = open_source(wish.raster, "manning_n", site.house, field)
        values = read_cells(raster, site.frame, site.warn, classes=bool(wish.table))
        n = _over(n, _classed(values, wish, raster.named) if wish.table else values)
    if wish.cover is not None:
        n = _over(n, _cover(wish, site))
    for area in wish.areas:
        n = np.where(inside(list(find_shapes(area.shapes, "Polygon", site.drawing).shapes), site.frame), area.n, n)
    return _checked(n, wish, site)


def _base(wish: RoughnessSpec, site: Site) -> Floats:
    shape = (site.frame.rows, site.frame.columns)
    if wish.default is not None:
        return np.full(shape, wish.default)
    band = site.raster.has("manning_n")
    if band is not None:
        from dataclasses import replace

        return read_cells(replace(site.raster, band=band, scale=1.0, offset=0.0), site.frame, site.warn)
    return np.full(shape, np.nan)


def _over(under: Floats, values: Floats) -> Floats:
    return np.where(np.isnan(values), under, values)


def _checked(n: Floats, wish: RoughnessSpec, site: Site) -> Values:
    unknown = np.isnan(n)
    if unknown.any():
        share = unknown.mean()
        told = "" if share == 1 else f" on {100 * share:.2g} % of the cells"
        site.warn(f"no Manning's n is given{told}: {DEFAULT_N} s·m^-1/3 is taken")
        n = np.where(unknown, DEFAULT_N, n)
    low, high = float(n.min()), float(n.max())
    if low < 0 or high > 10:
        raise BadSpec(
            f"field 'manning_n' has values from {low:g} to {high:g} where 0 to 10 s·m^-1/3 are expected",
            field="manning_n",
            remedy="Is it land cover? Then give a `table` from class to n." if high > 10 else "Check the unit.",
        )
    return n.astype(np.float32)


def _classed(values: Floats, wish: RoughnessSpec, named: str) -> Floats:
    """Return n by the class of each cell; NaN where there is none and a default stands in."""
    out = np.full(values.shape, np.nan)
    missing = []
    for value in np.unique(values[~np.isnan(values)]).tolist():
        n = wish.table.get(f"{value:g}")
        if n is None:
            missing.append(f"{value:g}")
        else:
            out[values == value] = n
    _check_classes(missing, wish, named)
    return out


def _cover(wish: RoughnessSpec, site: Site) -> Floats:
    assert wish.cover is not None and wish.cover_field is not None
    found = find_shapes(wish.cover, "Polygon", site.drawing)
    if wish.cover_field not in found.fields:
        raise ColumnsUnknown(
            f"there is no field '{wish.cover_field}' for the land cover's class",
            field="manning_n.field",
            remedy=f"There are: {', '.join(list(found.fields)[:30]) or 'none'}.",
        )
    classes = [_class_name(value) for value in found.fields[wish.cover_field]]
    _check_classes(sorted({c for c in classes if c not in wish.table}), wish, wish.cover.where)
    shapes = [(s, wish.table[c]) for s, c in zip(found.shapes, classes, strict=True) if c in wish.table]
    shape = (site.frame.rows, site.frame.columns)
    if not shapes:
        return np.full(shape, np.nan)
    out: Floats = rasterize(shapes, shape, transform=transform(site.frame), dtype="float64", fill=np.nan)
    return out


def _class_name(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _check_classes(missing: list[str], wish: RoughnessSpec, named: str) -> None:
    if missing and wish.default is None:
        raise BadSpec(
            f"field 'manning_n.table' has no n for class {', '.join(missing[:10])} of {named}",
            field="manning_n.table",
            remedy=f"Add them, or a `default`. The table has: {', '.join(list(wish.table)[:30])}.",
        )
