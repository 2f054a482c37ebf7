"""The page's built files are what its sources give, and carry their licences. (No Node is needed for this.)"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator

import pytest

from ingest import dateline, features
from ingest.tables import angles, coordinates
from naru.errors import BadInput
from naru.ingest_options import OPTIONS
from naru.ramps import ramp_classes, ramp_colours
from tests.conftest import ROOT
from twin.burning.provenance import ORIGINS
from twin.facilities.types import FIELDS, TYPES
from twin.forcing import design

STATIC = ROOT / "tileserver" / "static"
VIEWER = ROOT / "viewer"
SOURCES = (
    "docs.html",
    "flood.html",
    "index.html",
    "keys.html",
    "licences",
    "package-lock.json",
    "package.json",
    "scene.html",
    "src",
    "tools",
    "upload.html",
    "usage.html",
    "vite.config.ts",
)
REMEDY = "type `npm ci && npm run build` in viewer/ and commit tileserver/static/"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def manifest() -> dict:
    return json.loads((STATIC / "manifest.json").read_text())


def test_every_shipped_file_is_in_the_manifest_unchanged(manifest: dict) -> None:
    there = {p.relative_to(STATIC).as_posix(): p for p in STATIC.rglob("*") if p.is_file()}
    del there["manifest.json"]
    assert there.keys() == manifest["files"].keys()
    for name, path in there.items():
        assert _sha256(path.read_bytes()) == manifest["files"][name]["sha256"], name


def test_the_files_were_built_from_these_sources(manifest: dict) -> None:
    paths = [
        p for name in SOURCES for p in ((VIEWER / name).rglob("*") if (VIEWER / name).is_dir() else [VIEWER / name])
    ]
    names = sorted(p.relative_to(VIEWER).as_posix() for p in paths if p.is_file())
    lines = "".join(f"{name} {_sha256((VIEWER / name).read_bytes())}\n" for name in names)
    assert _sha256(lines.encode()) == manifest["sources"], REMEDY


def test_every_bundled_package_has_its_licence_text() -> None:
    packages = json.loads((VIEWER / "package-lock.json").read_text())["packages"]
    text = (STATIC / "LICENCES.txt").read_text()
    shipped = {path: entry for path, entry in packages.items() if path and not entry.get("dev")}
    assert "node_modules/maplibre-gl" in shipped
    for path, entry in shipped.items():
        assert f"{path.rpartition('node_modules/')[2]} {entry['version']} (" in text
    assert "SIL OPEN FONT LICENSE" in text


def test_the_lock_names_no_registry_and_every_version_is_exact() -> None:
    lock = json.loads((VIEWER / "package-lock.json").read_text())
    assert not [path for path, entry in lock["packages"].items() if "resolved" in entry]
    package = json.loads((VIEWER / "package.json").read_text())
    for name, version in (package["dependencies"] | package["devDependencies"]).items():
        assert version[0].isdigit(), name


@pytest.mark.parametrize(
    "page", ["index.html", "docs.html", "flood.html", "keys.html", "scene.html", "upload.html", "usage.html"]
)
def test_pages_have_no_inline_code_and_load_only_their_own_files(page: str) -> None:
    text = (STATIC / page).read_text()
    assert " style=" not in text
    assert "<style" not in text
    assert "://" not in text
    assert text.count("<script") == text.count('<script type="module" crossorigin src="static/assets/')


def test_no_page_but_the_3d_scene_loads_more_than_the_map_needs() -> None:
    assets = {path.name: path for path in (STATIC / "assets").iterdir()}
    large = {name for name, path in assets.items() if path.stat().st_size > 1_300_000}
    assert [re.sub(r"-[\w-]{8}\.js$", "", name) for name in large] == ["globe"]  # CesiumJS
    (globe,) = large
    assert assets[globe].stat().st_size < 3_500_000
    naming = [name for name, path in assets.items() if name.endswith(".js") and globe in path.read_text("utf-8")]
    assert [name.partition("-")[0] for name in naming] == ["scene"]
    assert sum(path.stat().st_size for path in assets.values()) < 9_000_000


def test_the_card_of_facilities_names_every_field_kind_and_choice_as_the_template_does() -> None:
    words = (VIEWER / "src" / "twin" / "facility-words.ts").read_text(encoding="utf-8")
    kinds = (VIEWER / "src" / "twin" / "facility.ts").read_text(encoding="utf-8")
    for kind, fields in FIELDS.items():
        assert f'  {kind}: {{ names: ["{TYPES[kind].ko}", ' in kinds
        for field in fields.values():
            unit = {"–": "", "s·m^-1/3": "s·m⁻¹ᐟ³"}.get(field.unit, field.unit)
            named = f'  ["{field.name}", "{field.ko}", "{field.en[0].upper()}{field.en[1:]}"'
            assert named + (f', "{unit}"' if unit else "") + "]," in words, field.name
            for choice, korean in field.choices.items():
                assert f'  {choice}: ["{korean}", ' in words, choice
            assert field.kind != "curve" or f"  {field.name}: {{ x: " in words


def test_a_section_names_all_that_heights_can_come_from_as_the_terrain_does() -> None:
    names = (VIEWER / "src" / "twin" / "section.ts").read_text(encoding="utf-8")
    words = (VIEWER / "src" / "twin" / "texts.ts").read_text(encoding="utf-8")
    (listed,) = re.findall(r"PROVENANCE = \[(.*?)\]", names)
    assert re.findall(r'"(\w+)"', listed) == [origin.name for origin in ORIGINS]
    assert [o.name for o in ORIGINS if f'  provenance_{o.name}: "{o.title_ko}"' not in words] == []


def test_the_flood_page_draws_the_hyetographs_that_the_model_rains() -> None:
    text = (VIEWER / "src" / "flood" / "rain.ts").read_text(encoding="utf-8")
    huff = (ROOT / "twin" / "forcing" / "data" / "huff.csv").read_text(encoding="utf-8")
    names, *rows = [line.split(",") for line in huff.splitlines() if not line.startswith("#")]
    for column, name in enumerate(names[1:], 1):
        assert f'"{name}": [{", ".join(row[column] for row in rows[1:-1])}]' in text
    assert f"EXPONENT = {design._EXPONENT:g};" in text
    assert f"BLOCK_MIN = {design._BLOCK_MIN:g};" in text


def test_the_flood_page_colours_depths_as_the_depth_layers_do() -> None:
    text = (VIEWER / "src" / "flood" / "classes.ts").read_text(encoding="utf-8")
    classes = zip(ramp_classes("depth"), ramp_colours("depth"), strict=True)
    told = [f'  {{ from: {mark.value:g}, colour: "{colour}" }},' for mark, colour in classes]
    assert "CLASSES: readonly DepthClass[] = [\n" + "\n".join(told) + "\n];" in text


def _codes(kind: type[BadInput]) -> Iterator[str]:
    yield kind.code
    for sub in kind.__subclasses__():
        yield from _codes(sub)


def test_the_upload_page_has_a_sentence_for_every_reason_to_refuse_a_file() -> None:
    text = (VIEWER / "src" / "upload" / "troubles.ts").read_text(encoding="utf-8")
    assert [code for code in _codes(BadInput) if not re.search(rf"^  {code}: \[", text, re.MULTILINE)] == []


def test_the_upload_page_has_a_field_for_every_option() -> None:
    text = (VIEWER / "src" / "upload" / "options.ts").read_text(encoding="utf-8")
    fields = set(re.findall(r"\{ name: \"(\w+)\", label", text))
    assert fields - {"group"} == {option.field for option in OPTIONS} - {"dry_run"}


def test_the_upload_page_says_why_features_were_left_out_or_repaired_in_korean() -> None:
    text = (VIEWER / "src" / "upload" / "reasons.ts").read_text(encoding="utf-8")
    given = {value for module in (dateline, features, angles, coordinates) for value in _reasons(module)}
    assert len(given) > 20
    assert sorted(reason for reason in given if f'["{reason}", "' not in text) == []


def _reasons(module: object) -> Iterator[str]:
    """The reasons that a module counts features under: its public constants, and what repairs are called."""
    found = [value for name, value in vars(module).items() if name.isupper() and not name.startswith("_")]
    yield from (value for value in found if isinstance(value, str) and " " in value)
    yield from getattr(module, "_REPAIRS", {}).values()
