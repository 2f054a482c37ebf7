"""The terrain files of the sample river, one for each form in which its sections come."""

from __future__ import annotations

from pathlib import Path

from sample_data.river.truth import CRS, VERTICAL_DATUM

TERRAIN = "sample-river"
TITLE_KO, TITLE_EN = "가상 하천", "Sample river (synthetic)"
ATTRIBUTION = "Naru sample data: a river that does not exist"

_SECTIONS = {
    "csv": "sections: {file: sections.csv, id: section, reach: reach, station: station_m, "
    "x: x, y: y, z: bed_el_m, code: code}",
    "shp": "sections: {file: sections.shp, id: 측선, reach: 하천, encoding: CP949}",
    "geojson": "sections: {file: sections.geojson, id: section, reach: reach}",
    "hecras": "sections: sections.g01",
}
_LINES = """centreline: {file: centreline.geojson, reach: reach, downstream: downstream}
banks: {file: banks.geojson, reach: reach, side: side}
"""
_HEAD = """# 가상 하천: a river that does not exist, surveyed in {form}. See sample_data/README.md.
terrain: {terrain}
title: {title_ko}
title_en: {title_en}
ground: {ground}
crs: {crs}
vertical_datum: {datum}
cell_m: {cell:g}
"""
_TAIL = """levees: levees.geojson
bridges: bridges.geojson
bank_blend_m: 5
licence: Apache-2.0
attribution: "{attribution}"
"""


def write_specs(folder: Path, cell_m: float) -> list[Path]:
    """Write `terrain.yaml` (all there is) and one file per form of the sections; return their paths."""
    whole = (
        _head("csv", TERRAIN, "ground.tif", cell_m)
        + _SECTIONS["csv"]
        + "\n"
        + _LINES
        + "soundings: {file: soundings.csv, x: x, y: y, z: bed_el_m}\n"
        + "buildings: {file: buildings.geojson, as: roughness, height: height_m, floors: floors}\n"
        + "water_stage_m: {file: stage.csv}\n"
        + _TAIL.format(attribution=ATTRIBUTION)
    )
    texts = {"terrain.yaml": whole}
    for form, given in _SECTIONS.items():
        ground = "ground.asc" if form == "geojson" else "ground.tif"
        lines = "" if form == "hecras" else _LINES
        head = _head(form, f"{TERRAIN}-{form}", ground, cell_m)
        texts[f"terrain-{form}.yaml"] = f"{head}{given}\n{lines}{_TAIL.format(attribution=ATTRIBUTION)}"
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def _head(form: str, terrain: str, ground: str, cell_m: float) -> str:
    return _HEAD.format(
        form=form,
        terrain=terrain,
        title_ko=f'"{TITLE_KO}"',
        title_en=f'"{TITLE_EN}"',
        ground=ground,
        crs=CRS,
        datum=VERTICAL_DATUM,
        cell=cell_m,
    )
