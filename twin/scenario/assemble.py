"""A scenario becomes a domain, water, actors and a plan: numbers on the cells that it runs on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from pyproj import CRS

from naru.errors import BadSurvey, NaruError
from naru.house import House
from twin.datum import LOCAL
from twin.fields import Fields
from twin.flood.advance import Plan
from twin.flood.records import Boundary, Domain
from twin.flood.world import World
from twin.grid import Floats, Frame
from twin.models.publish import DATUM
from twin.scenario import measuring
from twin.scenario.cells import check_heights, read_cells
from twin.scenario.framing import check_memory, check_share, crs_of, frame_of, own_bounds
from twin.scenario.ground import Site, cut_polygon, put_buildings, roughness
from twin.scenario.inputs import all_inputs
from twin.scenario.opening import Opened, open_source
from twin.scenario.places import Coordinates, Placer
from twin.scenario.read_sources import raster as raster_source
from twin.scenario.records import Assembled
from twin.scenario.shapes import Drawing, find_shapes
from twin.scenario.spec import Box, DomainSpec, RasterSource, ReportSpec, Scenario
from twin.scenario.wetting import initial_depth

_KOREA = (124.0, 32.8, 132.1, 39.0)


Kept = Callable[[str, Callable[[], Domain]], Domain]


def assemble(scenario: Scenario, house: House | None, kept: Kept | None = None) -> Assembled:
    """Return all that a run needs. `house` holds the layers that the scenario names; None where it names none.

    `kept` may know the domain already that is made from what its first argument says (an ensemble's members share
    theirs), or makes it by the second.

    Raises:
        BadSpec: a value, named by its field, does not fit the terrain.
        BadSurvey: the terrain is none that water can run over.
        FileMissing, FileDamaged, CrsRefused, CrsUnknown, DatumRefused: of files that the scenario names.
        UnknownLayer: a layer is not there.
        TooLarge: more cells than the machine can hold.
    """
    warned: list[str] = list(scenario.warnings)
    try:
        return _assembled(scenario, house, warned, kept)
    except NaruError as error:
        error.file = error.file or str(scenario.file)
        raise


def _assembled(scenario: Scenario, house: House | None, warned: list[str], kept: Kept | None) -> Assembled:
    def warn(text: str) -> None:
        if text not in warned:
            warned.append(text)

    site, coordinates = _site(scenario, house, warn)
    made_from = (scenario.terrain, scenario.domain, scenario.coordinates, scenario.roughness, scenario.buildings)
    domain = kept(repr(made_from), lambda: _domain(scenario, site)) if kept else _domain(scenario, site)
    placer = Placer(coordinates, site.frame)
    gauges = measuring.gauges(scenario.gauges, domain.bed, placer, site.drawing, warn)
    world = World(
        domain=domain,
        duration_s=scenario.duration_s,
        start=scenario.start,
        file=scenario.file,
        house=house,
        place=placer,
        raster=_rasters(scenario, site),
        gauges={gauge.name: gauge.cell for gauge in gauges},
        warnings=warned,
    )
    boundary, actors = _actors(scenario, world)
    depth = initial_depth(scenario.initial, domain.bed, domain.vertical_datum, site)
    sections = measuring.flow_sections(scenario.sections, placer, site.drawing)
    return Assembled(
        name=scenario.name,
        file=scenario.file,
        domain=domain,
        depth=depth,
        boundary=boundary,
        actors=actors,
        options=scenario.options,
        plan=Plan(scenario.duration_s, scenario.output_every_s, scenario.most_error),
        gauges=gauges,
        sections=sections,
        gauge_every_s=scenario.gauge_every_s,
        start=scenario.start,
        threshold_m=scenario.threshold_m,
        hazard=scenario.hazard,
        outputs=scenario.outputs,
        publication=scenario.publication,
        structures=world.structures,
        report=_counted(scenario),
        inputs=all_inputs(scenario, house, site.raster.has("manning_n") is not None),
        warnings=tuple(dict.fromkeys(warned)),
    )


def _counted(scenario: Scenario) -> ReportSpec:
    """Return what the report counts: the scenario's own buildings where it names none for that."""
    wish = scenario.report
    own = scenario.buildings[0].shapes if scenario.buildings else None
    return replace(wish, buildings=wish.buildings or own, coordinates=scenario.coordinates)


