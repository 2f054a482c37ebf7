"""The river bed as solids and surfaces, read back by trimesh and by an XML parser."""

from __future__ import annotations

import json
import struct
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from naru.errors import BadInput
from twin.grid import Frame, Grid
from twin.mesh.lattice import lattice_of
from twin.mesh.solid import Solids, solid_of, write_solids
from twin.survey.records import CrossSection, Reach

NAME = '가상 하천 "가" <1>'
LX = "{http://www.landxml.org/schema/LandXML-1.2}"
WEST, NORTH, CELL_M = 200_000.0, 550_000.0, 2.0


def bed_of(shape: tuple[int, int] = (60, 90)) -> tuple[Grid, NDArray[np.bool_]]:
    """Return a bending river with an island, and where it is."""
    rows, columns = shape
    down, across = np.mgrid[0:rows, 0:columns].astype(float)
    middle = rows / 2 + rows / 6 * np.sin(across / 12)
    inside = np.abs(down - middle) < 12
    inside &= np.hypot(down - middle, across - 50) > 4
    z = 3 - 4 * np.exp(-(((down - middle) / 7) ** 2)) - across * 0.01
    frame = Frame(WEST, NORTH, CELL_M, rows, columns, "EPSG:5186")
    return Grid(np.where(inside, z, np.nan), frame, vertical_datum="KVD1964"), inside


def reach() -> Reach:
    """Return a reach with two sections, of which one lies askew."""
    line = np.array([[200_010.0, 549_940.0], [200_090.0, 549_940.0], [200_170.0, 549_930.0]])
    north, south = np.array([0.0, 20.0]), np.array([0.0, -20.0])
    sections = tuple(
        CrossSection(
            f"s{k}", "본류", np.linspace(x, x + skew, 5), np.linspace(549_960.0, 549_920.0, 5),
            np.array([3.0, 0.0, -1.0, 0.5, 3.0]), np.linspace(0, np.hypot(40, skew), 5), chainage,
        )
        for k, x, skew, chainage in ((1, 200_040.0, 0.0, 30.0), (2, 200_080.0, 10.0, 75.0))
    )  # fmt: skip
    return Reach("본류", line, line + north, line + south, sections)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Solids:
    """The river's solids with its survey."""
    bed, inside = bed_of()
    return write_solids(bed, inside, tmp_path_factory.mktemp("solid"), name=NAME, reaches=[reach()])


@pytest.mark.parametrize("kind", ["bed.glb", "bed.stl", "bed.obj"])
def test_solid_is_closed_and_looks_outwards(written: Solids, kind: str) -> None:
    mesh: Any = trimesh.load(written.files[kind], force="mesh")
    assert mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0
    assert len(mesh.faces) == written.about["triangles"]


def test_volume_is_that_of_the_columns_above_the_floor(written: Solids) -> None:
    mesh: Any = trimesh.load(written.files["bed.stl"], force="mesh")
    bed, _ = bed_of()
    z = bed.values
    corners = [z[:-1, :-1], z[1:, :-1], z[1:, 1:], z[:-1, 1:]]
    whole = np.logical_and.reduce([np.isfinite(c) for c in corners])
    floor = np.nanmin(z) - 1.0
    triangles = [(corners[0] + corners[1] + corners[2]) / 3, (corners[0] + corners[2] + corners[3]) / 3]
    expected = sum(float((t[whole] - floor).sum()) * CELL_M**2 / 2 for t in triangles)
    assert mesh.volume == pytest.approx(expected, rel=1e-4)


def test_top_goes_through_the_cells_of_the_bed(written: Solids) -> None:
    mesh: Any = trimesh.load(written.files["bed.stl"], force="mesh")
    x, y, z = written.about["origin"]
    bed, _ = bed_of()
    places = mesh.vertices + np.array([x, y, z])
    top = places[:, 2] > np.nanmin(bed.values) - 0.5
    assert np.abs(bed.at(places[top, 0], places[top, 1]) - places[top, 2]).max() < 1e-3
    assert np.allclose(places[~top, 2], np.nanmin(bed.values) - 1.0, atol=1e-4)


