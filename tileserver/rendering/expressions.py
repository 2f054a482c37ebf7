"""Expressions of the MapLibre style specification, as far as pictures need them: a closed grammar.

An expression is compiled once into plain Python calls; what is not in the grammar is refused by name, and the
caller uses the property's default. Nothing here loads, loops or calls anything that a style could name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from tileserver.rendering import colours

Want = Literal["number", "color", "string", "boolean", "any", "numbers"]
MOST_PARTS = 20_000  # of one expression: lists and values together
DEEPEST = 32


class Refused(ValueError):
    """An expression that is outside of the grammar; its message says what."""


class Unanswerable(ValueError):
    """An expression that has no value for this feature: the property's default holds."""


@dataclass(frozen=True, slots=True)
class Feature:
    """What expressions see of a feature."""

    geometry: str  # "Point", "LineString", "Polygon"
    id: int | None
    properties: Mapping[str, Any]


NOTHING = Feature("", None, {})  # where no feature is at hand
Run = Callable[[Feature, float], Any]  # (feature, zoom) → value


class Node(NamedTuple):
    """A compiled expression; `varies` if its value depends on the feature."""

    run: Run
    varies: bool


def compiled(value: Any, want: Want) -> Node:
    """Return `value`, an expression or a plain value, as something to call with a feature and a zoom.

    The result is of the type `want`: a float, a colour (red, green, blue, alpha in 0 … 1), a text, a truth value.
    Calling it raises Unanswerable where the expression has no such value.

    Raises:
        Refused: it is not in the grammar.
    """
    if _parts(value, DEEPEST) > MOST_PARTS:
        raise Refused("the expression is too long")
    try:
        node = _compile(value, want)
    except (TypeError, AttributeError, OverflowError) as cause:
        raise Refused(f"malformed expression: {cause}") from cause
    check = _CHECKS[want]
    return Node(lambda feature, zoom: check(node.run(feature, zoom)), node.varies)


def _parts(value: Any, left: int) -> int:
    if not left:
        raise Refused("the expression is nested too deep")
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return 1 + sum(_parts(item, left - 1) for item in value)
    return 1


# --- types ----------------------------------------------------------------------------------------


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Any) -> float:
    if not _is_number(value):
        raise Unanswerable("not a number")
    try:
        found = float(value)
    except OverflowError as cause:
        raise Unanswerable("too large a number") from cause
    if not math.isfinite(found):
        raise Unanswerable("not a finite number")
    return found


def _colour(value: Any) -> colours.Colour:
    if isinstance(value, tuple):
        return value  # colours are the only tuples that expressions make
    if not isinstance(value, str):
        raise Unanswerable("not a colour")
    try:
        return colours.parse(value)
    except ValueError as cause:
        raise Unanswerable(str(cause)) from cause


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise Unanswerable("not a text")
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unanswerable("not true or false")
    return value


def _numbers(value: Any) -> list[float]:
    if not isinstance(value, list):
        raise Unanswerable("not a list")
    return [_number(item) for item in value]


_CHECKS: Mapping[Want, Callable[[Any], Any]] = {
    "number": _number,
    "color": _colour,
    "string": _string,
    "boolean": _boolean,
    "numbers": _numbers,
    "any": lambda value: value,
}


