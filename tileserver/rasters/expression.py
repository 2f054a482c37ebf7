"""Band arithmetic that callers may ask for, such as `(b4-b1)/(b4+b1)`: a closed grammar, read by hand.

    sum     = product (("+" | "-") product)*
    product = signed (("*" | "/") signed)*
    signed  = ("+" | "-") signed | atom
    atom    = number | band | name "(" sum ("," sum)* ")" | "(" sum ")"

A band is b1, b2, …; the names are `abs`, `sqrt` (one argument), `min`, `max` (two to eight). Nothing else can be
said, so nothing else can be run: no text of a caller ever reaches an evaluator. Light to import.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

from naru.errors import BadRequest

LONGEST = 160  # characters: some eighty operations
_DEEPEST = 24  # parentheses, signs and calls in each other
_LARGEST = 1e30  # of a number: float32 ends at 3e38
_TOKEN = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,2})?)|b(?P<band>[1-9]\d?)(?!\w)|(?P<word>[a-z]+)|(?P<sign>[-+*/(),])",
    re.ASCII,
)
ARGUMENTS = {"abs": (1, 1), "sqrt": (1, 1), "min": (2, 8), "max": (2, 8)}  # fewest, most
_GRAMMAR = "Use b1, b2, …, numbers, + - * / ( ), abs, sqrt, min and max, as in (b4-b1)/(b4+b1)."


@dataclass(frozen=True, slots=True)
class Band:
    """A band's values; the first is 1."""

    number: int


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: float


@dataclass(frozen=True, slots=True)
class Operation:
    """A sign between or before its arguments, or a function of them."""

    name: str  # + - * / abs sqrt min max; - with one argument is the negative
    arguments: tuple[Node, ...]


Node = Band | Number | Operation


@dataclass(frozen=True, slots=True)
class Expression:
    """What a caller wants computed."""

    root: Node
    bands: tuple[int, ...]  # that it uses, in order
    text: str  # in one spelling, whatever the caller's was


class ExpressionError(BadRequest):
    """The text is no expression; says where."""


@lru_cache(maxsize=256)
def parse(text: str) -> Expression:
    """Return what `text` says; white space means nothing, but between two operands a URL's lost `+`.

    Raises:
        ExpressionError: it is too long, too deep, or not in the grammar.

    >>> parse("(b4-b1)/(b4+b1)").bands, parse("(b4 b1)*2").text
    ((1, 4), '((b4+b1)*2)')
    """
    reader = _Reader(text)
    root = reader.sum()
    if reader.kind:
        reader.fail("expected an operator or the end")
    return Expression(root, tuple(sorted(reader.bands)), _spelled(root))


class _Reader:
    """Walks through the tokens of a text; `kind` and `word` are the one that comes next, "" at the end."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise ExpressionError(
                f"the expression has {len(text)} characters, and {LONGEST} are the most",
                field="expression",
                remedy="Write it shorter.",
            )
        self._text, self._at, self._depth = text.lower(), 0, 0
        self.bands: set[int] = set()
        self.kind = self.word = ""
        self.step()

    def fail(self, why: str) -> NoReturn:
        """Say what is wrong at the token that comes next."""
        place = self._at - len(self.word) + 1
        raise ExpressionError(f"{why} at character {place} of the expression", field="expression", remedy=_GRAMMAR)

    def step(self) -> str:
        """Go to the next token; return the word of this one."""
        passed = self.word
        while self._at < len(self._text) and self._text[self._at] in " \t\r\n":
            self._at += 1
        self.kind, self.word = "", ""
        if self._at < len(self._text):
            found = _TOKEN.match(self._text, self._at)
            if found is None:
                self.word = self._text[self._at]
                self._at += 1
                self.fail("what stands cannot be read")
            self._at, self.word, self.kind = found.end(), found[0], found.lastgroup or ""
        return passed

    def sum(self) -> Node:
        """Read a sum."""
        left = self._product()
        while self.word in ("+", "-") or self._begins_operand():
            sign = self.step() if self.kind == "sign" and self.word != "(" else "+"
            left = Operation(sign, (left, self._product()))
        return left

    def _begins_operand(self) -> bool:
        """Tell whether an operand follows another: a URL's `+` has become a space on its way."""
        parted = self._text[self._at - len(self.word) - 1 : self._at - len(self.word)].isspace()
        return parted and (self.kind in ("number", "band", "word") or self.word == "(")

    def _product(self) -> Node:
        left = self._signed()
        while self.word in ("*", "/"):
            left = Operation(self.step(), (left, self._signed()))
        return left

    def _signed(self) -> Node:
        if self.word not in ("+", "-"):
            return self._atom()
        sign = self.step()
        inner = self._inside(self._signed)
        return Operation("-", (inner,)) if sign == "-" else inner

    def _inside(self, read: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            self.fail(f"more than {_DEEPEST} levels deep")
        node = read()
        self._depth -= 1
        return node

    def _atom(self) -> Node:
        if self.kind == "number":
            value = float(self.word)
            if value > _LARGEST:
                self.fail("a number beyond 1e30")
            self.step()
            return Number(value)
        if self.kind == "band":
            number = int(self.step()[1:])
            self.bands.add(number)
            return Band(number)
        if self.kind == "word":
            return self._call()
        if self.word != "(":
            self.fail("expected a band, a number or (")
        self.step()
        inner = self._inside(self.sum)
        self._expect(")")
        return inner

    def _call(self) -> Node:
        if self.word not in ARGUMENTS:
            self.fail(f"'{self.word}' is no function")
        name = self.step()
        self._expect("(")
        arguments = [self._inside(self.sum)]
        while self.word == ",":
            self.step()
            arguments.append(self._inside(self.sum))
        fewest, most = ARGUMENTS[name]
        if not fewest <= len(arguments) <= most:
            self.fail(
                f"{name} takes {fewest if fewest == most else f'{fewest} to {most}'} and got {len(arguments)}"
            )
        self._expect(")")
        return Operation(name, tuple(arguments))

    def _expect(self, sign: str) -> None:
        if self.word != sign:
            self.fail(f"expected '{sign}'")
        self.step()


def _spelled(node: Node) -> str:
    """Return a node in one spelling, so that equal expressions share pictures and entity tags."""
    if isinstance(node, Band):
        return f"b{node.number}"
    if isinstance(node, Number):
        return f"{node.value:.15g}"
    inside = [_spelled(argument) for argument in node.arguments]
    if node.name in ARGUMENTS:
        return f"{node.name}({','.join(inside)})"
    return f"({node.name.join(inside)})" if len(inside) > 1 else f"({node.name}{inside[0]})"
