"""The JSON Schema of the scenario file, held to the reader."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from naru.errors import NaruError
from tests.flood_scenarios import mapping, plain
from twin.fields import Fields
from twin.run_command import run
from twin.scenario.read import read_mapping, read_scenario
from twin.scenario.schema import schema
from twin.strict_yaml import load_yaml

SQUARE = [[200_010, 549_970], [200_030, 549_970], [200_030, 549_990]]
# sections whose fields differ by their kind: the schema has what they are, the reader what they may hold
BY_KIND = ("structures", "overrides", "vary")
RAIN, FLOW = [[0, 10], [10, 50], [20, 0]], [[0, 1], [1, 5]]
S = {"time_unit": "s"}
EXAMPLES: list[dict[str, Any]] = [
    {"terrain": {"file": "dem.tif", "band": 1, "crs": "EPSG:5186", "vertical_datum": "KVD1964", "unit": "m"}},
    {"title": "a", "title_ko": "가", "title_en": "b", "visibility": "group:x", "licence": "l", "attribution": "a"},
    {"duration_s": None, "duration_min": 5, "output_every_s": 30, "gauge_every_s": 5},
    {"start": "2022-08-08T18:00:00+09:00", "coordinates": "terrain", "limits": {"volume_error": 1e-4}},
    {"scheme": "full", "order": 1, "precision": "float64", "cfl": 0.4, "threads": 2, "longest_step_s": 5},
    {"domain": {"bbox": [126.9, 37.4, 127.0, 37.5], "cell_m": 5, "crs": "EPSG:5186"}},
    {"domain": {"polygon": {"file": "ring.csv", "x": "x", "y": "y", "crs": "EPSG:5186"}}},
    {"domain": {"polygon": SQUARE}},
    {"manning_n": "dem.tif"},
    {"manning_n": {"default": 0.03, "areas": [{"polygon": SQUARE, "n": 0.02}, {"file": "ring.csv", "n": 0.05}]}},
    {"manning_n": {"layer": "cover", "table": {"1": 0.03}}},
    {"manning_n": {"file": "ring.csv", "field": "class", "x": "x", "table": {"1": 0.03}, "default": 0.04}},
    {"buildings": {"polygons": SQUARE, "as": "block"}},
    {"buildings": [{"layer": "houses", "as": "raise", "height_m": 6, "field": "h"}]},
    {"buildings": {"file": "ring.csv", "as": "roughness", "n": 0.2, "x": "x", "y": "y", "crs": "EPSG:5186"}},
    {"initial": "terrain"},
    {"report": {"buildings": SQUARE, "roads": {"layer": "roads"}, "regions": "dong"}},
    {"initial": {"stage_m": 3, "areas": [{"polygon": SQUARE, "depth_m": 1}, {"layer": "lake", "stage_m": 2}]}},
    {"initial": {"depth_m": {"file": "dem.tif", "band": 1}}},
    {"initial": {"terrain": True}},
    {"initial": {"warm_start": "0123456789abcdef"}},
    {"gauges": [{"name": "a", "at": [200_010, 549_970]}], "sections": [{"name": "s", "line": SQUARE}]},
    {"gauges": {"file": "ring.csv", "name": "x"}, "sections": {"file": "ring.csv"}},
    {"rain": {"uniform_mm_h": 100, "from_h": 0, "to_h": 1, "factor": 1.2}},
    {"rain": [{"hyetograph": RAIN, "kind": "intensity_mm_h", "time_unit": "min", "start_h": 1, "rows": [1, 2]}]},
    {"rain": {"hyetograph": "rain.csv", "columns": {"time": "t", "value": "mm/h"}, "time_unit": "s"}},
    {"rain": {"design": {"depth_mm": 212, "duration_h": 3, "pattern": "huff-3", "step_min": 10}}},
    {"rain": {"design": {"depth_mm": 90, "duration_h": 1, "pattern": "alternating-block", "exponent": 0.5}}},
    {"rain": {"design": {"return_period_y": 100, "place": "gangnam", "duration_h": 1}}},
    {
        "rain": {
            "gauges": [{"at": [1, 2], "hyetograph": RAIN, "kind": "depth_mm", "time_unit": "min"}],
            "method": "idw",
            "power": 3,
        }
    },
    {"rain": {"gauges": [{"name": "g", "at": [1, 2], "hyetograph": "rain.csv", "columns": {"time": "t"}, **S}]}},
    {"boundaries": [{"edge": "west", "type": "stage", "series": "q.csv", "columns": {"value": "q"}, **S}]},
    {"rain": {"raster": {"file": "dem.tif", "kind": "depth_mm", "every_min": 10, "missing": "zero"}}},
    {"rain": {"raster": {"files": ["dem.tif"], "times": [0, 600], "time_unit": "s"}}, "infiltration": "none"},
    {"infiltration": {"method": "constant", "rate_mm_h": 5, "impervious": 0.4, "drain_loss_mm_h": 12}},
    {"infiltration": {"method": "green-ampt", "soil": "silt-loam", "initial_saturation": 0.3}},
    {
        "infiltration": {
            "method": "green-ampt",
            "hydraulic_conductivity_mm_h": 5,
            "suction_mm": 90,
            "moisture_deficit": 0.2,
        }
    },
    {"infiltration": {"method": "scs-cn", "curve_number": {"land_cover": "dem.tif", "table": "cn.csv"}}},
    {"infiltration": {"method": "scs-cn", "curve_number": 80, "ia_ratio": 0.05, "amc": "III"}},
    {"infiltration": {"method": "horton", "initial_rate_mm_h": 50, "final_rate_mm_h": 5, "decay_1_h": 2}},
    {"inflows": [{"name": "a", "at": [1, 2], "radius_m": 10, "discharge_m3_s": 19.7, "factor": 2}]},
    {"inflows": {"line": SQUARE, "hydrograph": FLOW, "time_unit": "h", "unit": "l/s", "interpolation": "step"}},
    {
        "inflows": [
            {
                "polygon": SQUARE,
                "hydrograph": "q.csv",
                "columns": {"time": "t", "value": "q"},
                "time_unit": "s",
            }
        ]
    },
    {"inflows": {"at": [1, 2], "hydrograph": {"file": "q.csv", "time": "t", "value": "q", "time_unit": "s"}}},
    {"rain": {"hyetograph": {"file": "rain.csv", "time_unit": "s", "interpolation": "linear"}}},
    {"boundaries": [{"edge": "south", "type": "open", "slope": 0.001, "from_m": 0, "to_m": 10}]},
    {"boundaries": [{"line": SQUARE, "type": "stage", "series": FLOW, "time_unit": "h", "gauge_zero_m": 1}]},
    {"boundaries": {"edge": "west", "type": "stage", "stage_m": 3}},
    {"boundaries": {"edge": "west", "type": "discharge", "hydrograph": FLOW, "time_unit": "h"}},
    {"boundaries": {"edge": "west", "type": "rating", "rating": [[0, 0], [1, 5]]}},
    {"boundaries": {"edge": "west", "type": "rating", "rating": "rating.csv", "encoding": "utf-8"}},
    {
        "boundaries": {
            "edge": "all",
            "type": "tide",
            "mean_m": 0,
            "constituents": [{"name": "M2", "amplitude_m": 2}],
        }
    },
    {"levee_breaches": [{"line": SQUARE, "at": SQUARE[0], "width_m": 9, "bottom_elevation_m": 2, "start_h": 1}]},
    {"drains": {"capacity_mm_h": 65, "inlets": [{"at": SQUARE[0], "width_m": 1}], "coefficients": {"weir": 0.5}}},
    {"outputs": ["max_depth"], "threshold_m": 0.1, "theta": 0.8, "dry_m": 1e-3, "backend": "numba"},
    {"hazard": {"land_use": "urban"}},
    {"hazard": {"debris": [{"depth_to_m": 0.3, "factor": 0}, {"factor": 1}]}},
    {"evaporation": "none", "manning_n": None},
    {"vary": {"manning_n": [0.03, 0.04]}},
]
REFUSED: list[dict[str, Any]] = [
    {"scenario": None},
    {"scenario": "A b"},
    {"terrain": None},
    {"duration_s": None},
    {"duration_s": -1},
    {"unknown": 1},
    {"domain": {"cel_m": 5}},
    {"domain": {"cell_m": 0}},
    {"manning_n": 20},
    {"scheme": "kinematic"},
    {"initial": {"stage_m": 1e6}},
    {"gauges": [{"name": "a"}]},
    {"buildings": {"polygons": SQUARE}},
    {"outputs": ["everything"]},
    {"hazard": {"land_use": "desert"}},
    {"hazard": {"debris": [{"depth_to_m": 0.3}, {"factor": 1}]}},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the examples name."""
    path = tmp_path_factory.mktemp("scenario")
    plain(path)
    (path / "ring.csv").write_text("x,y\n200010,549970\n200030,549970\n200030,549990\n")
    (path / "rain.csv").write_text("t,mm/h\n0,70\n3600,0\n")
    (path / "q.csv").write_text("t,q\n0,5\n1,6\n")
    (path / "cn.csv").write_text("class,curve_number\n1,80\n")
    (path / "rating.csv").write_text("stage,discharge\n0,0\n1,5\n")
    return path