def test_north_is_minus_z_in_gltf(written: Solids) -> None:
    glb: Any = trimesh.load(written.files["bed.glb"], force="mesh")
    stl: Any = trimesh.load(written.files["bed.stl"], force="mesh")
    turned = np.column_stack([glb.vertices[:, 0], -glb.vertices[:, 2], glb.vertices[:, 1]])
    assert np.allclose(sorted(turned.tolist()), sorted(stl.vertices.tolist()), atol=1e-4)


def test_names_are_whole_letters_in_every_format(written: Solids) -> None:
    glb = written.files["bed.glb"].read_bytes()
    (length,) = struct.unpack_from("<I", glb, 12)
    assert json.loads(glb[20 : 20 + length])["nodes"][0]["name"] == NAME
    assert struct.unpack_from("<I", glb, 8) == (len(glb),)
    stl = written.files["bed.stl"].read_bytes()
    assert NAME in stl[:80].decode() and not stl.startswith(b"solid")
    assert len(stl) == 84 + 50 * written.about["triangles"]
    assert 'o 가상_하천_"가"_<1>' in written.files["bed.obj"].read_text("utf-8")


def test_long_name_is_cut_between_letters(tmp_path: Path) -> None:
    bed, inside = bed_of()
    files = write_solids(bed, inside, tmp_path, name="강" * 200).files
    assert files["bed.stl"].read_bytes()[:80].decode().rstrip().endswith("강")


def test_what_is_written_is_ready_to_be_published(written: Solids) -> None:
    assets = written.assets()
    assert [a["name"] for a in assets] == ["bed.glb", "bed.stl", "bed.obj", "bed.xml"]
    assert assets[0]["about"]["crs"] == "EPSG:5186" and assets[0]["about"]["vertical_datum"] == "KVD1964"
    assert all(Path(a["file"]).is_file() for a in assets)


def test_large_bed_is_thinned_and_says_by_how_much(tmp_path: Path) -> None:
    bed, inside = bed_of((120, 200))
    about = write_solids(bed, inside, tmp_path, name="x", max_triangles=4000).about
    assert about["triangles"] <= 4000 * 1.2 and about["cell_m"] > CELL_M
    mesh: Any = trimesh.load(tmp_path / "bed.stl", force="mesh")
    assert mesh.is_watertight
    lattice = lattice_of(bed, inside, 1000)
    worst = _worst(lattice, bed)
    assert lattice.max_error_m == pytest.approx(worst, abs=1e-9) and 0 < worst < 2


