"""Expressions of styles: what they give, and that nothing outside of the grammar does more than be refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tileserver.rendering import colours
from tileserver.rendering.expressions import _OPERATORS, Feature, Refused, Unanswerable, compiled
from tileserver.rendering.filters import compiled_filter
from tileserver.rendering.sheets import PROPERTIES, default, sheets

ROAD = Feature("LineString", 7, {"이름": "세종대로", "차로": 8, "폭": 12.5, "고가": True, "빈": None})


def value(expression: Any, want: Any = "any", zoom: float = 12.0, feature: Feature = ROAD) -> Any:
    return compiled(expression, want).run(feature, zoom)


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        (["get", "이름"], "세종대로"),
        (["get", "없음"], None),
        (["has", "차로"], True),
        (["id"], 7),
        (["geometry-type"], "LineString"),
        (["zoom"], 12.0),
        (["to-string", ["get", "차로"]], "8"),
        (["to-string", ["get", "폭"]], "12.5"),
        (["to-string", ["get", "고가"]], "true"),
        (["to-string", ["get", "빈"]], ""),
        (["to-number", "x", ["get", "차로"]], 8.0),
        (["match", ["get", "이름"], "종로", 1, ["세종대로", "을지로"], 2, 3], 2),
        (["match", ["get", "차로"], 8, "넓음", "좁음"], "넓음"),
        (["match", ["get", "고가"], 1, "one", "other"], "other"),
        (["case", [">", ["get", "차로"], 9], "a", ["==", ["get", "고가"], True], "b", "c"], "b"),
        (["coalesce", ["get", "빈"], ["get", "없음"], "끝"], "끝"),
        (["step", ["get", "차로"], "s", 4, "m", 8, "l"], "l"),
        (["interpolate", ["linear"], ["zoom"], 10, 1, 14, 3], 2.0),
        (["interpolate", ["exponential", 2], ["zoom"], 10, 0, 13, 7], 3.0),
        (["interpolate", ["linear"], ["zoom"], 13, 5, 14, 9], 5.0),
        (["interpolate", ["linear"], ["zoom"], 8, 5, 9, 6], 6.0),
        (["concat", ["get", "이름"], " ", ["get", "차로"]], "세종대로 8"),
        (["format", ["get", "이름"], {"font-scale": 0.8}, "!", {}], "세종대로!"),
        (["in", "종", ["get", "이름"]], True),
        (["in", ["get", "차로"], ["literal", [2, 4, 8]]], True),
        (["all", ["has", "차로"], ["!", ["has", "없음"]]], True),
        (["any", False, ["==", 1, 2]], False),
        (["==", ["get", "고가"], 1], False),
        (["+", 1, ["*", 2, 3], ["-", 4]], 3.0),
        (["/", 7, 2], 3.5),
        (["^", 2, 10], 1024.0),
        (["round", 2.5], 3),
        (["upcase", "ab"], "AB"),
        (["length", ["get", "이름"]], 4),
    ],
    ids=str,
)
def test_an_expression_has_the_value_that_the_specification_gives_it(expression: Any, wanted: Any) -> None:
    assert value(expression) == wanted


def test_colours_are_mixed_by_their_alpha() -> None:
    mixed = value(["interpolate", ["linear"], ["zoom"], 10, "#ff0000", 14, "rgba(0, 0, 255, 0)"], "color")
    assert mixed == pytest.approx((1.0, 0.0, 0.0, 0.5))
    assert value(["case", ["has", "차로"], "#0f0", "red"], "color") == (0.0, 1.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("#123", (0x11 / 255, 0x22 / 255, 0x33 / 255, 1.0)),
        ("#11223380", (0x11 / 255, 0x22 / 255, 0x33 / 255, 0x80 / 255)),
        ("rgb(255, 0, 51)", (1.0, 0.0, 0.2, 1.0)),
        ("rgb(100% 0% 20% / 50%)", (1.0, 0.0, 0.2, 0.5)),
        ("hsl(120, 100%, 50%)", (0.0, 1.0, 0.0, 1.0)),
        ("hsla(240deg, 100%, 25%, 0.25)", (0.0, 0.0, 0.5, 0.25)),
        ("Navy", (0.0, 0.0, 128 / 255, 1.0)),
        ("transparent", (0.0, 0.0, 0.0, 0.0)),
    ],
)
def test_a_colour_is_read_as_css_writes_it(text: str, wanted: tuple[float, ...]) -> None:
    assert colours.parse(text) == pytest.approx(wanted)


@pytest.mark.parametrize("text", ["", "#12", "#12345", "rgb(1,2)", "rgb(a,b,c)", "url(x)", "#gggggg", "hsl()"])
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        colours.parse(text)


@pytest.mark.parametrize(
    ("given_filter", "kept"),
    [
        (["==", "이름", "세종대로"], True),
        (["!=", "차로", 8], False),
        (["==", "$type", "LineString"], True),
        (["==", "$id", 7], True),
        (["in", "차로", 2, 8], True),
        (["!in", "차로", 2, 8], False),
        (["!has", "없음"], True),
        (["none", ["has", "없음"], [">", "차로", 10]], True),
        (["all", [">=", "차로", 8], ["any", ["==", "고가", True], ["has", "x"]]], True),
        (["==", ["get", "이름"], "종로"], False),
        ([">", ["get", "이름"], 3], False),  # no answer: left out
        (True, True),
    ],
    ids=str,
)
def test_filters_of_both_kinds_keep_what_they_should(given_filter: Any, kept: bool) -> None:
    assert compiled_filter(given_filter).run(ROAD, 12.0) is kept


@pytest.mark.parametrize(
    "expression",
    [
        ["image", "x"],
        ["within", {}],
        [],
        [1, 2],
        ["get"],
        ["get", 1, 2],
        ["match", ["get", "a"], ["b"], 1],
        ["step", ["zoom"], 1, 5],
        ["interpolate", ["cubic-bezier", 0, 0, 1, 1], ["zoom"], 1, 2],
        ["interpolate", ["linear"], ["zoom"], 2, 1, 1, 2],
        {"stops": [[1, 2]]},
        ["literal"],
    ],
    ids=str,
)
def test_what_is_not_in_the_grammar_is_refused(expression: Any) -> None:
    with pytest.raises(Refused):
        compiled(expression, "number")


def test_nesting_and_length_are_limited() -> None:
    deep: Any = 1
    for _ in range(10_000):
        deep = ["!", deep]
    with pytest.raises(Refused, match="deep"):
        compiled(deep, "any")
    with pytest.raises(Refused, match="long"):
        compiled(["concat", *["x"] * 30_000], "string")


@pytest.mark.parametrize("expression", [["/", 1, 0], ["sqrt", -1], ["^", 10, 1e9], ["^", -8, 0.5], ["+", "a", 1]])
def test_arithmetic_that_has_no_answer_leaves_the_default(expression: Any) -> None:
    with pytest.raises(Unanswerable):
        value(expression, "number")


_LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.sampled_from(sorted(_OPERATORS))
)
_JSON = st.recursive(
    _LEAVES,
    lambda inside: st.one_of(
        st.lists(inside, max_size=6),
        st.dictionaries(st.text(max_size=3), inside, max_size=3),
        st.tuples(st.sampled_from(sorted(_OPERATORS)), st.lists(inside, max_size=6)).map(lambda p: [p[0], *p[1]]),
    ),
    max_leaves=25,
)


@settings(max_examples=400, deadline=None)
@given(_JSON, st.sampled_from(["number", "color", "string", "boolean", "any", "numbers"]))
def test_any_json_is_answered_or_refused_and_does_nothing_else(expression: Any, want: Any) -> None:
    try:
        node = compiled(expression, want)
    except Refused:
        return
    try:
        node.run(ROAD, 12.0)
    except Unanswerable:
        return


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(PROPERTIES)), st.data())
def test_a_style_layer_of_any_json_is_drawn_by_defaults_at_worst(kind: str, data: st.DataObject) -> None:
    names = st.sampled_from(sorted(PROPERTIES[kind]))
    part = {
        "id": "x",
        "type": kind,
        "source-layer": "x",
        "paint": data.draw(st.dictionaries(names, _JSON, max_size=4)),
        "filter": data.draw(_JSON),
    }
    for sheet in sheets([part]):
        for name in PROPERTIES[kind]:
            sheet.value(name, ROAD, 12.0)
        sheet.keeps(ROAD, 12.0)


def test_what_a_style_says_in_words_that_are_not_known_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    part = {
        "id": "길",
        "type": "line",
        "source-layer": "x",
        "paint": {"line-color": ["image", "a"], "line-blur": 2},
    }
    (sheet,) = sheets([part])
    assert sheet.value("line-color", ROAD, 12.0) == default("line", "line-color")
    assert "길: line-color is drawn as usual: 'image' is not known here" in caplog.text
    assert "pictures do not know line-blur" in caplog.text


def test_a_layer_whose_filter_is_not_understood_is_left_out_whole(caplog: pytest.LogCaptureFixture) -> None:
    assert sheets([{"id": "a", "type": "fill", "source-layer": "x", "filter": ["within", {}]}]) == ()
    assert "its filter" in caplog.text


def test_a_text_with_fields_in_braces_is_read() -> None:
    part = {"id": "a", "type": "symbol", "source-layer": "x", "layout": {"text-field": "{이름} ({차로})"}}
    (sheet,) = sheets([part])
    assert sheet.value("text-field", ROAD, 12.0) == "세종대로 (8)"