@pytest.mark.parametrize("example", EXAMPLES)
def test_what_the_reader_takes_the_schema_takes(folder: Path, example: dict[str, Any]) -> None:
    given = mapping(**example)
    read_mapping(given, folder / "scenario.yaml")
    jsonschema.Draft202012Validator(schema()).validate(given)


@pytest.mark.parametrize("example", REFUSED)
def test_what_the_schema_refuses_the_reader_refuses(folder: Path, example: dict[str, Any]) -> None:
    given = mapping(**example)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema()).validate(given)
    with pytest.raises(NaruError):
        read_mapping(given, folder / "scenario.yaml")


def test_the_reader_asks_for_the_fields_that_the_schema_has(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, set[str]] = defaultdict(set)
    note = Fields._note

    def noted(fields: Fields, name: str) -> None:
        asked[re.sub(r"\[\d+\]", "", fields.path)].add(name)
        note(fields, name)

    monkeypatch.setattr(Fields, "_note", noted)
    for example in EXAMPLES:
        read_mapping(mapping(**example), folder / "scenario.yaml")
    known = {path: names for path, names in described(schema()) if not path.startswith(BY_KIND)}
    for path in (p for p in asked if p in known):
        plain_names = {name for name in asked[path] if "[" not in name}
        assert plain_names == known[path], path or "the top"
    deep = {path for path in known if path and path not in asked}
    assert not deep, "the examples above should visit every group of the schema"


