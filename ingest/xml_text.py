"""The text of XML documents: its encoding, as declared and as the bytes have it."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

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