def _worst(lattice: Any, bed: Grid) -> float:
    """Measure the thinned top against every cell by barycentric look-up, slowly."""
    worst = 0.0
    for a, b, c in lattice.triangles:
        corners = np.array([[lattice.x[i], lattice.y[i], lattice.z[i]] for i in (a, b, c)])
        columns = (np.arange(corners[:, 0].min(), corners[:, 0].max() + 1, CELL_M), corners[:, 1])
        for x in columns[0]:
            for y in np.arange(corners[:, 1].min(), corners[:, 1].max() + 1, CELL_M):
                weights = np.linalg.solve(np.vstack([corners[:, :2].T, np.ones(3)]), [x, y, 1.0])
                if weights.min() > -1e-9:
                    here = bed.at(np.array([x]), np.array([y]))[0]
                    worst = max(worst, abs(float(weights @ corners[:, 2]) - float(here)))
    return worst


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.3, 0.95), st.integers(1, 3))
def test_any_mask_gives_a_closed_solid(seed: int, share: float, thin: int) -> None:
    rng = np.random.default_rng(seed)
    z, inside = rng.normal(0, 1, (9, 11)), rng.random((9, 11)) < share
    bed = Grid(z, Frame(0.0, 0.0, 1.0, 9, 11, "EPSG:5186"))
    try:
        lattice = lattice_of(bed, inside, 80 // thin)
    except BadInput:
        return
    solid = solid_of(lattice)
    mesh: Any = trimesh.Trimesh(*_merged(solid.xyz, solid.faces), process=False)
    assert mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0


def _merged(xyz: Any, faces: Any) -> tuple[Any, Any]:
    """Return points told apart by their place alone, as readers of STL do."""
    places, numbers = np.unique(xyz, axis=0, return_inverse=True)
    return places, numbers.ravel()[faces]


def test_river_nowhere_two_cells_wide_is_refused(tmp_path: Path) -> None:
    inside = np.zeros((20, 20), np.bool_)
    inside[10] = True
    bed = Grid(np.zeros((20, 20)), Frame(0.0, 0.0, 1.0, 20, 20, "EPSG:5186"))
    with pytest.raises(BadInput, match="two cells"):
        write_solids(bed, inside, tmp_path / "out", name="x")
    assert not (tmp_path / "out").exists()


def test_mask_of_another_shape_is_refused(tmp_path: Path) -> None:
    bed, inside = bed_of()
    with pytest.raises(BadInput, match="59, 90"):
        write_solids(bed, inside[:-1], tmp_path, name="x")


# --- LandXML ------------------------------------------------------------------------------------------------------


def test_landxml_has_what_the_schema_asks_in_its_order(written: Solids) -> None:
    root = ET.parse(written.files["bed.xml"]).getroot()
    assert root.tag == f"{LX}LandXML" and {"version", "date", "time"} <= root.attrib.keys()
    order = ["Units", "CoordinateSystem", "Project", "Application", "Alignments", "Surfaces"]
    assert [child.tag.removeprefix(LX) for child in root] == order
    metric = root.find(f"{LX}Units/{LX}Metric")
    assert metric is not None and metric.attrib["linearUnit"] == "meter"
    assert {"areaUnit", "linearUnit", "volumeUnit"} <= metric.attrib.keys()
    system = root.find(f"{LX}CoordinateSystem")
    assert system is not None and system.attrib == {
        "name": "EPSG:5186",
        "epsgCode": "5186",
        "verticalDatum": "KVD1964",
    }
    surface = root.find(f"{LX}Surfaces/{LX}Surface")
    assert surface is not None and surface.attrib["name"] == NAME


def test_landxml_surface_is_the_bed_northing_first(written: Solids) -> None:
    root = ET.parse(written.files["bed.xml"]).getroot()
    definition = root.find(f"{LX}Surfaces/{LX}Surface/{LX}Definition")
    assert definition is not None and definition.attrib["surfType"] == "TIN"
    assert [child.tag.removeprefix(LX) for child in definition] == ["Pnts", "Faces"]
    points = {p.attrib["id"]: [float(v) for v in (p.text or "").split()] for p in definition[0]}
    faces = [[points[i] for i in (f.text or "").split()] for f in definition[1]]
    north, east, up = np.array(list(points.values())).T
    bed, _ = bed_of()
    assert np.abs(bed.at(east, north) - up).max() < 1e-3
    corners = np.array(faces)
    n, e = corners[:, :, 0], corners[:, :, 1]
    area = (e[:, 1] - e[:, 0]) * (n[:, 2] - n[:, 0]) - (n[:, 1] - n[:, 0]) * (e[:, 2] - e[:, 0])
    assert (area > 0).all() and len(faces) == len(lattice_of(*bed_of(), 10**6).triangles)


def test_landxml_has_the_centre_line_and_sections_left_below_nought(written: Solids) -> None:
    root = ET.parse(written.files["bed.xml"]).getroot()
    alignment = root.find(f"{LX}Alignments/{LX}Alignment")
    assert alignment is not None and {"name", "length", "staStart"} <= alignment.attrib.keys()
    assert [child.tag.removeprefix(LX) for child in alignment] == ["CoordGeom", "CrossSects"]
    line = alignment.find(f"{LX}CoordGeom/{LX}IrregularLine")
    assert line is not None and [c.tag.removeprefix(LX) for c in line] == ["Start", "End", "PntList2D"]
    assert (line[0].text, line[1].text) == ("549940.0000 200010.0000", "549930.0000 200170.0000")
    first = alignment.findall(f"{LX}CrossSects/{LX}CrossSect")[0]
    assert float(first.attrib["sta"]) == 30.0 and first.attrib["name"] == "s1"
    listed = first.find(f"{LX}CrossSectSurf/{LX}PntList2D")
    assert listed is not None and listed.text is not None
    values = [float(v) for v in listed.text.split()]
    assert values[::2] == [-20.0, -10.0, 0.0, 10.0, 20.0] and values[1::2] == [3.0, 0.0, -1.0, 0.5, 3.0]
