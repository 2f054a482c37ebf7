"""Facilities: templates that validate, every fault by its words, what is published is what was given."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from naru.errors import BadInput, CrsUnknown, DatumRefused, FileDamaged, NoFeatures, UnknownFormat
from naru.house import House
from naru.settings import Settings
from tests.rasters import Scene, publish_raster
from twin.facilities.columns import meaning_of, plain
from twin.facilities.examples import CRS, DATUM, EXAMPLES
from twin.facilities.json_schema import docs_table, json_schema
from twin.facilities.placing import Ground, check_places, find_ground
from twin.facilities.problems import FacilitiesRefused, Problem, Problems
from twin.facilities.reading import Wanted, read_facilities
from twin.facilities.records import Facilities, Facility
from twin.facilities.rules import Condition, Rule, parse
from twin.facilities.templates import columns, write_template
from twin.facilities.types import FIELDS, TYPES
from twin.facilities.writing import to_dict, to_geojson

DOCS = Path(__file__).parent.parent / "docs"
BY_TYPE = {row["type"]: row for row in EXAMPLES}


def written(folder: Path, *rows: dict[str, str], head: str = f"# crs: {CRS}; vertical_datum: {DATUM}") -> Path:
    """Write rows as a CSV."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO(newline="")
    out.write(f"{head}\n")
    writer = csv.DictWriter(out, names)
    writer.writeheader()
    writer.writerows(rows)
    path = folder / "facilities.csv"
    path.write_text(out.getvalue(), encoding="utf-8")
    return path


def example(kind: str, **changes: str) -> dict[str, str]:
    """Return the worked example of a type with some cells changed; an empty text empties one."""
    return {name: text for name, text in (BY_TYPE[kind] | changes).items() if text}


def faults(folder: Path, *rows: dict[str, str]) -> list[Problem]:
    with pytest.raises(FacilitiesRefused) as refused:
        read_facilities(written(folder, *rows))
    return list(refused.value.problems)


def read_one(folder: Path, kind: str, **changes: str) -> Facility:
    return read_facilities(written(folder, example(kind, **changes))).all[0]


# --- templates -------------------------------------------------------------------------------------


@pytest.mark.parametrize("korean", [False, True], ids=["english", "korean"])
@pytest.mark.parametrize("kind", ["csv", "xlsx", "geojson"])
def test_template_validates_as_it_is_whatever_its_format_and_language(
    tmp_path: Path, kind: str, korean: bool
) -> None:
    write_template(tmp_path / f"t.{kind}", kind, korean=korean)
    found = read_facilities(tmp_path / f"t.{kind}")
    assert {each.type for each in found.all} == set(TYPES)
    write_template(tmp_path / "plain.csv", "csv")
    assert found.all == read_facilities(tmp_path / "plain.csv").all
    assert found.vertical_datum == DATUM
    assert found.crs == CRS


def test_template_has_every_field_of_every_type() -> None:
    assert {name for fields in FIELDS.values() for name in fields} <= set(columns())


def test_a_word_means_one_field_in_every_type_that_has_it() -> None:
    """Else a template's column would be one thing in one row and another in the next."""
    for language in ("ko", "en"):
        words: dict[str, set[str]] = {}
        for fields in FIELDS.values():
            for field in fields.values():
                words.setdefault(plain(getattr(field, language)), set()).add(field.name)
        assert {word: names for word, names in words.items() if len(names) > 1} == {}


def test_template_in_cp949_is_read(tmp_path: Path) -> None:
    write_template(tmp_path / "t.csv", "csv", korean=True)
    text = (tmp_path / "t.csv").read_text("utf-8-sig")
    old = "".join(c if c in "\r\n" or c.isascii() or "가" <= c <= "힣" else "-" for c in text)
    (tmp_path / "old.csv").write_bytes(old.encode("cp949"))
    assert len(read_facilities(tmp_path / "old.csv").all) == len(EXAMPLES)


# --- faults ----------------------------------------------------------------------------------------

