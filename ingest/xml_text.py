"""The text of XML documents: its encoding, as declared and as the bytes have it."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol
from xml.parsers import expat

from ingest.encoding import decodes_file, normalise
from naru.errors import EncodingUnknown, FileDamaged

DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_DECLARED = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_HEAD = 1024


def find_codec(path: Path, file: str, option: str | None) -> tuple[str, str]:
    """Return the codec that the whole file is valid in, and how it was found. Raises EncodingUnknown."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    candidates = _candidates(head, option)
    for codec, how in candidates:
        if codec and decodes_file(path, codec):
            return codec, how
    raise EncodingUnknown(
        f"the text is not valid {' or '.join(dict.fromkeys(c.upper() or '?' for c, _ in candidates))}",
        file=file,
        remedy="Give the encoding with --encoding, or save the file as UTF-8.",
    )


def _candidates(head: bytes, option: str | None) -> list[tuple[str, str]]:
    """Return what to try: the option alone; else what is declared, UTF-8, CP949."""
    if option is not None:
        return [(normalise(option) or "", "given by --encoding")]
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return [("utf-16", "byte order mark of UTF-16")]
    declared = _DECLARED.search(head)
    word = declared.group(1).decode() if declared else ""
    said = f"declared as {word}" if word else "no encoding declared"
    first = [(normalise(word) or "", said)] if word and not head.startswith(codecs.BOM_UTF8) else []
    return first + [(c, f"{said}; bytes are valid {c.upper()}") for c in ("utf-8", "cp949")]


def refuse_doctype(format_name: str, file: str) -> FileDamaged:
    """Return the refusal of a DOCTYPE: honest files have none, and attacks on XML readers begin with one."""
    return FileDamaged(
        f"it has a DOCTYPE or entity declaration, which {format_name} does not have and we refuse",
        file=file,
        remedy="Remove the declaration, or save the file again.",
    )


class Handler(Protocol):
    """What follows a document through its elements."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        ...

    def end(self, name: str) -> None:
        """End an element."""
        ...

    def text(self, text: str) -> None:
        """Take some of an element's text."""
        ...

    def doctype(self, *_: object) -> None:
        """Refuse a document type or an entity, by raising."""
        ...


def follow(texts: Iterable[str], handler: Handler, file: str) -> None:
    """Lead `handler` through a document given in pieces of text. Raises FileDamaged with line and column."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = handler.start
    parser.EndElementHandler = handler.end
    parser.CharacterDataHandler = handler.text
    parser.StartDoctypeDeclHandler = handler.doctype
    parser.EntityDeclHandler = handler.doctype
    try:
        for text in texts:
            parser.Parse(text, False)
        parser.Parse("", True)
    except expat.ExpatError as error:
        reason = f"{expat.ErrorString(error.code)} (line {error.lineno}, column {error.offset + 1})"
        message = f"it is not well-formed XML: {reason}"
        raise FileDamaged(message, file=file, remedy="Repair it, or save it again.") from error
