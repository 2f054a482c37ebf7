"""Says whether a text is legible, or letters of one encoding read as those of another (mojibake)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

# What bytes were read as → what they were. A Korean text in CP949 read as Latin-1 is "°­³²±¸"; in UTF-8 read as
# CP949 it is "媛뺣궓援"; its names in a zip read as CP437 are "╝¡┐∩╜├".
_CONFUSIONS = (
    *(("latin-1", "cp949"), ("cp1252", "cp949"), ("cp437", "cp949")),
    *(("latin-1", "utf-8"), ("cp1252", "utf-8"), ("cp949", "utf-8"), ("cp437", "utf-8")),
)
_FOREIGN = re.compile(r"[^\x00-\x7f]{2,}")
_HANGUL = re.compile(r"[\uac00-\ud7a3]")
_COMMON = re.compile(r"[\u3130-\u318f\uac00-\ud7a3\u4e00-\u9fff\u00c0-\u024f\u0400-\u04ff\u3040-\u30ff]")
_LONG_ENOUGH = 4  # letters: two letters of Latin-1 happen to be a syllable of CP949 now and then


def garbled(text: str) -> str:
    """Return what a text should have been if it is mojibake, `\ufffd` if letters are lost; else "".

    >>> garbled("강남구".encode("cp949").decode("latin-1"))
    '강남구'
    >>> garbled("강남구"), garbled("Ñandú über Åse")
    ('', '')
    """
    if "\ufffd" in text:
        return "\ufffd"
    for run in _FOREIGN.findall(text):
        if len(run) < _LONG_ENOUGH:
            continue
        for read_as, was in _CONFUSIONS:
            meant = _meant(run, read_as, was)
            if meant:
                return meant
    return ""


def _meant(run: str, read_as: str, was: str) -> str:
    try:
        raw = run.encode(read_as)
        meant = raw.decode(was, "ignore" if read_as == "cp949" else "strict")  # pairs of bytes lose the odd one
    except UnicodeError:
        return ""
    if was == "cp949" and not all(byte >= 0xA1 for byte in raw):  # only the common syllables of KS X 1001
        return ""
    if read_as == "cp949" and len(_HANGUL.findall(meant)) < max(2, len(raw) / 6):  # of three bytes a letter
        return ""
    return meant if meant != run and len(meant) < len(run) and _COMMON.search(meant) else ""


def garbled_in(texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield (text, what it should have been) of those that are mojibake."""
    for text in texts:
        if meant := garbled(text):
            yield text[:60], meant[:60]


def texts_of(parquet: Path) -> Iterator[str]:
    """Yield field names and all texts of a table."""
    table = pq.read_table(parquet)
    yield from table.schema.names
    for column in table.columns:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            yield from (text for text in column.unique().to_pylist() if text)