FAULTS: list[tuple[str, dict[str, str], str, str]] = [
    ("weir", {"crest_elevation_m": ""}, "crest_elevation_m", "is missing"),
    ("weir", {"crest_elevation_m": "seven"}, "crest_elevation_m", "'seven' is no number"),
    ("weir", {"crest_elevation_m": "99999"}, "crest_elevation_m", "above 9000"),
    ("weir", {"crest_elevation_m": "nan"}, "crest_elevation_m", "is no number"),
    ("weir", {"discharge_coefficient": "6"}, "discharge_coefficient", "above 1.5"),
    ("weir", {"width_m": "20"}, "width_m", "and the line 143"),
    ("weir", {"geometry": ""}, "geometry", "is missing"),
    (
        "weir",
        {"geometry": "POLYGON ((157500 524400, 157510 524400, 157510 524410, 157500 524400))"},
        "geometry",
        "is a polygon; a weir is a line or point",
    ),
    ("weir", {"geometry": "LINESTRING (157539"}, "geometry", "no geometry that can be read"),
    ("weir", {"geometry": "POINT (157520 524450)"}, "bearing_deg", "is missing for a point"),
    ("weir", {"start_level_m": "4"}, "start_level_m", "a weir has no such field; it is of: pump station"),
    ("weir", {"type": "dam"}, "type", "'dam' is no type of facility"),
    ("weir", {"status": "broken"}, "status", "none of normal, partial, failed"),
    ("weir", {"status": "partial"}, "failure_fraction", "is missing, but the status is partial"),
    ("weir", {"failure_fraction": "0.5"}, "failure_fraction", "but the status is normal"),
    ("weir", {"verified": "yes", "source": ""}, "verified", "no source is named for crest_breadth_m"),
    ("weir", {"id": "W 1; drop"}, "id", "signs that an id cannot have"),
    ("sluice_gate", {"opening_m": "3"}, "opening_m", "more than the leaf's height"),
    ("sluice_gate", {"rules": "open wide when it rains"}, "rules", "'open wide' is none of"),
    ("sluice_gate", {"rules": "start when stage(own) > 3"}, "rules", "a sluice gate does not start"),
    ("sluice_gate", {"rules": "open 4 m when stage(own) > 3"}, "rules", "opens further than the leaf"),
    ("sluice_gate", {"geometry": "LINESTRING (0 524490, 3 524490)", "width_m": "1"}, "geometry", "cannot be of"),
    ("culvert", {"shape": "circle"}, "diameter_m", "is missing: the shape is circle"),
    ("culvert", {"diameter_m": "2"}, "diameter_m", "is given, but the shape is box"),
    ("culvert", {"length_m": "90"}, "length_m", "and the line 34"),
    ("pump_station", {"start_level_m": "5.3"}, "start_level_m", "not above the stop level"),
    ("pump_station", {"pump_curve": "0:60; 5:90"}, "pump_curve", "does not fall"),
    ("pump_station", {"pump_curve": "5:60; 2:90"}, "pump_curve", "do not rise from pair to pair"),
    ("pump_station", {"pump_curve": "0:60"}, "pump_curve", "two pairs at least"),
    ("pump_station", {"unit_capacity_m3_min": "300"}, "pump_curve", "nowhere on the curve"),
    ("pump_station", {"unit_capacity_m3_s": "2.5"}, "unit_capacity_m3_min", "say 90"),
    ("pump_station", {"sump_floor_elevation_m": "5.5"}, "sump_floor_elevation_m", "not below the stop level"),
    ("pump_station", {"outlet_y": ""}, "outlet_y", "is missing"),
    ("pump_station", {"units": "2.5"}, "units", "no whole number"),
    ("pump_station", {"rules": "start 9 units when stage(own) > 7"}, "rules", "more than the 4 pumps"),
    ("levee", {"crest_profile": ""}, "crest_elevation_m", "is missing, and so is the profile"),
    ("levee", {"crest_profile": "0:13.7; 900:13.2"}, "crest_profile", "ends at 900 m"),
    ("levee", {"breach_bottom_elevation_m": "14"}, "breach_bottom_elevation_m", "not below the crest"),
    ("bridge", {"pier_width_m": ""}, "pier_width_m", "is missing for 4 piers"),
    ("bridge", {"pier_width_m": "50", "piers": "5", "openings": "6"}, "pier_width_m", "take all of the"),
    ("retention_basin", {"floor_elevation_m": "8", "stage_volume": ""}, "floor_elevation_m", "not below the crest"),
    ("retention_basin", {"stage_volume": "4.2:0; 7.2:-5"}, "stage_volume", "does not rise"),
    ("retention_basin", {"stage_volume": "0:0; 3:22300"}, "stage_volume", "not from floor to crest"),
    ("retention_basin", {"initial_stage_m": "9"}, "initial_stage_m", "not between floor and crest"),
]