def described(given: Mapping[str, Any]) -> Iterator[tuple[str, set[str]]]:
    """Yield the path of each group that the schema describes, and its fields; ways to say it are joined.

    What is referred to (rasters, shapes) is read by one function everywhere: it is yielded where it comes first.
    """
    found: dict[str, set[str]] = defaultdict(set)
    _walk(given, given, "", found)
    yield from found.items()


def _walk(top: Mapping[str, Any], here: Mapping[str, Any], path: str, found: dict[str, set[str]]) -> None:
    if "$ref" in here:
        if path not in ("terrain", "domain.polygon", "initial.depth_m"):
            return
        here = top["$defs"][here["$ref"].removeprefix("#/$defs/")]
    for way in here.get("anyOf", ()):
        _walk(top, way, path, found)
    if "properties" in here:
        found[path] |= set(here["properties"])
        for name, one in here["properties"].items():
            _walk(top, one, f"{path}.{name}" if path else name, found)
    if isinstance(here.get("items"), Mapping):
        _walk(top, here["items"], path, found)


DOCS = Path(__file__).parent.parent / "docs" / "planners.md"
BLOCKS = [b for b in re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S) if "scenario:" in b]


@pytest.mark.parametrize("block", BLOCKS)
def test_the_examples_in_the_docs_are_scenarios(tmp_path: Path, block: str) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(block, encoding="utf-8")
    jsonschema.Draft202012Validator(schema()).validate(load_yaml(path))
    for name in re.findall(r"[\w/-]+\.(?:csv|geojson|dem|zip|wd|img|tif)", block):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("time_s,mm/h\n0,1\n60,2\n")
    (tmp_path / "houses").mkdir()
    read_scenario(path)


def test_a_posted_scenario_may_hold_its_tables() -> None:
    given = mapping(
        terrain="sample-river", rain={"hyetograph": "rain.csv"}, files={"rain.csv": "time_s,mm/h\n0,1\n"}
    )
    jsonschema.Draft202012Validator(schema(posted=True)).validate(given)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema()).validate(given)


def test_every_field_is_in_the_docs() -> None:
    flood = DOCS.read_text(encoding="utf-8").split("## A flood")[1]
    assert len(BLOCKS) >= 5
    missing = [name for name in schema()["properties"] if f"`{name}`" not in flood]
    assert not missing


def test_the_command_prints_the_schema_without_a_file() -> None:
    told = CliRunner().invoke(run, ["--schema"])
    assert told.exit_code == 0
    assert json.loads(told.stdout) == schema()
