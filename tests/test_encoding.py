"""Korean attribute tables are legible, whatever their .cpg and language byte say (tiling notes, §2)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ingest.encoding import normalise
from naru.errors import EncodingUnknown
from tests.reading import column, dbf, read_one, shapefile

# 뷁 펲 똠 are syllables of CP949 that EUC-KR does not have.
NAME, VALUE = "행정동", "뷁펲똠 강남구"
ALIASES = [
    "CP949",
    "949",
    "UHC",
    "EUC-KR",
    "euckr",
    "MS949",
    "ANSI 949",
    "ks_c_5601-1987",
    "KSC5601",
    "x-windows-949",
]


def layer_of(folder: Path, codec: str, cpg: str | None, language_id: int = 0, **options: object):
    table = dbf([NAME.encode(codec)], [[VALUE.encode(codec)], [b"plain"]], language_id)
    path = shapefile(folder / "in" / "table", [(126.9, 37.5), (127.0, 37.6)], table)
    if cpg is not None:
        path.with_suffix(".cpg").write_bytes(cpg.encode())
    return read_one(path, folder / "out", **options)


@pytest.mark.parametrize("alias", ALIASES)
def test_every_korean_alias_means_cp949(tmp_path: Path, alias: str) -> None:
    layer = layer_of(tmp_path, "cp949", alias)
    assert column(layer, NAME) == [VALUE, "plain"]
    assert layer.encoding == "CP949"
    assert alias in str(layer.encoding_how)


@pytest.mark.parametrize("language_id", [0x00, 0x4E, 0x79, 0x57, 0xF0, 0x03])
def test_without_cpg_the_bytes_decide(tmp_path: Path, language_id: int) -> None:
    layer = layer_of(tmp_path, "cp949", None, language_id)
    assert column(layer, NAME) == [VALUE, "plain"]
    assert layer.encoding == "CP949"
    assert f"0x{language_id:02X}" in str(layer.encoding_how)


@pytest.mark.parametrize(("cpg", "codec"), [("UTF-8", "cp949"), ("CP949", "utf-8"), ("ISO-8859-1", "cp949")])
def test_a_wrong_cpg_is_found_out_and_said(tmp_path: Path, cpg: str, codec: str) -> None:
    layer = layer_of(tmp_path, codec, cpg)
    assert column(layer, NAME) == [VALUE, "plain"]
    assert layer.encoding == codec.upper()
    assert any(cpg in warning for warning in layer.warnings)


@pytest.mark.parametrize("cpg", ["UTF-8", "utf8", "65001", "\ufeffUTF-8\r\n"])
def test_utf8_is_read_as_utf8(tmp_path: Path, cpg: str) -> None:
    layer = layer_of(tmp_path, "utf-8", cpg)
    assert column(layer, NAME) == [VALUE, "plain"]
    assert not layer.warnings


def test_utf8_without_cpg_whose_last_character_is_cut_by_the_field(tmp_path: Path) -> None:
    cut = ("가" * 20).encode()[:40]  # 13 whole syllables and a third of one
    path = shapefile(tmp_path / "in" / "cut", [(126.9, 37.5)], dbf([b"name"], [[cut]]))
    layer = read_one(path, tmp_path / "out")
    assert layer.encoding == "UTF-8"
    assert str(column(layer, "name")[0]).startswith("가" * 13)


@pytest.mark.parametrize("codec", ["utf-8", "cp949"])
def test_a_field_name_cut_within_a_character_loses_only_that_character(tmp_path: Path, codec: str) -> None:
    table = dbf(["a행정동명칭".encode(codec)], [["값".encode(codec)]])
    layer = read_one(shapefile(tmp_path / "in" / "cut", [(126.9, 37.5)], table), tmp_path / "out")
    assert column(layer, {"utf-8": "a행정동", "cp949": "a행정동명"}[codec]) == ["값"]


def test_french_in_windows_1252_is_not_taken_for_korean(tmp_path: Path) -> None:
    table = dbf([b"nom"], [["Évreux, Orléans, Besançon".encode("cp1252")]], 0x03)
    path = shapefile(tmp_path / "in" / "fr", [(2.3, 48.8)], table)
    layer = read_one(path, tmp_path / "out")
    assert column(layer, "nom") == ["Évreux, Orléans, Besançon"]


def test_text_in_no_known_encoding_is_read_with_a_warning(tmp_path: Path) -> None:
    path = shapefile(tmp_path / "in" / "odd", [(2.3, 48.8)], dbf([b"nom"], [["Évreux".encode("cp1252")]]))
    layer = read_one(path, tmp_path / "out")
    assert column(layer, "nom") == ["Évreux"]
    assert any("--encoding" in warning for warning in layer.warnings)


def test_the_users_encoding_goes_first_and_is_checked(tmp_path: Path) -> None:
    layer = layer_of(tmp_path, "cp949", "UTF-8", encoding="euc-kr")
    assert column(layer, NAME) == [VALUE, "plain"]
    assert layer.encoding_how == "given by --encoding"
    with pytest.raises(EncodingUnknown, match="not valid UTF-8") as refused:
        layer_of(tmp_path, "cp949", None, encoding="UTF-8")
    assert refused.value.file == "table.shp"
    with pytest.raises(EncodingUnknown, match="no encoding named 'klingon'"):
        layer_of(tmp_path, "cp949", None, encoding="klingon")


def test_names_that_only_python_knows_are_no_encodings() -> None:
    assert [normalise(n) for n in ("hex", "zip", "rot13", "", "\0", "punycode", "unicode_escape")] == [None] * 7


@pytest.mark.parametrize("codec", ["cp949", "utf-16"])
def test_geojson_that_is_not_utf8_is_read_with_a_warning(tmp_path: Path, codec: str) -> None:
    feature = {
        "type": "Feature",
        "properties": {NAME: VALUE},
        "geometry": {"type": "Point", "coordinates": [127, 37]},
    }
    (tmp_path / "x.geojson").write_text(json.dumps(feature, ensure_ascii=False), codec)
    layer = read_one(tmp_path / "x.geojson", tmp_path / "out")
    assert column(layer, NAME) == [VALUE]
    assert layer.encoding == codec.upper()
    assert any("must be UTF-8" in w for w in layer.warnings)


def test_geojson_in_no_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.geojson").write_bytes(b'{"type": "Point", "coordinates": [127, 37], "a": "\xff\xff"}')
    with pytest.raises(EncodingUnknown, match="UTF-8 or CP949"):
        read_one(tmp_path / "x.geojson", tmp_path / "out")


def test_genuine_files_are_legible(shared, tmp_path: Path) -> None:
    juso = read_one(shared("data/seoul_juso2015/seoul_municipalities.shp"), tmp_path / "a")
    kostat = read_one(shared("data/seoul_kostat2013_bessel/seoul_municipalities.shp"), tmp_path / "b")
    assert "강남구" in column(juso, "SIG_KOR_NM")
    assert "강남구" in column(kostat, "name")
    assert "0xF0 names no code page; bytes are valid CP949 and not UTF-8" in str(kostat.encoding_how)