@pytest.mark.parametrize(
    ("kind", "changes", "field", "words"),
    FAULTS,
    ids=[f"{kind}-{f}-{n}" for n, (kind, _, f, _) in enumerate(FAULTS)],
)
def test_fault_names_facility_and_field(
    tmp_path: Path, kind: str, changes: dict[str, str], field: str, words: str
) -> None:
    found = faults(tmp_path, example(kind, **changes))
    mine = [p for p in found if p.field == field]
    assert mine, found
    assert words in mine[0].message
    assert mine[0].facility in {changes.get("id", BY_TYPE[kind]["id"])}
    assert mine[0].remedy


def test_all_faults_are_named_in_one_run(tmp_path: Path) -> None:
    rows = [
        example("weir", crest_elevation_m=""),
        example("pump_station", start_level_m="1"),
        example("bridge", piers="-1"),
    ]
    found = faults(tmp_path, *rows)
    assert [(p.facility, p.field) for p in found] == [
        ("W-1", "crest_elevation_m"),
        ("B-1", "piers"),
        ("P-1", "start_level_m"),
    ]


def test_id_that_stands_twice_is_refused(tmp_path: Path) -> None:
    found = faults(tmp_path, example("weir"), example("levee", id="W-1"))
    assert [(p.facility, p.field, p.message) for p in found] == [("W-1", "id", "stands 2 times")]


def test_column_that_means_nothing_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    found = faults(tmp_path, example("weir", crest_elevatoin_m="3"))
    assert found[0].field == "crest_elevatoin_m"
    assert "crest_elevation_m" in found[0].remedy
    assert read_one(tmp_path, "weir", _remark="ours").id == "W-1"


def test_sill_above_the_crest_of_its_weir_or_levee_is_refused(tmp_path: Path) -> None:
    gate = example(
        "sluice_gate", geometry="LINESTRING (157501 524526, 157499 524540)", bearing_deg="", sill_elevation_m="8"
    )
    found = faults(tmp_path, example("weir"), gate)
    assert [(p.facility, p.field) for p in found] == [("G-1", "sill_elevation_m")]
    assert "above the crest EL 7.73 of W-1" in found[0].message
    tube = example("culvert", inlet_invert_elevation_m="13.6", geometry="LINESTRING (156700 524510, 156703 524545)")
    found = faults(tmp_path, example("levee"), tube)
    assert [(p.facility, p.field) for p in found] == [("C-1", "inlet_invert_elevation_m")]


def test_odd_but_possible_is_a_warning(tmp_path: Path) -> None:
    rules = "open when stage(own) >= 5; close when stage(own) <= 5"
    rows = [
        example("sluice_gate", rules=rules),
        example("pump_station", stop_level_m="6.32", outlet_x="", outlet_y=""),
        example("culvert", outlet_invert_elevation_m="6.9"),
        example("bridge", openings="9"),
    ]
    found = read_facilities(written(tmp_path, *rows)).warnings
    told = [warning.split(":")[0] for warning in found]
    assert told == [
        "G-1, rules",
        "P-1, start_level_m",
        "P-1, outlet_x",
        "C-1, outlet_invert_elevation_m",
        "B-1, openings",
    ]


# --- values ----------------------------------------------------------------------------------------


def test_cubic_metres_a_second_and_a_minute_are_both_kept(tmp_path: Path) -> None:
    station = read_one(tmp_path, "pump_station", unit_capacity_m3_min="", unit_capacity_m3_s="1.5")
    assert station.derived() == {
        "unit_capacity_m3_s": 1.5,
        "capacity_m3_min": 360.0,
        "capacity_m3_s": 6.0,
        "available_m3_s": 4.5,  # one of four is out of order
        "dead_band_m": 1.0,
    }


