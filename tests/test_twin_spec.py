"""Terrain files: what is read, and how what cannot be read is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naru.errors import NaruError
from tests.surveys import made_sections, write_csv, write_spec
from twin.datum import Geoid
from twin.spec import Roughness, Stage, read_spec


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a survey."""
    write_csv(tmp_path / "sections.csv", made_sections()[:3])
    return tmp_path


def refused(folder: Path, **fields: str) -> NaruError:
    with pytest.raises(NaruError) as caught:
        read_spec(write_spec(folder, **fields))
    return caught.value


def test_the_contract_s_example_is_read(folder: Path) -> None:
    for name in ("dem.tif", "centre.geojson", "banks.geojson"):
        (folder / name).touch()
    path = folder / "contract.yaml"
    path.write_text(
        "terrain: sample-river             # id of the layer to make\n"
        "ground: dem.tif\ncrs: EPSG:5186\nvertical_datum: KVD1964\ncell_m: 2\n"
        "sections: {file: sections.csv, id: section, station: station_m, x: x, y: y, z: bed_el_m}\n"
        "centreline: centre.geojson\nbanks: banks.geojson\nmethod: auto\nbank_blend_m: 5\n"
        "buildings: {layer: seoul-buildings, as: raise}\nwater_stage_m: 2.5\n"
    )
    spec = read_spec(path)
    assert spec.ground.sources[0].file == folder / "dem.tif"
    assert spec.sections[0].columns == {
        "id": "section",
        "station": "station_m",
        "x": "x",
        "y": "y",
        "z": "bed_el_m",
    }
    assert (spec.cell_m, spec.method, spec.bank_blend_m) == (2.0, "auto", 5.0)
    assert spec.buildings is not None
    assert (spec.buildings.layer, spec.buildings.treatment) == ("seoul-buildings", "raise")
    assert spec.water_stage_m == Stage(constant_m=2.5)


def test_what_is_left_out_has_its_default(folder: Path) -> None:
    spec = read_spec(write_spec(folder))
    assert spec.ground.layer == "dem-layer"
    assert (spec.method, spec.bank_blend_m, spec.visibility, spec.manning_n) == ("auto", 5.0, "public", Roughness())
    assert spec.water_stage_m is None


def test_paths_begin_at_the_terrain_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_spec(folder)
    monkeypatch.chdir("/")
    assert read_spec(path).sections[0].file == folder / "sections.csv"