def to_text(value: Any) -> str:
    """Return a value as `to-string` has it: whole numbers without a point.

    >>> to_text(3.0), to_text(None), to_text(True)
    ('3', '', 'true')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _to_number(value: Any) -> float:
    if value is None or isinstance(value, bool):
        return float(bool(value))
    try:
        return _number(float(value))
    except (TypeError, ValueError, OverflowError) as cause:
        raise Unanswerable("not a number") from cause


# --- compiling ---------------------------------------------------------------------------------------


def _compile(value: Any, want: Want) -> Node:
    if isinstance(value, list | tuple) and not (want == "numbers" and all(map(_is_number, value))):
        if not value or not isinstance(value[0], str):
            raise Refused("a list that is no expression")
        make = _OPERATORS.get(value[0])
        if make is None:
            raise Refused(f"'{value[0]}' is not known here"[:80])
        return make(list(value), want)
    if isinstance(value, dict):
        raise Refused("functions with stops are of an older specification")
    return _constant(_literal(value, want))


def _literal(value: Any, want: Want) -> Any:
    if want == "color" and isinstance(value, str):
        try:
            return colours.parse(value)
        except ValueError as cause:
            raise Refused(str(cause)) from cause
    return list(value) if isinstance(value, tuple) else value


def _constant(value: Any) -> Node:
    return Node(lambda feature, zoom: value, False)


def _arguments(given: list[Any], least: int, most: int | None = None, want: Want = "any") -> list[Node]:
    count = len(given) - 1
    if count < least or (most is not None and count > most):
        raise Refused(f"'{given[0]}' with {count} arguments")
    return [_compile(item, want) for item in given[1:]]


def _varies(nodes: Sequence[Node]) -> bool:
    return any(node.varies for node in nodes)


def _get(given: list[Any], want: Want) -> Node:
    (name,) = _arguments(given, 1, 1)
    return Node(lambda f, z: f.properties.get(_string(name.run(f, z))), True)


def _has(given: list[Any], want: Want) -> Node:
    (name,) = _arguments(given, 1, 1)
    return Node(lambda f, z: _string(name.run(f, z)) in f.properties, True)


def _literal_operator(given: list[Any], want: Want) -> Node:
    if len(given) != 2:
        raise Refused("'literal' takes one value")
    return _constant(_literal(given[1], want))


def _converted(convert: Callable[[Any], Any]) -> Callable[[list[Any], Want], Node]:
    """Return the maker of an operator that takes the first of its arguments that can be converted."""

    def make(given: list[Any], want: Want) -> Node:
        nodes = _arguments(given, 1)

        def run(feature: Feature, zoom: float) -> Any:
            for node in nodes[:-1]:
                try:
                    return convert(node.run(feature, zoom))
                except Unanswerable:
                    continue
            return convert(nodes[-1].run(feature, zoom))

        return Node(run, _varies(nodes))

    return make


def _mapped(function: Callable[..., Any], least: int, most: int | None = None, of: Want = "number") -> Any:
    """Return the maker of an operator that is a function of checked arguments."""

    def make(given: list[Any], want: Want) -> Node:
        nodes, check = _arguments(given, least, most), _CHECKS[of]

        def run(feature: Feature, zoom: float) -> Any:
            try:
                return function(*(check(node.run(feature, zoom)) for node in nodes))
            except (ArithmeticError, TypeError) as cause:
                raise Unanswerable(str(cause)) from cause
            except ValueError as cause:  # of math functions, and our own
                raise Unanswerable(str(cause)) from cause

        return Node(run, _varies(nodes))

    return make


def _same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def run(one: Any, other: Any) -> bool:
        if not (_is_number(one) and _is_number(other)) and not (isinstance(one, str) and isinstance(other, str)):
            raise Unanswerable("what is compared is not of one kind")
        return compare(one, other)

    return run


def _in(needle: Any, hay: Any) -> bool:
    if isinstance(hay, str):
        return to_text(needle) in hay
    if isinstance(hay, list):
        return any(_same(needle, item) for item in hay)
    raise Unanswerable("'in' looks into texts and lists")


def _all(given: list[Any], want: Want) -> Node:
    nodes = _arguments(given, 0)
    return Node(lambda f, z: all(_boolean(node.run(f, z)) for node in nodes), _varies(nodes))


def _any(given: list[Any], want: Want) -> Node:
    nodes = _arguments(given, 0)
    return Node(lambda f, z: any(_boolean(node.run(f, z)) for node in nodes), _varies(nodes))


def _case(given: list[Any], want: Want) -> Node:
    if len(given) < 4 or len(given) % 2:
        raise Refused("'case' needs pairs and a fallback")
    tests = [_compile(item, "boolean") for item in given[1:-1:2]]
    results = [_compile(item, want) for item in given[2:-1:2]]
    fallback = _compile(given[-1], want)

    def run(feature: Feature, zoom: float) -> Any:
        for test, result in zip(tests, results, strict=True):
            if _boolean(test.run(feature, zoom)):
                return result.run(feature, zoom)
        return fallback.run(feature, zoom)

    return Node(run, _varies([*tests, *results, fallback]))


def _match(given: list[Any], want: Want) -> Node:
    if len(given) < 5 or not len(given) % 2:
        raise Refused("'match' needs an input, pairs and a fallback")
    subject, fallback = _compile(given[1], "any"), _compile(given[-1], want)
    table: dict[tuple[bool, Any], Node] = {}
    for labels, result in zip(given[2:-1:2], given[3:-1:2], strict=True):
        node = _compile(result, want)
        for label in labels if isinstance(labels, list | tuple) else [labels]:
            if not isinstance(label, str) and not _is_number(label):
                raise Refused("labels of 'match' are texts and numbers")
            table.setdefault((isinstance(label, str), label), node)

    def run(feature: Feature, zoom: float) -> Any:
        value = subject.run(feature, zoom)
        known = isinstance(value, str) or _is_number(value)
        found = table.get((isinstance(value, str), value), fallback) if known else fallback
        return found.run(feature, zoom)

    return Node(run, _varies([subject, fallback, *table.values()]))


def _coalesce(given: list[Any], want: Want) -> Node:
    nodes = _arguments(given, 1, want=want)

    def run(feature: Feature, zoom: float) -> Any:
        for node in nodes:
            value = node.run(feature, zoom)
            if value is not None:
                return value
        return None

    return Node(run, _varies(nodes))


def _stops(pairs: list[Any], want: Want) -> tuple[list[float], list[Node]]:
    at, results = pairs[::2], [_compile(item, want) for item in pairs[1::2]]
    if not at or len(at) != len(results) or not all(_is_number(x) and math.isfinite(x) for x in at):
        raise Refused("stops are pairs of a number and a value")
    if any(later <= earlier for earlier, later in pairwise(at)):
        raise Refused("stops must ascend")
    return [float(x) for x in at], results


def _step(given: list[Any], want: Want) -> Node:
    if len(given) < 3 or not len(given) % 2:
        raise Refused("'step' needs an input, a first value and stops")
    subject, first = _compile(given[1], "number"), _compile(given[2], want)
    at, results = _stops(given[3:], want) if given[3:] else ([], [])

    def run(feature: Feature, zoom: float) -> Any:
        value, chosen = _number(subject.run(feature, zoom)), first
        for limit, result in zip(at, results, strict=True):
            if value < limit:
                break
            chosen = result
        return chosen.run(feature, zoom)

    return Node(run, _varies([subject, first, *results]))


def _interpolate(given: list[Any], want: Want) -> Node:
    if want not in ("number", "color", "any"):
        raise Refused("only numbers and colours can be interpolated")
    base = _base(given[1]) if len(given) >= 5 else 0.0
    if not base or len(given) % 2 == 0:
        raise Refused("'interpolate' needs linear or exponential, an input and stops")
    subject = _compile(given[2], "number")
    at, results = _stops(given[3:], want)
    check = _CHECKS["number" if want == "any" else want]

    def run(feature: Feature, zoom: float) -> Any:
        value = _number(subject.run(feature, zoom))
        above = next((k for k, limit in enumerate(at) if value < limit), len(at))
        if above in (0, len(at)):
            return check(results[max(0, above - 1)].run(feature, zoom))
        low, high = (check(node.run(feature, zoom)) for node in results[above - 1 : above + 1])
        return _mixed(low, high, _share(value, at[above - 1], at[above], base))

    return Node(run, _varies([subject, *results]))


def _base(kind: Any) -> float:
    if isinstance(kind, list | tuple) and list(kind) == ["linear"]:
        return 1.0
    exponential = isinstance(kind, list | tuple) and len(kind) == 2 and kind[0] == "exponential"
    return float(kind[1]) if exponential and _is_number(kind[1]) and 0 < kind[1] < 100 else 0.0


def _share(value: float, low: float, high: float, base: float) -> float:
    if base == 1.0:
        return (value - low) / (high - low)
    try:
        return float((base ** (value - low) - 1) / (base ** (high - low) - 1))
    except (OverflowError, ZeroDivisionError) as cause:
        raise Unanswerable("too steep") from cause


def _mixed(low: Any, high: Any, share: float) -> Any:
    if not isinstance(low, tuple):
        return low + (high - low) * share
    alpha = low[3] + (high[3] - low[3]) * share
    if not alpha:
        return 0.0, 0.0, 0.0, 0.0
    mixed = (a * low[3] + (b * high[3] - a * low[3]) * share for a, b in zip(low[:3], high[:3], strict=True))
    return (*(channel / alpha for channel in mixed), alpha)


def _format(given: list[Any], want: Want) -> Node:
    texts = [_compile(item, "any") for item in given[1:] if not isinstance(item, dict)]
    return Node(lambda f, z: "".join(to_text(node.run(f, z)) for node in texts), _varies(texts))


def _power(one: float, other: float) -> float:
    found: float | complex = one**other
    if isinstance(found, complex):
        raise Unanswerable("not a real number")
    return found


def _minus(one: float, other: float | None = None) -> float:
    return -one if other is None else one - other


def _wrapped(run: Run, varies: bool) -> Callable[[list[Any], Want], Node]:
    def make(given: list[Any], want: Want) -> Node:
        _arguments(given, 0, 0)
        return Node(run, varies)

    return make


_OPERATORS: Mapping[str, Callable[[list[Any], Want], Node]] = {
    "literal": _literal_operator,
    "get": _get,
    "has": _has,
    "id": _wrapped(lambda f, z: f.id, True),
    "geometry-type": _wrapped(lambda f, z: f.geometry, True),
    "zoom": _wrapped(lambda f, z: z, False),
    "to-string": _mapped(to_text, 1, 1, "any"),
    "to-number": _converted(_to_number),
    "to-boolean": _mapped(bool, 1, 1, "any"),
    "to-color": _converted(_colour),
    "string": _converted(_string),
    "number": _converted(_number),
    "boolean": _converted(_boolean),
    "match": _match,
    "case": _case,
    "coalesce": _coalesce,
    "step": _step,
    "interpolate": _interpolate,
    "format": _format,
    "concat": _mapped(lambda *texts: "".join(map(to_text, texts)), 1, of="any"),
    "upcase": _mapped(str.upper, 1, 1, "string"),
    "downcase": _mapped(str.lower, 1, 1, "string"),
    "length": _mapped(len, 1, 1, "any"),
    "==": _mapped(_same, 2, 2, "any"),
    "!=": _mapped(lambda a, b: not _same(a, b), 2, 2, "any"),
    "<": _mapped(_ordered(lambda a, b: a < b), 2, 2, "any"),
    "<=": _mapped(_ordered(lambda a, b: a <= b), 2, 2, "any"),
    ">": _mapped(_ordered(lambda a, b: a > b), 2, 2, "any"),
    ">=": _mapped(_ordered(lambda a, b: a >= b), 2, 2, "any"),
    "!": _mapped(lambda value: not value, 1, 1, "boolean"),
    "all": _all,
    "any": _any,
    "in": _mapped(_in, 2, 2, "any"),
    "+": _mapped(lambda *values: sum(values), 1),
    "*": _mapped(lambda *values: math.prod(values), 1),
    "-": _mapped(_minus, 1, 2),
    "/": _mapped(lambda a, b: a / b, 2, 2),
    "%": _mapped(math.fmod, 2, 2),
    "^": _mapped(_power, 2, 2),
    "min": _mapped(min, 2),
    "max": _mapped(max, 2),
    "abs": _mapped(abs, 1, 1),
    "round": _mapped(lambda value: math.floor(value + 0.5), 1, 1),
    "floor": _mapped(math.floor, 1, 1),
    "ceil": _mapped(math.ceil, 1, 1),
    "sqrt": _mapped(math.sqrt, 1, 1),
    "rgb": _mapped(lambda r, g, b: (r / 255, g / 255, b / 255, 1.0), 3, 3),
    "rgba": _mapped(lambda r, g, b, a: (r / 255, g / 255, b / 255, a), 4, 4),
}