def test_each_number_has_its_source_and_what_nobody_verified_is_named(tmp_path: Path) -> None:
    weir = read_one(
        tmp_path,
        "weir",
        verified="yes",
        source="register 2024",
        unverified="height_m",
        crest_breadth_m_source="map",
    )
    assert weir.sources["crest_elevation_m"].source == "as-built drawing 12, sheet 3"
    assert weir.sources["crest_elevation_m"].verified
    assert weir.sources["crest_breadth_m"].source == "map"
    assert not weir.sources["height_m"].verified
    assert weir.sources["discharge_coefficient"].source.startswith("default: ")
    assert set(weir.unverified) == {"height_m", "placement", "discharge_coefficient", "submergence_exponent"}


def test_point_with_width_and_bearing_is_a_line_from_left_to_right(tmp_path: Path) -> None:
    gate = read_one(tmp_path, "sluice_gate", geometry="POINT (156826 524490)", bearing_deg="0")
    (left, _), (right, _) = gate.plan.points
    assert (left, right) == (156823.0, 156829.0)  # two openings of 3 m; looking north, left is west
    tube = read_one(tmp_path, "culvert", geometry="POINT (156520 524580)", bearing_deg="0", length_m="30")
    assert tube.plan.points == pytest.approx(np.array([(156520.0, 524565.0), (156520.0, 524595.0)]))


def test_degrees_and_columns_of_lon_and_lat_are_brought_into_metres(tmp_path: Path) -> None:
    row = example(
        "pump_station", geometry="", outlet_x="126.5126", outlet_y="37.3186", lon="126.5124", lat="37.3180"
    )
    found = read_facilities(written(tmp_path, row, head="# nothing said"))
    (x, y), station = found.all[0].geometry.points[0], to_dict(found)["facilities"][0]
    assert found.crs == "EPSG:5186"
    assert found.crs_how.startswith("EPSG:4326")
    assert (x, y) == pytest.approx((156774.6, 524466.7), abs=60)
    assert (station["outlet_x"], station["outlet_y"]) == pytest.approx((x + 17.7, y + 66.6), abs=1)
    assert any("no vertical datum" in warning for warning in found.warnings)


def test_table_that_does_not_say_its_system_is_refused_and_an_option_says_it(tmp_path: Path) -> None:
    path = written(tmp_path, example("weir"), head="# no word of it")
    with pytest.raises(CrsUnknown, match="does not say"):
        read_facilities(path)
    assert read_facilities(path, Wanted(crs="EPSG:5186")).crs_how == "named by --crs"


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1, 2]")
    (tmp_path / "b.geojson").write_text('{"type": "FeatureCollection", "features": [')
    (tmp_path / "c.csv").write_text("# only a remark\n")
    (tmp_path / "d.docx").write_text("x")
    (tmp_path / "e.xlsx").write_bytes(b"PK not a workbook")
    errors = {"a.json": UnknownFormat, "b.geojson": FileDamaged, "c.csv": NoFeatures, "d.docx": UnknownFormat}
    for name, error in (errors | {"e.xlsx": FileDamaged}).items():
        with pytest.raises(error):
            read_facilities(tmp_path / name)


# --- rules -----------------------------------------------------------------------------------------

_PLACES = st.sampled_from(["upstream", "downstream", "own", "gauge-3", "한강대교"])
_LEVELS = st.integers(-5000, 900_000).map(lambda n: n / 100)
_CONDITIONS = st.one_of(
    st.builds(Condition, _PLACES, st.sampled_from(["<", "<=", ">", ">="]), level_m=_LEVELS),
    st.builds(
        Condition,
        _PLACES,
        st.sampled_from(["<", "<=", ">", ">="]),
        other=_PLACES,
        offset_m=st.integers(-900, 900).map(lambda n: n / 100),
    ),
)
_WHEN = {
    "when": st.lists(_CONDITIONS, min_size=1, max_size=3).map(tuple),
    "for_min": st.integers(0, 600).map(float),
}
_RULES = st.one_of(
    st.builds(Rule, st.just("open"), opening_m=st.integers(0, 900).map(lambda n: n / 100), **_WHEN),
    st.builds(Rule, st.just("open"), opening_percent=st.integers(0, 100).map(float), **_WHEN),
    st.builds(Rule, st.sampled_from(["open", "close", "start", "stop"]), **_WHEN),
    st.builds(Rule, st.just("start"), units=st.integers(1, 30), daily_min=st.integers(0, 1439)),
    st.builds(Rule, st.sampled_from(["close", "stop"]), after_min=st.integers(0, 5000)),
)


