"""The report of a run: written with it and made again, safe whatever things are called, of two runs."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from fontTools.ttLib import TTFont

from tests.commands import naru_here, naru_here_json
from tests.valleys import write_scenario
from twin.report import html, lettering, limits, pdf
from twin.report.blocks import Block, Document, Heading, Points, Table, Text
from twin.report.charts import hydrographs
from twin.report.maps import Maps, Mark
from twin.report.wishes import keep_wish, kept_wish
from twin.scenario.spec import ReportSpec, ShapeSource

EVIL = '<script>alert(1)</script> & "따옴표" $\\frac{ _밑줄 漢字 \U0001f30a'
DONG = ("신사동", EVIL)
VOID = {"meta", "br", "img"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a scenario that is reported on, its run in `one`, and one without buildings in `two`."""
    folder = tmp_path_factory.mktemp("reports")
    houses = [shapely.box(200_020 + 25 * n, 549_880, 200_032 + 25 * n, 549_890) for n in range(8)]
    dong = [shapely.box(200_000, 549_800, 200_100, 550_000), shapely.box(200_100, 549_800, 200_200, 550_000)]
    road = [shapely.LineString([(200_000, 549_900), (200_300, 549_900)])]
    for name, shapes, names in (("houses", houses, None), ("dong", dong, DONG), ("road", road, ["중앙로"])):
        fields = {} if names is None else {"행정동명": names}
        gpd.GeoDataFrame(fields, geometry=shapes, crs="EPSG:5186").to_file(folder / f"{name}.gpkg")
    asked = {
        "title_ko": f"계곡 {EVIL}",
        "buildings": {"file": "houses.gpkg", "as": "raise"},
        "report": {"roads": "road.gpkg", "regions": "dong.gpkg"},
        "rain": {"uniform_mm_h": 60},
        "sections": [{"name": "끝", "line": [[200_280, 549_960], [200_280, 549_850]]}],
        "structures": [
            {"id": "W-1", "name": EVIL, "type": "weir", "line": [[200_150, 549_930], [200_150, 549_870]]}
            | {"crest_elevation_m": 10.2, "width_m": 60}
        ],
        "gauges": [{"name": EVIL, "at": [200_250, 549_900]}, {"name": "_낮은 곳", "at": [200_050, 549_900]}],
    }
    write_scenario(folder, "one.yaml", **asked)
    write_scenario(folder, "two.yaml", scenario="plain", gauges=[{"name": EVIL, "at": [200_250, 549_900]}])
    for name in ("one", "two"):
        naru_here_json("twin", "run", str(folder / f"{name}.yaml"), "--out", str(folder / name), home=folder / "no")
    return folder


