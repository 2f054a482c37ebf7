"""From a terrain file to layers on the map: all of them or none, with the numbers that say how good they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
import shapely

from naru.errors import ColumnsUnknown, JobLost, NaruError, TooLarge
from naru.house import House
from naru.raster_facts import RasterFacts
from naru.records import Version
from naru.settings import Settings
from naru.work import work
from tests.commands import naru_here, naru_here_json
from tests.twin_rivers import CREST_M, LEVEE_AT_M, Place, River, make_river
from twin.burning.provenance import BRIDGE, BUILDING, LEVEE, ORIGINS, TERRAIN
from twin.grid import Frame
from twin.memory import check_memory
from twin.obstacles import read_footprints
from twin.rasters import BANDS
from twin.spec import read_spec
from twin.terrain import make_terrain

RIVER = River(length_m=500.0)
LAYERS = ["toy-river", "toy-river-depth", "toy-river-roughness", "toy-river-provenance"]


@dataclass(frozen=True)
class Done:
    """A terrain that was made by the command."""

    told: dict[str, Any]
    place: Place
    house: House

    @property
    def live(self) -> Version:
        return self.house.catalogue.layer("toy-river").live

    def asset(self, name: str) -> Path:
        return self.house.storage.path(self.live.assets[name].archive)

    def band(self, name: str) -> tuple[Any, Any]:
        """Return a band of the grid and its transform."""
        with rasterio.open(self.asset("grid")) as raster:
            return raster.read(BANDS.index(name) + 1), raster.transform


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    folder = tmp_path_factory.mktemp("terrain")
    place = make_river(folder / "survey", bridge=True, buildings="raise", river=RIVER)
    told = naru_here_json("twin", "terrain", str(place.spec), home=folder / "home")
    house = House.open(Settings.from_environ({}, home=folder / "home"))
    yield Done(told, place, house)
    house.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    opened = House.open(Settings.from_environ({}, home=tmp_path / "home"))
    yield opened
    opened.close()


def test_answer_has_the_shape_of_the_contract(done: Done) -> None:
    told = done.told
    assert [layer["id"] for layer in told["layers"]] == LAYERS
    assert all(layer["kind"] == "raster" and layer["version"] == 1 for layer in told["layers"])
    methods = {row["method"]: row for row in told["leave_one_out"]}
    assert told["chosen_method"] in methods
    for row in methods.values():
        assert {"method", "rmse_m", "bias_m", "thalweg_rmse_m"} <= set(row)
        assert 0 < row["rmse_m"] < 1.0
    assert told["volume_change_m3"] == pytest.approx(told["fill_m3"] - told["cut_m3"], abs=0.01)
    assert 0 < told["max_bank_gap_m"] < told["max_bank_gap_before_m"]
    assert 0 < told["max_bank_step_m"] <= told["max_bank_step_before_m"]


def test_layers_are_of_the_twin_with_titles_and_legends(done: Done) -> None:
    layers = {layer.id: layer for layer in done.house.catalogue.layers()}
    assert sorted(layers) == sorted(LAYERS)
    assert {layer.function for layer in layers.values()} == {"twin"}
    assert layers["toy-river"].title_ko == "시험 하천 하상고"
    assert layers["toy-river-depth"].title_en == "Toy river: water depth"
    facts = {name: RasterFacts.of(layer.live.tilesets[0].rules) for name, layer in layers.items()}
    assert facts["toy-river"].role == "elevation"
    assert (facts["toy-river-depth"].role, facts["toy-river-depth"].ramp) == ("data", "water")
    assert facts["toy-river-roughness"].ramp == "roughness"
    assert facts["toy-river-provenance"].class_names[TERRAIN] == "지형 자료 (Terrain)"
    assert len(facts["toy-river-provenance"].class_names) == len(ORIGINS)


def test_grid_holds_the_four_bands_in_the_terrains_own_cells(done: Done) -> None:
    about = done.live.assets["grid"].about
    with rasterio.open(done.asset("grid")) as raster:
        assert raster.descriptions == BANDS == tuple(about["bands"])
        assert set(raster.dtypes) == {"float32"}
        assert np.isnan(raster.nodata)
        assert raster.crs.to_epsg() == 5186
        assert raster.transform.a == about["cell_m"] == 4.0
        assert list(raster.bounds) == about["bounds"]
    assert about["vertical_datum"] == "KVD1964"
    assert about["water_stage_m"] == 2.5
    codes = set(np.unique(done.band("provenance")[0]).astype(int).tolist())
    assert codes == {origin.code for origin in ORIGINS}


def test_published_bed_is_near_the_true_one(done: Done) -> None:
    bed, transform = done.band("bed_elevation")
    row, column = np.mgrid[0 : bed.shape[0], 0 : bed.shape[1]]
    x, y = transform @ (column + 0.5, row + 0.5)
    s, left = RIVER.beside(x.ravel(), y.ravel())
    first, last = 25.0, 415.0  # inside the first and the last section
    inside = ((np.abs(left) < 19) & (s > first) & (s < last)).reshape(bed.shape)
    error = (bed.ravel() - RIVER.bed(s, -left / RIVER.half_width_m)).reshape(bed.shape)[inside]
    assert np.sqrt(np.mean(error**2)) < 0.25


def test_volume_is_that_of_the_published_grid(done: Done) -> None:
    bed, _ = done.band("bed_elevation")
    codes, _ = done.band("provenance")
    with rasterio.open(done.place.folder / "ground.asc") as raster:
        ground = raster.read(1)
    change = (bed.astype(np.float64) - ground)[codes != BUILDING]
    assert done.told["volume_change_m3"] == pytest.approx(change.sum() * 16, rel=1e-6)
    assert np.array_equal(bed[codes == TERRAIN], ground[codes == TERRAIN])


def test_levee_bridge_and_buildings_are_where_they_belong(done: Done) -> None:
    bed, transform = done.band("bed_elevation")
    codes, _ = done.band("provenance")
    assert bed[codes == LEVEE].min() >= CREST_M - 1e-6
    assert bed[codes == BRIDGE].max() < 7
    assert (codes == BUILDING).sum() > 10
    x, y = RIVER.at(250.0, LEVEE_AT_M)
    column, row = (int(v) for v in ~transform @ (x, y))
    assert codes[row, column] == LEVEE


def test_river_for_pages_has_lines_profiles_and_sections(done: Done) -> None:
    river = json.loads(done.asset("river").read_text("utf-8"))
    (reach,) = river["reaches"]
    assert {"id", "centreline", "left_bank", "right_bank", "downstream", "profile", "sections"} <= set(reach)
    profile = reach["profile"]
    assert len({len(values) for values in profile.values()}) == 1
    assert (np.diff(profile["chainage_m"]) > 0).all()
    assert all(low < high for low, high in zip(profile["thalweg_m"], profile["left_bank_m"], strict=True))
    assert set(profile["water_stage_m"]) == {2.5}
    assert len(reach["sections"]) == 6
    lon, lat = reach["centreline"][0]
    west, south, east, north = done.told["layers"][0]["bounds"]
    assert west < lon < east and south < lat < north
    assert river["chosen_method"] == done.told["chosen_method"]
    assert river["leave_one_out"] == done.told["leave_one_out"]
    assert {"role": "sections", "file": "sections.csv"} in river["sources"]
    left = shapely.LineString(reach["left_bank"]).centroid.y
    assert left > shapely.LineString(reach["right_bank"]).centroid.y  # flows east


def test_bed_comes_as_a_solid_too(done: Done) -> None:
    assert {"bed.glb", "bed.stl", "bed.obj", "bed.xml"} <= set(done.live.assets)
    assert done.asset("bed.glb").read_bytes()[:4] == b"glTF"


def test_landxml_has_the_centre_line_and_each_section_beside_the_surface(done: Done) -> None:
    root = ElementTree.parse(done.asset("bed.xml")).getroot()
    space = {"xml": "http://www.landxml.org/schema/LandXML-1.2"}
    sections = [found.get("name") for found in root.findall(".//xml:Alignment//xml:CrossSect", space)]
    reaches = json.loads(done.asset("river").read_text("utf-8"))["reaches"]
    assert sections and sections == [section["id"] for reach in reaches for section in reach["sections"]]
    assert len(root.findall(".//xml:Surface", space)) == 1


def test_nothing_is_left_in_the_folder_of_jobs(done: Done) -> None:
    assert not list((done.house.settings.home / "jobs").iterdir())


def test_buildings_of_a_layer_are_those_of_their_file(tmp_path: Path, house: House) -> None:
    place = make_river(tmp_path / "survey", river=RIVER, buildings="raise")
    file = place.folder / "buildings.geojson"
    naru_here_json("ingest", str(file), "--id", "houses", "--crs", "EPSG:5186", home=house.settings.home)
    spec = read_spec(place.spec)
    assert spec.buildings is not None
    by_layer = replace(spec, buildings=replace(spec.buildings, layer="houses", source=None))
    frame = Frame(199_600.0, 550_200.0, 4.0, 100, 175, "EPSG:5186")
    of_file, of_layer = (read_footprints(house, each, frame) for each in (spec, by_layer))
    assert of_file is not None and of_layer is not None
    assert of_layer.height_m.tolist() == [9.0, 9.0, 9.0]
    apart = [a.hausdorff_distance(b) for a, b in zip(of_file.shapes, of_layer.shapes, strict=True)]
    assert max(apart) < 0.01
    with pytest.raises(ColumnsUnknown, match="no field 'storeys'"):
        read_footprints(house, replace(spec, buildings=replace(spec.buildings, floors="storeys")), frame)


# --- what goes wrong -------------------------------------------------------------------------------


def test_dry_run_tells_and_publishes_nothing(tmp_path: Path, house: House) -> None:
    place = make_river(tmp_path / "survey", river=RIVER)
    told = naru_here("twin", "terrain", str(place.spec), "--dry-run", home=house.settings.home)
    assert told.returncode == 0, told.stderr
    assert "nothing was published" in told.stdout
    assert "<- used" in told.stdout
    assert house.catalogue.layers() == []
    assert house.storage.names() == []


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"cell_m": 400.0}, "cell_m"),
        ({"method": "magic"}, "method"),
        ({"bank_blend": 5}, "bank_blend_m"),
        ({"water_stage_m": [{"section": "X99", "stage_m": 1.0}]}, "X99"),
        ({"buildings": {"layer": "no-such-layer", "as": "raise"}}, "no-such-layer"),
        ({"levees": {"file": "sections.csv"}}, "sections.csv"),
        ({"bridges": {"file": "levees.geojson", "crs": "EPSG:5186"}}, "width"),
    ],
)
def test_what_cannot_be_is_named_and_nothing_is_published(
    wrong: dict[str, object], named: str, tmp_path: Path, house: House
) -> None:
    place = make_river(tmp_path / "survey", river=RIVER, **wrong)  # type: ignore[arg-type]
    told = naru_here("twin", "terrain", str(place.spec), "--json", home=house.settings.home)
    assert told.returncode == 1, told.stdout
    error = json.loads(told.stdout)["error"]
    assert named in " ".join(str(value) for value in error.values())
    assert error["remedy"]
    assert house.catalogue.layers() == []
    assert house.storage.names() == []


def test_survey_above_another_zero_is_refused(tmp_path: Path, house: House) -> None:
    place = make_river(tmp_path / "survey", river=RIVER)
    sections = place.folder / "sections.csv"
    head, *rows = sections.read_text().splitlines()
    lifted = [f"{row.rsplit(',', 1)[0]},{float(row.rsplit(',', 1)[1]) + 23.1:.3f}" for row in rows]
    sections.write_text("\n".join([head, *lifted]))
    told = naru_here("twin", "terrain", str(place.spec), home=house.settings.home)
    assert told.returncode == 1
    assert "sections.csv" in told.stderr and "Traceback" not in told.stderr
    assert house.catalogue.layers() == []


@pytest.mark.parametrize("at", [0.5, 1.0])
def test_job_cancelled_on_the_way_publishes_nothing(at: float, tmp_path: Path, house: House) -> None:
    place = make_river(tmp_path / "survey", river=RIVER)
    job = house.jobs.submit("terrain", {"spec": str(place.spec)}, claim_as="me")
    was: list[float] = []

    def cancel(fraction: float, _message: str) -> None:
        if fraction >= at and not was:
            was.append(fraction)
            house.jobs.cancel(job.id)

    with pytest.raises(JobLost):
        make_terrain(house, read_spec(place.spec), house.job_folder(job), cancel, job)
    assert was
    assert house.catalogue.layers() == []


def test_disk_that_fails_between_layers_publishes_none(
    tmp_path: Path, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make_river(tmp_path / "survey", river=RIVER)
    put, calls = type(house.storage).put, [0]

    def fails(self: Any, file: Path) -> Any:
        calls[0] += 1
        if calls[0] == 3:
            raise OSError(28, "No space left on device")
        return put(self, file)

    monkeypatch.setattr(type(house.storage), "put", fails)
    job = house.jobs.submit("terrain", {}, claim_as="me")
    with pytest.raises((NaruError, OSError)):
        make_terrain(house, read_spec(place.spec), house.job_folder(job), lambda *_: None, job)
    assert house.catalogue.layers() == []


def test_worker_makes_a_queued_terrain(tmp_path: Path, house: House) -> None:
    place = make_river(tmp_path / "survey", river=RIVER, water_stage_m=None)
    told = naru_here_json("twin", "terrain", str(place.spec), "--queue", home=house.settings.home)
    assert told["jobs"][0]["terrain"] == "toy-river"
    assert work(house, once=True) == 1
    assert house.jobs.job(told["jobs"][0]["id"]).state == "done"
    assert sorted(layer.id for layer in house.catalogue.layers()) == sorted(set(LAYERS) - {"toy-river-depth"})


def test_terrain_larger_than_the_memory_is_refused_with_the_cells_that_fit(tmp_path: Path) -> None:
    spec = read_spec(make_river(tmp_path / "survey", river=RIVER).spec)
    frame = Frame(0.0, 0.0, 4.0, 10_000, 10_000, "EPSG:5186")
    with pytest.raises(TooLarge, match="need") as caught:
        check_memory(frame, spec, memory=2 * 10**9)
    assert caught.value.field == "cell_m"
    assert "Take cells of" in caught.value.remedy
    check_memory(frame, spec, memory=64 * 10**9)
