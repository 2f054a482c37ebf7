"""KML styles on the map: what is published is drawn as the file draws it, and carries nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from naru.style import Look, default_style
from naru.symbols import drawn_style, parse
from tests.conftest import naru_json
from tests.reading import column, read_one
from tests.test_kml import HEAD

RING = "<coordinates>127,37 127.1,37 127.1,37.1 127,37</coordinates>"
AREA = f"<Polygon><outerBoundaryIs><LinearRing>{RING}</LinearRing></outerBoundaryIs></Polygon>"
RED = "<LineStyle><color>ff0000ff</color><width>3</width></LineStyle><PolyStyle><color>7f00ff00</color></PolyStyle>"
SHARED = f'<Style id="빨강">{RED}</Style>'
MAP = (
    '<StyleMap id="m"><Pair><key>normal</key><styleUrl>#빨강</styleUrl></Pair>'
    "<Pair><key>highlight</key><styleUrl>#other</styleUrl></Pair></StyleMap>"
)
BARE = "<Style><PolyStyle><color>ff112233</color><fill>0</fill><outline>0</outline></PolyStyle></Style>"
BY_STYLE = ["to-string", ["get", "kml_style"]]
Paint = dict[str, dict[str, Any]]


def placemark(style: str, geometry: str = AREA) -> str:
    return f"<Placemark>{style}{geometry}</Placemark>"


def kml(path: Path, body: str) -> Path:
    path.write_bytes(HEAD.format("UTF-8", body).encode())
    return path


def by_role(style: Sequence[Mapping[str, Any]]) -> Paint:
    return {part["id"].rpartition("--")[2]: part["paint"] for part in style}


@pytest.fixture
def painted(tmp_path: Path) -> Callable[[str], Paint]:
    """Read a KML body; return the paint of its style layers by their roles."""

    def run(body: str) -> Paint:
        layer = read_one(kml(tmp_path / "x.kml", body), tmp_path / "out")
        look = Look(layer.geometry, "#2f6fb0")
        drawn = drawn_style("x", look, layer.symbols) if layer.symbols else default_style("x", look)
        return by_role(drawn)

    return run


def test_what_is_published_is_drawn_as_the_file_draws_it(home: Path, tmp_path: Path) -> None:
    path = kml(tmp_path / "x.kml", SHARED + placemark("<styleUrl>#빨강</styleUrl>"))
    naru_json("ingest", str(path), "--id", "x", home=home)
    with create_engine(f"sqlite:///{home / 'catalog.sqlite'}").connect() as database:
        style = database.execute(text("SELECT style FROM versions")).scalar_one()
    assert by_role(json.loads(style))["line"]["line-color"] == "#ff0000"


def test_one_style_for_all_is_plain_paint(painted: Callable[[str], Paint]) -> None:
    paint = painted(SHARED + MAP + placemark("<styleUrl>#m</styleUrl>") + placemark("<styleUrl>#m</styleUrl>"))
    assert paint["fill"]["fill-color"] == "#00ff00"
    assert paint["fill"]["fill-opacity"] == pytest.approx(127 / 255, abs=0.001)
    assert (paint["line"]["line-color"], paint["line"]["line-width"]) == ("#ff0000", 3)


def test_several_styles_are_matched_on_the_field_that_names_them(painted: Callable[[str], Paint]) -> None:
    paint = painted(SHARED + placemark("<styleUrl>#빨강</styleUrl>") + placemark(BARE) + placemark(""))
    assert paint["fill"]["fill-color"][:6] == ["match", BY_STYLE, "빨강", "#00ff00", "style 1", "#332211"]
    assert paint["fill"]["fill-opacity"][4:6] == ["style 1", 0]
    assert paint["line"]["line-opacity"][4:6] == ["style 1", 0]


def test_each_feature_says_which_style_it_has(tmp_path: Path) -> None:
    body = SHARED + placemark("<styleUrl>#빨강</styleUrl>") + placemark(BARE) + placemark("") + placemark(BARE)
    layer = read_one(kml(tmp_path / "x.kml", body), tmp_path / "out")
    assert column(layer, "kml_style") == ["빨강", "style 1", None, "style 1"]


def test_styles_elsewhere_are_not_followed(painted: Callable[[str], Paint]) -> None:
    paint = painted(placemark("<styleUrl>http://127.0.0.1:9/styles.kml#red</styleUrl>"))
    assert paint["fill"]["fill-color"].startswith("#")
    assert "match" not in str(paint)


def test_icons_give_colour_and_size_and_never_an_address(painted: Callable[[str], Paint]) -> None:
    icon = "<IconStyle><color>ff00ffff</color><scale>2</scale><Icon><href>http://x/a.png</href></Icon></IconStyle>"
    point = "<Point><coordinates>127,37</coordinates></Point>"
    paint = painted(placemark(f"<Style>{icon}</Style>", point))
    assert (paint["circle"]["circle-color"], paint["circle"]["circle-radius"]) == ("#ffff00", 10)
    assert "http" not in str(paint)


@pytest.mark.parametrize("value", ["red", "zzzzzzzz", "", "ff0000"])
def test_colours_that_are_none_are_passed_over(painted: Callable[[str], Paint], value: str) -> None:
    paint = painted(placemark(f"<Style><PolyStyle><color>{value}</color></PolyStyle></Style>"))
    assert paint["fill"]["fill-color"].startswith("#")


@pytest.mark.parametrize(
    "said",
    [
        {"field": None, "symbols": {"a": {"line_color": "url(http://x)"}}},
        {"field": None, "symbols": {"a": {"icon-image": "http://x"}}},
        {"field": None, "symbols": {"a": {"line_width": 1e9}}},
        {"field": ["get", "x"], "symbols": {}},
        {"field": None, "symbols": {}},
        {"field": "f", "symbols": {str(n): {} for n in range(65)}},
    ],
)
def test_a_parser_cannot_smuggle_anything_into_a_style(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        parse(said)


def test_pictures_on_the_ground_are_counted_and_models_told(tmp_path: Path) -> None:
    body = placemark("") + "<GroundOverlay><name>항공사진</name></GroundOverlay>" + placemark("", "<Model/>")
    layer = read_one(kml(tmp_path / "x.kml", body), tmp_path / "out")
    assert layer.features_read == 3
    assert {c.reason: c.count for c in layer.dropped} == {
        "picture laid on the ground, no feature": 1,
        "no geometry": 1,
    }
    assert {"1 picture overlays were not read", "1 3D models were not read"} <= set(layer.warnings)
