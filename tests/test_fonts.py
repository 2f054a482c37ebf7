"""`/fonts/`: letters for maps that are drawn elsewhere, from the font of our own pictures."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.serving import Fake, make_home, open_app, service_of
from tileserver.rendering import fonts
from tileserver.rendering.mvt import _fields  # protobuf, as tiles are

SDF_EDGE = 192
ASCENDER = 26  # pixels


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    made = open_app(make_home(tmp_path_factory.mktemp("fonts") / "home", Fake("plain")))
    yield made
    service_of(made).close()


def get(app: Flask, letters: str, stack: str = "Pretendard Regular", **headers: str) -> TestResponse:
    return app.test_client().get(f"/fonts/{stack}/{letters}.pbf", headers=headers)


def glyphs(body: bytes) -> tuple[str, str, dict[int, dict[int, Any]]]:
    """Return the stack's name, the range and the letters by number (node-fontnik, glyphs.proto)."""
    ((_, stack),) = _fields(memoryview(body))
    fields = list(_fields(stack))
    names = [str(value, "utf-8") for number, value in fields if number in (1, 2)]
    letters = [dict(_fields(value)) for number, value in fields if number == 3]
    return names[0], names[1], {letter[1]: letter for letter in letters}


def signed(value: int) -> int:
    return value >> 1 ^ -(value & 1)


@pytest.mark.parametrize(("letters", "text"), [("0-255", "Ag1é"), ("44032-44287", "가각갯"), ("55040-55295", "힣")])
def test_letters_have_the_fonts_measures(app: Flask, letters: str, text: str) -> None:
    name, span, found = glyphs(get(app, letters).data)
    assert (name, span) == ("Pretendard Regular", letters)
    face = fonts.face(24.0)
    for sign in text:
        letter = found[ord(sign)]
        left, top, right, bottom = face.getbbox(sign, anchor="ls")
        assert (letter[3], letter[4]) == (right - left, bottom - top)
        assert (signed(letter[5]), signed(letter[6])) == (left, -top - ASCENDER)
        assert letter[7] == pytest.approx(face.getlength(sign), abs=0.5)
        field = np.frombuffer(letter[2], np.uint8).reshape(letter[4] + 6, letter[3] + 6)
        cover = np.asarray(face.getmask(sign, "L"), np.uint8).reshape(letter[4], letter[3])
        inside = field[3:-3, 3:-3] >= SDF_EDGE
        assert (inside == (cover >= 128)).mean() > 0.97
        assert field[0].max() < SDF_EDGE


def test_what_the_font_does_not_have_is_left_out(app: Flask) -> None:
    assert glyphs(get(app, "19968-20223").data)[2] == {}  # Hanja
    assert glyphs(get(app, "65280-65535").data)[1] == "65280-65535"
    assert set(glyphs(get(app, "0-255").data)[2]) >= set(range(33, 127))


def test_letters_are_packed_tagged_and_kept_for_a_day(app: Flask) -> None:
    packed = get(app, "0-255", **{"Accept-Encoding": "gzip"})
    plain = get(app, "0-255")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data) / 2
    assert "Content-Encoding" not in plain.headers
    for answer in (packed, plain):
        assert answer.headers["Cache-Control"] == "public, max-age=86400"
        assert answer.headers["Content-Type"] == "application/x-protobuf"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Accept-Encoding" in answer.headers["Vary"]
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert get(app, "0-255", **{"If-None-Match": plain.headers["ETag"]}).status_code == 304


def test_any_stack_is_our_font(app: Flask) -> None:
    asked = get(app, "0-255", "Open%20Sans%20Regular,Arial%20Unicode%20MS%20Regular")
    assert asked.data == get(app, "0-255").data


@pytest.mark.parametrize(
    "letters",
    [
        "0-256",
        "1-256",
        "256-255",
        "65536-65791",
        "00-255",
        "0-0255",
        "-256--1",
        "0-255.",
        "٠-255",
        "0",
        "a-b",
        "0-127",
    ],
)
def test_there_are_no_other_ranges(app: Flask, letters: str) -> None:
    assert get(app, letters).get_json()["code"] == "NOT_FOUND"


def test_a_name_without_end_is_not_found(app: Flask) -> None:
    assert get(app, "0-255", "a" * 257).status_code == 404


def test_letters_that_are_kept_are_not_drawn_again(
    app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = get(app, "256-511").data
    monkeypatch.setattr(service_of(app).letters.workshop, "do", lambda *_: pytest.fail("drawn again"))
    assert get(app, "256-511", "Another").data == before
