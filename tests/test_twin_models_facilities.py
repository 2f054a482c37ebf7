"""Facilities as solids: closed, at the heights of their records, with Korean names."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh

from naru.errors import BadModels
from tests.gltf_validator import gltf_faults
from tests.tiles3d_checks import Glb, check_archive
from twin.datum import Geoid
from twin.facilities.openings import Bridge, Culvert, SluiceGate, Weir
from twin.facilities.records import Facilities, Facility
from twin.facilities.shape import Shape
from twin.facilities.storage import Levee, PumpStation, RetentionBasin
from twin.models.facilities import FacilityPlan, build_facilities
from twin.models.facility_shapes import facility_meshes
from twin.models.shapes import Floats, Solid

_X, _Y = 200_000.0, 550_000.0


def _line(*points: tuple[float, float]) -> Shape:
    return Shape("line", tuple((_X + x, _Y + y) for x, y in points))


def _point(x: float, y: float) -> Shape:
    return Shape("point", ((_X + x, _Y + y),))


def _bed(x: Floats, y: Floats) -> Floats:
    """A river 70 m wide at 3 m, flowing north, in land at 7 m."""
    return np.where(np.abs(np.asarray(y) - _Y) < 35, 3.0, 7.0)


WEIR = Weir(
    id="W1", name="가상보", geometry=_line((-40, 0), (0, 4), (40, 0)), crest_elevation_m=6.2, crest_breadth_m=2.0
)
GATE = SluiceGate(
    id="G1",
    name="수문",
    geometry=_line((60, 0), (110, 0)),
    sill_elevation_m=3.0,
    width_m=8.0,
    height_m=4.0,
    units=4,
)
BOX = Culvert(
    **{
        "id": "C1",
        "name": "암거",
        "geometry": _line((0, 60), (0, 90)),
        "width_m": 3.0,
        "height_m": 2.5,
        "barrels": 2,
    },
    inlet_invert_elevation_m=5.0,
    outlet_invert_elevation_m=4.5,
)
PIPE = Culvert(
    **{"id": "C2", "name": "원형관", "geometry": _point(20, 75), "bearing_deg": 0.0, "length_m": 30.0},
    **{"shape": "circle", "diameter_m": 1.5, "barrels": 2},
    inlet_invert_elevation_m=5.0,
    outlet_invert_elevation_m=4.5,
)
PUMP = PumpStation(
    **{
        "id": "P1",
        "name": "가상 빗물펌프장",
        "geometry": _point(60, 70),
        "units": 4,
        "unit_capacity_m3_min": 200.0,
    },
    **{
        "start_level_m": 5.0,
        "stop_level_m": 4.0,
        "outlet_x": _X + 60,
        "outlet_y": _Y + 20,
        "outlet_elevation_m": 9.0,
    },
)
LEVEE = Levee(
    **{"id": "L1", "name": "좌안제", "geometry": _line((-60, 40), (0, 45), (60, 40), (140, 40))},
    crest_profile=((0.0, 11.0), (100.0, 10.5), (200.0, 10.0)),
)
BRIDGE = Bridge(
    **{"id": "B1", "name": "가상교", "geometry": _line((-30, -40), (120, -40)), "low_chord_elevation_m": 12.0},
    **{"deck_thickness_m": 1.5, "deck_width_m": 12.0, "openings": 4, "piers": 3, "parapet_height_m": 1.0},
)
BASIN = RetentionBasin(
    **{"id": "R1", "name": "저류지", "floor_elevation_m": 3.0, "crest_elevation_m": 7.0},
    geometry=Shape(
        "polygon", tuple((_X + x, _Y + y) for x, y in [(90, 60), (140, 60), (140, 99), (115, 80), (90, 60)])
    ),
)
ALL: tuple[Facility, ...] = (WEIR, GATE, BOX, PIPE, PUMP, LEVEE, BRIDGE, BASIN)


def _solids(*facilities: Facility) -> list[Solid]:
    return facility_meshes(facilities, _bed)


def _span(solids: list[Solid], kind: str) -> tuple[float, float]:
    heights = np.concatenate([solid.positions[:, 2] for solid in solids if solid.kind == kind])
    return float(heights.min()), float(heights.max())


@pytest.mark.parametrize("ground", [_bed, None], ids=["on ground", "without ground"])
@pytest.mark.parametrize("facility", ALL, ids=lambda one: one.id)
def test_every_body_is_closed_and_faces_outwards(facility: Facility, ground: object) -> None:
    solids = facility_meshes((facility,), ground)
    assert solids
    for solid in solids:
        mesh = trimesh.Trimesh(solid.positions, solid.triangles, process=False)
        assert mesh.is_watertight
        assert mesh.is_winding_consistent
        assert mesh.volume > 0


def test_a_weirs_crest_stands_at_its_height_and_its_apron_lies_downstream() -> None:
    solids = _solids(WEIR)
    assert _span(solids, "concrete") == pytest.approx((2.5, 6.2))
    apron = next(solid for solid in solids if solid.kind == "footing")
    assert apron.positions[:, 1].mean() > _Y + 2  # left of a line from west to east: north, where the water goes


@pytest.mark.parametrize(
    ("kind", "opening", "expected"),
    [
        ("vertical_lift", 0.0, (3.0, 7.0)),
        ("vertical_lift", 1.5, (4.5, 8.5)),
        ("flap", 1.5, (3.0, 5.5)),
        ("flap", 4.0, (3.0, 3.25)),
        ("land", 2.0, (3.0, 7.0)),
    ],
)
def test_leaves_stand_at_their_opening(kind: str, opening: float, expected: tuple[float, float]) -> None:
    solids = _solids(replace(GATE, gate_kind=kind, opening_m=opening))
    assert _span(solids, "steel") == pytest.approx(expected)
    assert sum(solid.kind == "steel" for solid in solids) == 4
    assert sum(solid.kind == "pier" for solid in solids) == 5


def test_a_gate_that_failed_is_seen() -> None:
    assert {s.kind for s in _solids(replace(GATE, status="failed"))} >= {"failed"}


def test_a_levees_crest_follows_its_profile_and_its_feet_the_ground() -> None:
    (levee,) = _solids(LEVEE)
    tops = levee.positions[levee.positions[:, 2] > 9]
    west, east = tops[tops[:, 0] < _X - 50, 2], tops[tops[:, 0] > _X + 135, 2]
    assert west.max() == pytest.approx(11.0)
    assert east.min() == pytest.approx(10.0, abs=0.05)
    assert levee.positions[:, 2].min() == pytest.approx(3.0, abs=0.01)


def test_a_broken_levee_has_its_breach() -> None:
    broken = replace(LEVEE, status="failed", breach_width_m=20.0, breach_bottom_elevation_m=8.0)
    whole, part = _solids(LEVEE)[0].volume_m3, _solids(broken)[0].volume_m3
    assert part < whole - 20 * 2.5 * 4  # at least the crest's width times what is missing of its height


def test_a_bridges_piers_stand_on_the_bed_below_its_deck() -> None:
    solids = _solids(replace(BRIDGE, geometry=_line((0, -60), (0, 60))))
    assert _span(solids, "deck") == (12.0, 13.5)
    piers = [solid for solid in solids if solid.kind == "pier"]
    assert [round(float(pier.positions[:, 2].min()), 2) for pier in piers] == [2.5, 2.5, 2.5]
    assert [round(float(pier.positions[:, 1].mean() - _Y)) for pier in piers] == [-30, 0, 30]


def test_boxes_of_a_culvert_are_hollow_and_fall_from_inlet_to_outlet() -> None:
    solids = _solids(BOX)
    assert len(solids) == 2 + 3  # floor, roof, walls about two barrels
    bottoms = [float(s.positions[:, 2].min()) for s in solids]
    assert min(bottoms) == pytest.approx(4.5 - 0.3)
    assert max(float(s.positions[:, 2].max()) for s in solids) == pytest.approx(5.0 + 2.5 + 0.3)


def test_the_tileset_holds_all_with_korean_names_and_numbers(tmp_path: Path) -> None:
    out = tmp_path / "f.3tz"
    given = Facilities(ALL, "EPSG:5186", "stated", "KVD1964")
    made = build_facilities(given, FacilityPlan(_bed, Geoid(undulation_m=23.1), "가상 시설물"), out)
    assert check_archive(out) == []
    with zipfile.ZipFile(out) as archive:
        raw = archive.read("tiles/0.glb")
    rows = {row["id"]: row for row in Glb(raw).table()}
    assert rows["G1"]["name"] == "수문"
    assert (rows["P1"]["name"], rows["P1"]["capacity_m3_min"]) == ("가상 빗물펌프장", 800.0)
    assert rows["W1"]["sill_elevation_m"] is None
    assert rows["G1"]["gate_kind"] == "인양식"
    about = made.about()
    assert about["features"] == len(ALL)
    assert set(about["classes"]) == {one.type for one in ALL}
    assert about["geoid_undulation_m"] == 23.1
    (tmp_path / "0.glb").write_bytes(raw)
    assert gltf_faults([tmp_path / "0.glb"]) == []


def test_many_facilities_are_spread_over_tiles(tmp_path: Path) -> None:
    out = tmp_path / "f.3tz"
    many = tuple(replace(PUMP, id=f"P{n}", geometry=_point(100.0 * n, 0)) for n in range(30))
    given = Facilities(many, "EPSG:5186", "stated", "KVD1964")
    made = build_facilities(given, FacilityPlan(geoid=Geoid(undulation_m=23.1), most=8), out)
    assert made.tiles > 1
    assert check_archive(out) == []


def test_no_facilities_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModels, match="no facility"):
        build_facilities(Facilities((), "EPSG:5186", "stated", "KVD1964"), FacilityPlan(), tmp_path / "f.3tz")