@pytest.mark.parametrize(
    ("fields", "code", "field", "words"),
    [
        ({"sections": "{file: sections.csv, idd: section}"}, "SPEC", "sections.idd", "Did you mean 'id'?"),
        ({"watr_stage_m": "2"}, "SPEC", "watr_stage_m", "Did you mean 'water_stage_m'?"),
        ({"sections": "[{file: sections.csv}, {file: sections.csv, Z: z}]"}, "SPEC", "sections[2].Z", "'z'"),
        ({"buildings": "{layer: b, as: rise}"}, "SPEC", "buildings.as", "'raise'"),
        ({"method": "pchp"}, "SPEC", "method", "'pchip'"),
        ({"cell_m": "0.01"}, "SPEC", "cell_m", "from 0.1 to 1000 m"),
        ({"cell_m": "two"}, "SPEC", "cell_m", "from 0.1 to 1000 m"),
        ({"cell_m": "true"}, "SPEC", "cell_m", "from 0.1 to 1000 m"),
        ({"cell_m": ".nan"}, "SPEC", "cell_m", "from 0.1 to 1000 m"),
        ({"cell_m": ""}, "SPEC", "cell_m", "is missing"),
        ({"bank_blend_m": "-1"}, "SPEC", "bank_blend_m", "from 0 to 1000 m"),
        ({"manning_n": "{channel: 3}"}, "SPEC", "manning_n.channel", "s·m^-1/3"),
        ({"terrain": "한강"}, "SPEC", "terrain", "no layer id"),
        ({"visibility": "secret"}, "SPEC", "visibility", "group:NAME"),
        ({"crs": "EPSG:4326"}, "CRS_REFUSED", "crs", "degrees"),
        ({"crs": "EPSG:2263"}, "CRS_REFUSED", "crs", "US survey foot"),
        ({"crs": "EPSG:3857"}, "CRS_REFUSED", "crs", "stretches"),
        ({"crs": "EPSG:5193"}, "CRS_REFUSED", "crs", "no coordinate system of a map"),
        ({"crs": "EPSG:7415"}, "CRS_REFUSED", "crs", "vertical_datum"),
        ({"vertical_datum": "MSL"}, "DATUM", "vertical_datum", "several"),
        ({"vertical_datum": "EPSG:5186"}, "DATUM", "vertical_datum", "no vertical datum"),
        ({"sections": "missing.csv"}, "FILE_MISSING", "sections.file", "beside the file that names it"),
        ({"sections": "."}, "SPEC", "sections.file", "names the folder"),
        ({"ground": "missing.tif"}, "FILE_MISSING", "ground.file", "beside the file that names it"),
        ({"ground": "{method: tin}"}, "SPEC", "ground.file", "is missing"),
        ({"soundings": "{file: sections.csv, depth: d}"}, "SPEC", "soundings.water_level_m", "is missing"),
        ({"soundings": "{file: sections.csv, depth: d, z: e}"}, "SPEC", "soundings.depth", "name one"),
        ({"water_stage_m": "[{chainage_m: -5, stage_m: 2}]"}, "SPEC", "water_stage_m[1].chainage_m", "from 0"),
        ({"geoid": "{file: sections.csv, undulation_m: 23}"}, "SPEC", "geoid.file", "not both"),
    ],
)
def test_a_field_that_cannot_be_is_named(
    folder: Path, fields: dict[str, str], code: str, field: str, words: str
) -> None:
    error = refused(folder, **fields)
    assert (error.code, error.field) == (code, field)
    assert words in error.one_line()


def test_a_key_given_twice_is_refused(folder: Path) -> None:
    path = write_spec(folder)
    path.write_text(path.read_text() + "cell_m: 5\n")
    with pytest.raises(NaruError, match="'cell_m' is given twice, in lines 5 and 7"):
        read_spec(path)


def test_aliases_that_multiply_are_refused_at_once(folder: Path) -> None:
    path = folder / "bomb.yaml"
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    path.write_text("\n".join(lines))
    with pytest.raises(NaruError, match="aliases multiply"):
        read_spec(path)


@pytest.mark.parametrize(
    "text", ["[" * 5000, "a: &a [*a]", "", "- 1", "a: [1", "a: !!python/object:os.system x", "\ta: 1"]
)
def test_what_is_no_such_yaml_is_refused_in_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(NaruError) as caught:
        read_spec(path)
    assert caught.value.file == str(path)


def test_columns_may_have_names_that_yaml_1_1_takes_for_no(folder: Path) -> None:
    spec = read_spec(write_spec(folder, sections="{file: sections.csv, id: no, station: 1e3, x: on, y: y}"))
    assert spec.sections[0].columns["id"] == "no"
    assert spec.sections[0].columns["x"] == "on"


def test_water_stages_may_run_along_the_river(folder: Path) -> None:
    spec = read_spec(write_spec(folder, water_stage_m="[[100, 2.5], {chainage_m: 0, stage_m: 3}]"))
    assert spec.water_stage_m == Stage(by_chainage=((None, 0.0, 3.0), (None, 100.0, 2.5)))
    (folder / "stage.csv").write_text("section,stage_m\nS1,3.5\nS2,3.25\n")
    spec = read_spec(write_spec(folder, water_stage_m="stage.csv"))
    assert spec.water_stage_m == Stage(by_section=((None, "S1", 3.5), (None, "S2", 3.25)))


def test_a_geoid_is_a_grid_or_a_number(folder: Path) -> None:
    assert read_spec(write_spec(folder, geoid="{undulation_m: 23.1}")).geoid == Geoid(undulation_m=23.1)


@given(st.text(alphabet="abc:[]{}&*!|>-? \n\"'#%@`0123456789.<~", max_size=80))
@settings(max_examples=150, deadline=None)
def test_no_text_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text)
    with pytest.raises(NaruError):
        read_spec(path)