@given(st.lists(_RULES, max_size=5).map(tuple))
def test_rules_say_themselves_so_that_they_are_read_back(rules: tuple[Rule, ...]) -> None:
    assert parse("; ".join(map(str, rules))) == rules
    assert parse([rule.to_dict() for rule in rules]) == rules


@pytest.mark.parametrize(
    "text",
    [
        "open",
        "open when",
        "open when stage(own) = 3",
        "open when stage() > 3",
        "open 120 % when stage(own) > 3",
        "open -1 m when stage(own) > 3",
        "start 1.5 units when stage(own) > 3",
        "stop at 25:00",
        "stop at 12:75",
        "close when stage(own) > 3 for a while",
        "close when stage(own) > 3 or stage(own) < 1",
        "explode at 06:00",
    ],
)
def test_rule_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="rule 1"):
        parse(text)


# --- what is published -----------------------------------------------------------------------------


def test_canonical_json_is_read_back_the_same_and_fits_its_schema(tmp_path: Path) -> None:
    found = read_facilities(written(tmp_path, *EXAMPLES))
    document = to_dict(found)
    jsonschema.Draft202012Validator(json_schema()).validate(document)
    (tmp_path / "canonical.json").write_text(json.dumps(document), encoding="utf-8")
    again = read_facilities(tmp_path / "canonical.json")
    assert again.all == found.all
    assert (again.crs, again.vertical_datum) == (found.crs, found.vertical_datum)


def test_schema_refuses_what_the_reader_would(tmp_path: Path) -> None:
    document = to_dict(read_facilities(written(tmp_path, *EXAMPLES)))
    check = jsonschema.Draft202012Validator(json_schema())
    for change in ({"crest_elevation_m": "high"}, {"start_level_m": 3.0}, {"type": "dam"}):
        bad = json.loads(json.dumps(document))
        bad["facilities"][0] |= change
        assert not check.is_valid(bad)


def test_features_for_the_map_are_flat_and_lie_where_they_should(tmp_path: Path) -> None:
    features = to_geojson(read_facilities(written(tmp_path, *EXAMPLES)))["features"]
    assert all(isinstance(v, str | int | float | bool) for f in features for v in f["properties"].values())
    weir = features[0]
    assert weir["properties"]["kind"] == "보 · weir"
    assert (
        json.loads(weir["properties"]["sources"])["crest_elevation_m"]["source"] == "as-built drawing 12, sheet 3"
    )
    lon, lat = np.transpose(weir["geometry"]["coordinates"])
    assert ((lon > 126.52) & (lon < 126.53) & (lat > 37.31) & (lat < 37.33)).all()


def test_schema_and_table_in_the_docs_are_those_of_the_code() -> None:
    published = json.loads((DOCS / "schemas" / "facilities.schema.json").read_text(encoding="utf-8"))
    assert published == json.loads(json.dumps(json_schema()))
    assert docs_table() in (DOCS / "facilities.md").read_text(encoding="utf-8")


def test_every_default_that_is_a_coefficient_names_its_source() -> None:
    for kind, fields in FIELDS.items():
        for field in fields.values():
            if "coefficient" in field.name or "loss" in field.name or field.name == "manning_n":
                assert field.default_source, f"{kind}.{field.name}"


def test_every_field_is_reached_by_its_name_and_its_words() -> None:
    for kind, fields in FIELDS.items():
        for field in fields.values():
            for word in (field.name, field.ko, field.en, *field.also):
                found = meaning_of(word, kind)
                assert found is not None
                assert found.field.name == field.name, (kind, word)


# --- against a terrain -----------------------------------------------------------------------------

