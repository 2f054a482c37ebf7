"""Walks through the `features` of a JSON document of any size, with memory for one feature at a time."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_CHUNK = 4 * 2**20
_LARGEST = 128 * 2**20  # characters of one feature
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]', re.DOTALL)
_BETWEEN = re.compile(r"[\s,]*")


def features(path: Path) -> Iterator[Any]:
    """Yield the values in the array `features` of the outermost object of a UTF-8 file.

    Ends silently where the text ends or is no JSON any more: who reads the file says what is wrong with it.
    """
    with path.open("rb") as stream:
        text = _Text(codecs.getreader("utf-8-sig")(stream, "replace"))
        at = _find(text)
        while at >= 0:
            value, at = _next(text, at)
            if at >= 0:
                yield value
            if at > _CHUNK:
                text.forget(at)
                at = 0


def values(path: Path) -> Iterator[Any]:
    """Yield the values that follow each other in a UTF-8 file, by lines or as RFC 8142 has it. Ends as above."""
    with path.open("rb") as stream:
        text, at, ended = _Text(codecs.getreader("utf-8-sig")(stream, "replace")), 0, False
        while True:
            value, end = _next(text, at)
            if end < 0 and ended:
                return
            if end < 0:
                ended = True
                text.buffer += "\n"  # so that the last value has an end
                continue
            yield value
            at = end
            if at > _CHUNK:
                text.forget(at)
                at = 0


class _Text:
    """The text read so far and not yet passed."""

    def __init__(self, stream: codecs.StreamReader) -> None:
        self._stream = stream
        self.buffer = ""

    def more(self) -> bool:
        """Read on, at least as much again as there is; False at the end."""
        found = self._stream.read(max(_CHUNK, len(self.buffer)))
        self.buffer += found
        return bool(found)

    def forget(self, position: int) -> None:
        self.buffer = self.buffer[position:]


def _find(text: _Text) -> int:
    """Return where the array's content begins; -1 when there is none within what can be looked through at once."""
    while text.more() and len(text.buffer) <= 16 * _CHUNK:
        depth, name, before = 0, "", ""
        for token in _TOKEN.finditer(text.buffer):
            piece = token.group()
            if piece == "[" and depth == 1 and before == ":" and name == '"features"':
                return token.end()
            depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(piece, 0)
            name = piece if piece.startswith('"') and before in ("{", ",") else name
            before = piece
    return -1


def _next(text: _Text, at: int) -> tuple[Any, int]:
    """Return the next value and where it ends; (None, -1) after the last."""
    while True:
        start = _match_end(text.buffer, at)
        if text.buffer[start : start + 1] == "]":
            return None, -1
        try:
            value, end = json.JSONDecoder().raw_decode(text.buffer, start)
        except (json.JSONDecodeError, RecursionError):
            end = -1
        if end >= 0 and end < len(text.buffer):  # a number may go on
            return value, end
        if len(text.buffer) - at > _LARGEST or not text.more():
            return None, -1


def _match_end(buffer: str, at: int) -> int:
    found = _BETWEEN.match(buffer, at)
    return found.end() if found else at