def _site(scenario: Scenario, house: House | None, warn: Callable[[str], None]) -> tuple[Site, Coordinates]:
    """Return the terrain's raster and the cells to run on; nothing large is read before memory is looked at."""
    file = str(scenario.file)
    raster = open_source(scenario.terrain, "bed_elevation", house, "terrain")
    crs = crs_of(raster, scenario.domain.crs, file, warn, is_layer=scenario.terrain.layer is not None)
    coordinates = Coordinates(crs, scenario.coordinates, file, warn, own_bounds(raster, crs))
    wish = scenario.domain
    box = _box(wish, raster, coordinates)
    frame = frame_of(raster, crs, wish.cell_m, box, warn)
    if wish.polygon is not None:
        found = find_shapes(wish.polygon, "Polygon", Drawing(coordinates, frame, house))
        bounds = np.array([shape.bounds for shape in found.shapes])
        around = (*bounds[:, :2].min(axis=0).tolist(), *bounds[:, 2:].max(axis=0).tolist())
        box = around if box is None else _both(box, around)
        frame = frame_of(raster, crs, wish.cell_m, box, warn)
    check_memory(frame, scenario.options, file)
    check_share(frame, scenario.duration_s / scenario.output_every_s, file)
    return Site(raster, frame, Drawing(coordinates, frame, house), warn), coordinates


def _box(wish: DomainSpec, raster: Opened, coordinates: Coordinates) -> Box | None:
    """Return the box to run in, in the domain's system; None: all of the terrain."""
    if wish.bbox is not None:
        return coordinates.box(wish.bbox, "domain.bbox")
    if raster.extent is not None and coordinates.crs:
        return replace(coordinates, mode="lonlat").box(raster.extent, "terrain")
    return None


def _both(one: Any, other: Any) -> Any:
    """Return what lies in two boxes."""
    return (*np.maximum(one[:2], other[:2]).tolist(), *np.minimum(one[2:], other[2:]).tolist())


def _domain(scenario: Scenario, site: Site) -> Domain:
    """Return bed and roughness, with buildings on the ground. Raises BadSurvey: no ground."""
    bed = read_cells(site.raster, site.frame, site.warn)
    check_heights(bed, site.raster, "terrain")
    _check_ground(bed, site.raster, "terrain", "Check its band and its nodata value.")
    if scenario.domain.polygon is not None:
        bed = cut_polygon(bed, find_shapes(scenario.domain.polygon, "Polygon", site.drawing), site.frame)
    n = roughness(scenario.roughness, site)
    for building in scenario.buildings:
        bed, cells = put_buildings(bed, building, site)
        if building.treatment == "roughness":
            n = np.where(cells, np.float32(building.n), n)
    _check_ground(bed, site.raster, "domain", "Draw the domain over the terrain.")
    return Domain(site.frame, bed, n, _datum(site.raster, site.frame))


def _check_ground(bed: Floats, raster: Opened, field: str, remedy: str) -> None:
    known = int((~np.isnan(bed)).sum())
    if known < 2:
        what = "no cell has a height" if known == 0 else "a single cell has a height"
        raise BadSurvey(f"{what}: water has nowhere to run", file=raster.named, field=field, remedy=remedy)


def _datum(raster: Opened, frame: Frame) -> str:
    """Return what heights are above: as the terrain says, else EL in Korea, else a zero of its own."""
    if raster.datum is not None:
        return raster.datum
    if not frame.crs:
        return LOCAL
    from twin.crs import to_lonlat

    west, south, east, north = frame.bounds
    lon, lat = to_lonlat(CRS.from_user_input(frame.crs)).transform((west + east) / 2, (south + north) / 2)
    return DATUM if _KOREA[0] <= lon <= _KOREA[2] and _KOREA[1] <= lat <= _KOREA[3] else LOCAL


def _rasters(scenario: Scenario, site: Site) -> Callable[..., Floats]:
    """Return `World.raster`."""

    def on_cells(what: Any, field: str, *, classes: bool = False, want: str = "") -> Floats:
        source = (
            what
            if isinstance(what, RasterSource)
            else raster_source(
                Fields({field: str(what) if hasattr(what, "joinpath") else what}, scenario.file), field
            )
        )
        opened = open_source(source, want, site.house, field)
        return read_cells(opened, site.frame, site.warn, classes=classes)

    return on_cells


def _actors(scenario: Scenario, world: World) -> tuple[Boundary, list[Any]]:
    boundary, actors = scenario.forcing.build(world) if scenario.forcing is not None else (Boundary.none(), [])
    works = scenario.works.build(world) if scenario.works is not None else []
    return boundary, [*actors, *works]
