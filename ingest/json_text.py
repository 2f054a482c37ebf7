"""JSON documents as files hold them: found in their encoding, loaded with limits, faults told with their place."""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.encoding import decoded, decodes_file, normalise
from ingest.receive import Dataset
from naru.errors import EncodingUnknown, FileDamaged, TooLarge

MOST_BYTES = 256 * 2**20  # of a document that is loaded whole: Python takes some five times as much memory
MOST_NAMES = 5_000  # of members: each may become a field, and GDAL's time grows with their square
_HEAD = 4 * 2**20
_NAME = re.compile(rb'"((?:[^"\\]|\\.){1,200})"\s*:')
_STRING_OR_COMMA = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[\]}])', re.DOTALL)


@dataclass(frozen=True)
class Text:
    """A file in UTF-8 (itself, or written anew), what it was in and how that was found."""

    path: Path
    codec: str
    how: str
    notes: tuple[str, ...] = ()


def check_names(path: Path, file: str) -> None:
    """Refuse a document whose first megabytes name more members than a table can have fields.

    Raises TooLarge.
    """
    with path.open("rb") as stream:
        names = len({match[1] for match in _NAME.finditer(stream.read(_HEAD))})
    if names > MOST_NAMES:
        raise TooLarge(
            f"its features have {names} fields or more; {MOST_NAMES} are allowed",
            file=file,
            remedy="Leave out fields that the map does not need.",
        )


def as_utf8(dataset: Dataset, option: str | None, folder: Path, format_name: str) -> Text:
    """Return the file in UTF-8; what is not is written anew into `folder`. Raises EncodingUnknown."""
    path = dataset.main
    with path.open("rb") as f:
        wide = f.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    tried = [normalise(option) or ""] if option is not None else ["utf-16"] if wide else ["utf-8", "cp949"]
    found = next((c for c in tried if c and decodes_file(path, c)), None)
    if found is None:
        names = " or ".join(c.upper() or f"'{option}'" for c in tried)
        raise EncodingUnknown(f"the text is not valid {names}", file=dataset.file, remedy="Save it as UTF-8.")
    if found == "utf-8":
        return Text(path, "UTF-8", f"{format_name} is UTF-8 (RFC 8259)")
    target = folder / f"{path.stem}-utf8.json"
    with path.open("rb") as source, target.open("w", encoding="utf-8", newline="") as out:
        out.writelines(decoded(source, found))
    label = found.upper()
    how = "given by --encoding" if option is not None else f"bytes are not UTF-8 and are valid {label}"
    return Text(target, label, how, (f"the file is {label}, where {format_name} must be UTF-8 (RFC 8259)",))


def load(path: Path, file: str) -> Any:
    """Return the document of a UTF-8 file; commas before a closing bracket, which GDAL forgives, are forgiven.

    Raises FileDamaged with line and column, TooLarge.
    """
    if path.stat().st_size > MOST_BYTES:
        raise TooLarge(
            f"it has more than the {MOST_BYTES >> 20} MiB that a document read as a whole may have",
            file=file,
            remedy="Split it, or export it as GeoJSON, which is read piece by piece.",
        )
    try:
        return _lenient(path.read_bytes().decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        what = "it ends too early" if error.pos >= len(error.doc.rstrip()) - 1 else f"{error.msg}"
        message = f"it is not valid JSON: {what} ({where})"
        raise FileDamaged(message, file=file, remedy="Export it again.") from error
    except UnicodeDecodeError as error:
        message = f"it is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02X}"
        raise FileDamaged(message, file=file, remedy="Save it as UTF-8.") from error
    except RecursionError as error:
        raise FileDamaged("it is nested too deeply", file=file, remedy="Export it again.") from error


def _lenient(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        try:
            return json.loads(_STRING_OR_COMMA.sub(lambda m: m.group() if m.group() != "," else "", text))
        except json.JSONDecodeError:
            raise error from None
