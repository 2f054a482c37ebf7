"""Band arithmetic: what may be said, what it gives, and that nothing else can be said."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tileserver.rasters.expression import LONGEST, Expression, ExpressionError, parse
from tileserver.rasters.painting import evaluate

BANDS = {1: np.array([10, 20], "f4"), 2: np.array([2, 0], "f4"), 4: np.array([30, 60], "f4")}


def values(text: str) -> list[float]:
    with np.errstate(all="ignore"):
        return [round(float(value), 5) for value in evaluate(parse(text).root, BANDS)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("b1", [10, 20]),
        ("(b4-b1)/(b4+b1)", [0.5, 0.5]),
        ("b4-b1-b2", [18, 40]),  # from the left
        ("b1-b2*2", [6, 20]),  # products first
        ("b4/b1/3", [1, 1]),
        ("-b1*-2", [20, 40]),
        ("2-+-b2", [4, 2]),
        ("B1 * .5", [5, 10]),
        ("1e1*b1", [100, 200]),
        ("abs(b1-b4)", [20, 40]),
        ("sqrt(b1*b1)", [10, 20]),
        ("min(b1, b2, 5)", [2, 0]),
        ("max(b1,b4)", [30, 60]),
        ("2.5*(b4-b1)/(b4+6*b1-7.5*b2+1)", [50 / 76, 100 / 181]),  # EVI
    ],
)
def test_an_expression_gives_what_arithmetic_gives(text: str, wanted: list[float]) -> None:
    assert values(text) == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("text", ["(b4 b1)*2", "(b4  b1)*2", "( b4 + b1 ) * 2", "(b4+b1)*2"])
def test_a_plus_that_a_url_made_a_space_is_still_a_plus(text: str) -> None:
    assert parse(text).text == "((b4+b1)*2)"


@pytest.mark.parametrize("text", ["b4 - b1", "b4 -b1", "b4- b1"])
def test_white_space_beside_an_operator_means_nothing(text: str) -> None:
    assert parse(text).text == "(b4-b1)"


def test_division_by_nothing_is_no_value() -> None:
    with np.errstate(all="ignore"):
        assert not np.isfinite(evaluate(parse("b1/b2").root, BANDS)[1])


def test_the_bands_are_named_in_order() -> None:
    assert parse("b12+b4*b1-b4").bands == (1, 4, 12)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "character 1"),
        ("b0", "'b' is no function"),
        ("b100", "'b' is no function"),
        ("b1b2", "'b' is no function"),
        ("b1(b2)", "expected an operator"),
        ("b1+", "character 4"),
        ("(b1", "expected ')'"),
        ("b1)", "character 3"),
        ("b1**2", "character 4"),
        ("b1;b2", "character 3"),
        ("b1.real", "character 3"),
        ("b1[0]", "character 3"),
        ("1e40*b1", "beyond 1e30"),
        ("1..2", "character 3"),
        ("pow(b1,2)", "'pow' is no function"),
        ("sqrt()", "character 6"),
        ("sqrt(b1,b2)", "sqrt takes 1 and got 2"),
        ("min(b1)", "min takes 2 to 8 and got 1"),
        ("max(1,2,3,4,5,6,7,8,9)", "max takes 2 to 8 and got 9"),
        ("sqrt b1", "expected '('"),
        ("__import__('os').system('id')", "character 1"),
        ("b1 if b2 else b4", "'if' is no function"),
        ("lambda:0", "'lambda' is no function"),
        ("b١", "'b' is no function"),  # an Arabic digit
        ("１", "character 1"),
        ("-" * 30 + "b1", "levels deep"),
        ("(" * 30 + "b1" + ")" * 30, "levels deep"),
        ("b1+" * 60 + "b1", f"{LONGEST} are the most"),
    ],
)
def test_what_is_no_expression_is_refused_with_the_place(text: str, where: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert where in caught.value.message
    assert caught.value.field == "expression"
    assert caught.value.remedy


_MEANT = [
    "b1",
    "b2",
    "b99",
    "1",
    "2.5",
    ".5",
    "1e3",
    "+",
    "-",
    "*",
    "/",
    "(",
    ")",
    ",",
    "abs",
    "sqrt",
    "min",
    "max",
]
_ODD = ["b0", "b", "1e99", "e", "__class__", ".", "[", "]", "'", '"', "%", "**", "//", "\t", "é", "\x00"]
PIECES = st.sampled_from([*_MEANT, *_MEANT, " ", "(", ")", *_ODD])


@given(st.one_of(st.lists(PIECES, max_size=30).map("".join), st.text(max_size=LONGEST + 20)))
@example("b1" + "-b1" * 52)
@example("min(" * 24 + "b1")
@settings(max_examples=2000, deadline=None)
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        found = parse(text)
    except ExpressionError:
        return
    assert isinstance(found, Expression)
    with np.errstate(all="ignore"):
        result = evaluate(found.root, dict.fromkeys(found.bands, BANDS[1]) or {1: BANDS[1]})
    assert result.shape == (2,)
    if len(found.text) < 30:  # a spelling with all its parentheses may be too long or too deep itself
        assert parse(found.text).text == found.text


def test_a_hundred_thousand_odd_texts_are_read_or_refused_and_none_takes_long() -> None:
    """Security: the goal of the threat table, expressions row."""
    dice = np.random.default_rng(20261123)
    pieces = [
        "b1",
        "b2",
        "b7",
        "1",
        "0.5",
        "1e9",
        "+",
        "-",
        "*",
        "/",
        "(",
        ")",
        ",",
        " ",
        "abs(",
        "min(",
        "max(",
        "sqrt(",
    ]
    pieces += [
        "__import__",
        "eval",
        "os.",
        "lambda",
        "x",
        "\\",
        "'",
        "{",
        "}",
        "[",
        ";",
        "\n",
        "=",
        "@",
        "٣",
        "½",
        "\ud800",
    ]
    lengths, picks = dice.integers(1, 40, 100_000), dice.integers(0, len(pieces), 4_000_000)
    at, read, slowest = 0, 0, 0.0
    for length in lengths.tolist():
        text = "".join(pieces[k] for k in picks[at : at + length])
        at += length
        begun = time.perf_counter()
        try:
            parse.__wrapped__(text)
            read += 1
        except ExpressionError:
            pass
        slowest = max(slowest, time.perf_counter() - begun)
    assert read > 500  # some make sense, or nothing was tried
    assert slowest < 0.25