WEST, NORTH, SIDE, CELL = 156_000.0, 525_000.0, 2000.0, 10.0


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """A plain at EL 9 with a channel to EL 5 along y = 524 450, which is its river; heights above KVD1964."""
    path = tmp_path_factory.mktemp("ground") / "ground.tif"
    count = int(SIDE / CELL)
    y = NORTH - (np.arange(count) + 0.5) * CELL
    rows = np.where(np.abs(y - 524_450) < 75, 5.0, 9.0).astype(np.float32)
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "width": count, "height": count, "crs": CRS}
    with rasterio.open(path, "w", **profile, transform=Affine(CELL, 0, WEST, 0, -CELL, NORTH)) as file:
        file.write(np.repeat(rows[:, None], count, axis=1), 1)
    from pyproj import Transformer

    to = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    lines = {name: [to.transform(x, 524_450 + dy) for x in (WEST, WEST + SIDE)]
             for name, dy in (("centreline", 0), ("left_bank", -75), ("right_bank", 75))}  # fmt: skip
    return Ground("plain", path, CRS, "KVD1964", {"reaches": [{"id": "main", **lines}]})


def placed(folder: Path, ground: Ground, kind: str, **changes: str) -> list[Problem]:
    problems = Problems()
    check_places(read_facilities(written(folder, example(kind, **changes))), ground, problems)
    return problems.found


def test_weir_that_fits_the_terrain_is_in_order(tmp_path: Path, ground: Ground) -> None:
    assert placed(tmp_path, ground, "weir") == []


def test_level_above_another_zero_is_named(tmp_path: Path, ground: Ground) -> None:
    """Ellipsoidal heights: some 23 m more than EL at Seoul."""
    cases = [
        ("weir", {"crest_elevation_m": "30.7"}, "crest_elevation_m"),
        ("pump_station", {"start_level_m": "29.3", "stop_level_m": "28.3"}, "start_level_m"),
        (
            "levee",
            {"crest_profile": "0:36.7; 410:36.2", "geometry": "LINESTRING (157000 524540, 156590 524540)"},
            "crest_elevation_m",
        ),
        ("bridge", {"low_chord_elevation_m": "38.7"}, "low_chord_elevation_m"),
    ]
    for kind, changes, field in cases:
        found = placed(tmp_path, ground, kind, **changes)
        assert field in {p.field for p in found}, kind
        assert "another zero" in found[0].remedy, kind


def test_facility_outside_the_terrain_is_named(tmp_path: Path, ground: Ground) -> None:
    for move in ("LINESTRING (159539 524388, 159501 524526)", "LINESTRING (157990 524388, 158010 524526)"):
        found = placed(tmp_path, ground, "weir", geometry=move)
        assert [(p.facility, p.field) for p in found] == [("W-1", "geometry")]
        assert "outside the terrain 'plain'" in found[0].message


def test_weir_beside_the_river_or_too_wide_for_it_is_named(tmp_path: Path, ground: Ground) -> None:
    found = placed(tmp_path, ground, "weir", geometry="LINESTRING (157000 524800, 157000 524940)")
    assert any(p.field == "geometry" and "does not cross the channel" in p.message for p in found)
    assert placed(tmp_path, ground, "weir", geometry="LINESTRING (157000 524600, 157000 524740)",
                  placement="side", crest_elevation_m="9.5") == []  # fmt: skip
    found = placed(tmp_path, ground, "weir", geometry="LINESTRING (157000 524250, 157000 524650)")
    assert [(p.field, "is 150" in p.message or "150.0 m wide" in p.message) for p in found] == [("width_m", True)]


def test_terrain_above_another_zero_is_refused(tmp_path: Path, ground: Ground) -> None:
    found = read_facilities(written(tmp_path, example("weir")))
    other = Ground("plain", ground.raster, CRS, "EPSG:5773")
    with pytest.raises(DatumRefused, match="KVD1964"):
        check_places(found, other, Problems())


def test_weirs_without_a_river_are_told_of(tmp_path: Path, ground: Ground) -> None:
    problems = Problems()
    found: Facilities = read_facilities(written(tmp_path, example("weir")))
    check_places(found, Ground("plain", ground.raster, CRS, None), problems)
    assert problems.found == []
    assert "was not checked" in problems.warnings[0]


def test_example_rows_are_all_used() -> None:
    used: dict[str, Any] = dict(BY_TYPE)
    assert list(used) == list(TYPES)


def test_picture_is_no_terrain(tmp_path: Path) -> None:
    house = House.open(Settings.from_environ({}, home=tmp_path / "home"))
    publish_raster(house, Scene("photo", "photo"))
    with pytest.raises(BadInput, match="has no heights"):
        find_ground(house, "photo")
    house.close()