class Page(HTMLParser):
    """Reads a page: its elements have to be closed; the texts of cells by row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.rows: list[list[str]] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data

    def row(self, name: str, nth: int = 0) -> list[str]:
        """Return the cells behind the nth row of a name."""
        return [cells[1:] for cells in self.rows if cells[0] == name][nth]


def page_of(run: Path) -> Page:
    return Page((run / "report.html").read_text("utf-8"))


def pages(document: bytes) -> int:
    return len(re.findall(rb"/Type /Page\n", document))


# --- with the run -----------------------------------------------------------------------------------------


def test_a_run_that_is_to_be_reported_on_leaves_html_and_pdf(folder: Path) -> None:
    told = json.loads((folder / "one" / "run.json").read_text("utf-8"))
    assert told["outputs"]["report"] == "report.html" and told["outputs"]["report.pdf"] == "report.pdf"
    assert told["structures"]["W-1"]["at"] == [[200_150, 549_930], [200_150, 549_870]]
    document = (folder / "one" / "report.pdf").read_bytes()
    assert document.startswith(b"%PDF-") and 3 <= pages(document) <= 12


def test_a_run_for_which_nobody_asks_leaves_no_report(folder: Path) -> None:
    assert not (folder / "two" / "report.html").exists()


def test_names_are_text_and_never_elements(folder: Path) -> None:
    page = page_of(folder / "one")
    assert page.tags <= {
        *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "p", "span", "br", "img"),
        *("ul", "li", "div", "table", "caption", "thead", "tbody", "tr", "th", "td"),
    }
    assert page.row(EVIL)


def test_a_report_needs_nothing_from_elsewhere(folder: Path) -> None:
    text = (folder / "one" / "report.html").read_text("utf-8")
    sources = re.findall(r'(?:src|href)="([^"]{0,20})', text)
    assert sources and all(source.startswith("data:image/png") for source in sources)
    assert "url(" not in text


def test_what_is_counted_is_what_lies_there(folder: Path) -> None:
    page = page_of(folder / "one")
    assert page.row("신사동")[-1] == "20,000"  # m², all of it: water stands 10 cm deep at the start
    assert page.row("전체 · all", 1)[-1] == "8"  # buildings, dry inside
    assert page.row("전체 · all", 2)[-1] == "300"  # m of road
    assert page.row("신사동", 2)[-1] == "100"
    assert page.row("구역 밖 · elsewhere", 2)[-1] == "100"


def test_every_input_is_told_with_its_hash(folder: Path) -> None:
    page = page_of(folder / "one")
    told = json.loads((folder / "one" / "run.json").read_text("utf-8"))
    terrain = next(each for each in told["inputs"] if each["role"] == "terrain")
    assert page.row("지형 · terrain") == ["valley.tif", f"SHA-256 {terrain['sha256']}"]
    assert page.row("집계한 도로 · report: roads")[0] == "road.gpkg"
    assert page.row("강우 · rain", -1)[0] == "60 mm/h"


def test_no_number_is_missing(folder: Path) -> None:
    text = re.sub(r'src="[^"]*"', "", (folder / "one" / "report.html").read_text("utf-8"))
    assert not re.search(r"\b(nan|inf|None)\b", text)


def test_limits_say_what_was_left_out(folder: Path) -> None:
    told = [json.loads((folder / name / "run.json").read_text("utf-8")) for name in ("one", "two")]
    texts = [" ".join(en for _, en in limits.of(each)) for each in told]
    assert ["No buildings were given" in text for text in texts] == [False, True]
    assert all("No sewers were given" in text and "local inertial scheme" in text for text in texts)
    assert "No sewers were given" in (folder / "one" / "report.html").read_text("utf-8")


# --- made again -------------------------------------------------------------------------------------------


def test_a_report_made_again_counts_the_same(folder: Path) -> None:
    before = page_of(folder / "one").rows
    made = naru_here_json("twin", "report", str(folder / "one"), home=folder / "no")
    assert made["outputs"]["report"] == str(folder / "one" / "report.html") and made["warnings"] == []
    assert page_of(folder / "one").rows == before


def test_two_runs_are_compared(folder: Path) -> None:
    words = ("twin", "report", str(folder / "one"), "--compare", str(folder / "two"))
    assert naru_here(*words, home=folder / "no").returncode == 0
    page = page_of(folder / "one")
    rain, none = (json.loads((folder / n / "run.json").read_text("utf-8"))["gauges"][EVIL] for n in ("one", "two"))
    beside = page.row(EVIL, -1)
    assert beside[:2] == [f"{each['max_stage_m']:.2f}" for each in (rain, none)]
    assert beside[2].startswith(("+", "-"))
    assert page.row("둘 다 침수 · flooded in both")


def test_runs_on_other_cells_are_not_compared(folder: Path) -> None:
    write_scenario(folder, "coarse.yaml", scenario="coarse", domain={"cell_m": 10}, duration_h=0.02)
    naru_here_json("twin", "run", str(folder / "coarse.yaml"), "--out", str(folder / "coarse"), home=folder / "no")
    words = ("twin", "report", str(folder / "one"), "--compare", str(folder / "coarse"))
    done = naru_here(*words, home=folder / "no")
    assert done.returncode == 1 and "cannot be compared" in done.stderr and "10 m" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "there is no run 'nowhere'"),
        (["one", "--roads", "houses.gpkg.gone"], "there is no file"),
        (["one", "--compare", "."], "no finished run"),
    ],
)
def test_what_is_not_there_is_named(folder: Path, words: list[str], said: str, monkeypatch: Any) -> None:
    monkeypatch.chdir(folder)
    done = naru_here("twin", "report", *words, home=folder / "no")
    assert done.returncode == 1 and said in done.stderr


def test_a_report_that_fails_costs_no_run(folder: Path) -> None:
    points = gpd.GeoDataFrame({}, geometry=[shapely.Point(200_000, 549_900)], crs="EPSG:5186")
    points.to_file(folder / "points.gpkg")
    path = write_scenario(folder, "bad.yaml", report={"roads": "points.gpkg"}, duration_h=0.02)
    made = naru_here_json("twin", "run", str(path), "--out", str(folder / "bad"), home=folder / "no")
    assert "report" not in made["outputs"]
    assert any("no report was written" in each for each in made["warnings"])


def test_a_run_that_stays_dry_has_a_report_too(folder: Path) -> None:
    path = write_scenario(folder, "dry.yaml", initial=None, outputs=["max_depth", "report"], duration_h=0.02)
    naru_here_json("twin", "run", str(path), "--out", str(folder / "dry"), home=folder / "no")
    assert "Nothing is flooded" in (folder / "dry" / "report.html").read_text("utf-8")


def test_an_ensemble_is_reported_on_and_its_members_are_compared(folder: Path) -> None:
    path = write_scenario(
        folder, "both.yaml", vary={"manning_n": [0.03, 0.06]}, report={"roads": "road.gpkg"}, duration_h=0.02
    )
    words = ("twin", "run", str(path), "--out", str(folder / "both"), "--keep-members")
    naru_here_json(*words, home=folder / "no")
    one, two = sorted((folder / "both" / "members").iterdir())
    naru_here_json("twin", "report", str(one), "--compare", str(two), home=folder / "no")
    assert page_of(one).row("전체 · all", 1)[-1] == "300"
    assert page_of(folder / "both").row("전체 · all", 1)[-1] == "300"  # the ensemble's own
    told = json.loads((folder / "both" / "run.json").read_text("utf-8"))
    deepest = [f"{member['max_depth_m']:.2f}" for member in told["members"]]
    assert [page_of(folder / "both").row(value)[1] for value in ("0.03", "0.06")] == deepest


def test_what_is_counted_is_kept_as_it_was_said(tmp_path: Path) -> None:
    wish = ReportSpec(
        buildings=ShapeSource(inline=(((127.0, 37.5), (127.1, 37.5), (127.0, 37.6)),), where="buildings"),
        roads=ShapeSource(file=tmp_path / "도로.gpkg", columns={"name": "도로명"}, where="report.roads"),
        regions=ShapeSource(layer="seoul-dong", where="report.regions"),
        coordinates="lonlat",
    )
    keep_wish(tmp_path, wish)
    assert kept_wish(tmp_path) == wish
    assert kept_wish(tmp_path / "elsewhere") == ReportSpec()


# --- pictures and pages -----------------------------------------------------------------------------------


def test_what_the_font_lacks_is_a_box() -> None:
    with TTFont(lettering.truetype(), lazy=True) as font:
        known = font.getBestCmap()
    shown = lettering.printable(EVIL + "\n수위 ≥ 5 m³/s")
    assert all(ord(each) in known for each in shown)
    assert shown.endswith("□□ □ 수위 ≥ 5 m³/s")
    assert lettering.label("_가") == " _가" and len(lettering.label("가" * 99)) == 28


def test_pictures_take_any_name() -> None:
    times = np.linspace(0, 600, 5)
    made = hydrographs({f"{EVIL}{n}": (times, times * n) for n in range(11)}, (EVIL, EVIL), "m")
    assert [picture.png[:4] for picture in made] == [b"\x89PNG"] * 2


def test_names_on_a_map_do_not_cover_each_other() -> None:
    from twin.grid import Frame

    frame = Frame(0, 100, 1, 100, 100, "")
    marks = [Mark(str(n), np.array([[float(n), 50.0]])) for n in range(100)]
    assert sum(Maps(frame, None, marks)._named()) == 10


def test_a_table_longer_than_a_page_goes_on() -> None:
    rows = tuple((f"{EVIL}{n}", "긴이름" * 20, "f" * 64) for n in range(120))
    head = (("역할", "role"), ("자료", "what"), ("확인", "hash"))
    blocks: tuple[Block, ...] = (
        Heading((EVIL, "x")),
        Text((EVIL, "")),
        Points(((EVIL, EVIL),)),
        Table(("표", "table"), head, rows, strong=(119,), wide=True),
    )
    document = Document((EVIL, "x"), EVIL, blocks)
    assert pages(pdf.render(document)) > 5
    assert "<script" not in html.render(document)
