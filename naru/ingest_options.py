"""What may be said of a file that is handed in: one table, for the command, the upload form and the worker.

A test holds it to `ingest.options.IngestOptions`, which the worker builds from a job's parameters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from naru.catalogue import check_layer_id
from naru.errors import BadLayerId, BadRequest
from naru.records import FUNCTIONS

LONGEST_TEXT = 2000  # characters
HIGHEST_ZOOM = 24  # of rasters; the tiling engine refuses what is too fine for vectors
RASTER_KINDS = ("imagery", "elevation", "classes", "data")
PYRAMIDS = ("webp", "png", "jpeg")
GRID_CHOICES = ("all", "web")
CONTOURS_M = (0.1, 1000.0)  # the smallest and the largest interval
_MOST_BANDS = 16
_VISIBILITY = re.compile(r"public|private|group:[^\s,]{1,64}")
_TRUE, _FALSE = frozenset(("1", "true", "yes", "on")), frozenset(("0", "false", "no", "off", ""))


class Unfit(Exception):
    """A value that an option cannot have; says what was expected."""


@dataclass(frozen=True)
class Option:
    """One option: `field` is its name in forms, `name` in a job's parameters."""

    field: str
    name: str
    read: Callable[[str], Any]  # text to value; raises Unfit
    schema: Mapping[str, Any]  # OpenAPI
    help: str


def _text(value: str) -> str:
    if len(value) > LONGEST_TEXT:
        raise Unfit(f"at most {LONGEST_TEXT} characters")
    if any(unicodedata.category(sign) in ("Cc", "Cs") and sign not in "\t\n\r" for sign in value):
        raise Unfit("text without control characters")
    return unicodedata.normalize("NFC", value).strip()


def _layer_id(value: str) -> str:
    try:
        return check_layer_id(value)
    except BadLayerId as error:
        raise Unfit("1 to 64 small letters, digits and hyphens, such as seoul-gu") from error


def _function(value: str) -> str:
    if value not in FUNCTIONS:
        raise Unfit(" or ".join(FUNCTIONS))
    return value


def read_visibility(value: str) -> str:
    """Return a visibility.

    Raises:
        Unfit: it is none.
    """
    if not _VISIBILITY.fullmatch(value):
        raise Unfit("public, private or group:NAME")
    return value


def _word(value: str) -> str:
    if len(value) > 100 or not value.isprintable():
        raise Unfit("a name of at most 100 characters")
    return value


def _zoom(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 2 and int(value) <= HIGHEST_ZOOM):
        raise Unfit(f"a whole number from 0 to {HIGHEST_ZOOM}")
    return int(value)


def _one_of(*words: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in words:
            raise Unfit(" or ".join(words))
        return value

    return read


def read_bands(value: str) -> list[int]:
    """Return the numbers of a raster's bands, counted from 1.

    Raises:
        Unfit: it is no list of them.

    >>> read_bands("3,2,1")
    [3, 2, 1]
    """
    parts = [part.strip() for part in value.split(",")]
    if len(parts) > _MOST_BANDS or not all(re.fullmatch(r"[1-9][0-9]{0,2}", part) for part in parts):
        raise Unfit("numbers of bands from 1 on, such as 3,2,1")
    return [int(part) for part in parts]


def _quality(value: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]?|100", value):
        raise Unfit("a whole number from 1 to 100")
    return int(value)


def _interval(value: str) -> float:
    low, high = CONTOURS_M
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,3})?", value) or not low <= float(value) <= high:
        raise Unfit(f"metres from {low:g} to {high:g}")
    return float(value)


def _flag(value: str) -> bool:
    if value.lower() not in _TRUE | _FALSE:
        raise Unfit("true or false")
    return value.lower() in _TRUE


_TEXT: Mapping[str, Any] = {"type": "string", "maxLength": LONGEST_TEXT}
_FLAG: Mapping[str, Any] = {"type": "boolean"}
_ZOOM: Mapping[str, Any] = {"type": "integer", "minimum": 0, "maximum": HIGHEST_ZOOM}
_QUALITY: Mapping[str, Any] = {"type": "integer", "minimum": 1, "maximum": 100}
_INTERVAL: Mapping[str, Any] = {"type": "number", "minimum": CONTOURS_M[0], "maximum": CONTOURS_M[1]}
_WORD: Mapping[str, Any] = {"type": "string", "maxLength": 100}

OPTIONS: tuple[Option, ...] = (
    Option("id", "id", _layer_id, {"type": "string", "maxLength": 64}, "the layer's id in addresses"),
    Option("title", "title_ko", _text, _TEXT, "the title people see"),
    Option("title_en", "title_en", _text, _TEXT, "the title in English"),
    Option("function", "function", _function, {"type": "string", "enum": list(FUNCTIONS)}, "what keys it is for"),
    Option("visibility", "visibility", read_visibility, _WORD, "public, private or group:NAME"),
    Option("licence", "licence", _text, _TEXT, "under what licence the data may be used"),
    Option("attribution", "attribution", _text, _TEXT, "whom maps must name"),
    Option("crs", "crs", _word, _WORD, "the coordinate reference system, such as EPSG:5186"),
    Option("encoding", "encoding", _word, _WORD, "the text encoding, such as CP949"),
    Option("x", "x", _word, _WORD, "of a table: the column with longitudes or eastings"),
    Option("y", "y", _word, _WORD, "of a table: the column with latitudes or northings"),
    Option("minzoom", "minzoom", _zoom, _ZOOM, "the first zoom with tiles"),
    Option("maxzoom", "maxzoom", _zoom, _ZOOM, "the last zoom with tiles"),
    Option(
        "kind", "kind", _one_of(*RASTER_KINDS), {"type": "string", "enum": list(RASTER_KINDS)}, "what a raster is"
    ),
    Option("bands", "bands", read_bands, _WORD, "which bands of a raster, such as 3,2,1"),
    Option("quality", "quality", _quality, _QUALITY, "of a raster's pictures; 100 is lossless"),
    Option(
        "pyramid", "pyramid", _one_of(*PYRAMIDS), {"type": "string", "enum": list(PYRAMIDS)}, "make its tiles now"
    ),
    Option("hillshade", "hillshade", _flag, _FLAG, "of heights: make a layer of them in oblique sun too"),
    Option("slope", "slope", _flag, _FLAG, "of heights: make a layer of the slope in degrees too"),
    Option(
        "contours", "contours", _interval, _INTERVAL, "of heights: make a layer of lines every so many metres too"
    ),
    Option("keep_all", "keep_all", _flag, _FLAG, "keep every feature at every zoom"),
    Option(
        "grids",
        "grids",
        _one_of(*GRID_CHOICES),
        {"type": "string", "enum": list(GRID_CHOICES)},
        "of vectors: tiles in all served grids, or in Web Mercator alone",
    ),
    Option("dry_run", "dry_run", _flag, _FLAG, "say what would happen; publish nothing"),
    Option("replace", "replace", _flag, _FLAG, "false: refuse an id that exists (else: its next version)"),
)
_BY_FIELD = {option.field: option for option in OPTIONS}


def read_options(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return a form's fields as a job's parameters; empty fields say nothing.

    Raises:
        BadRequest: no such option, or a value that it cannot have; names it.
    """
    unknown = sorted(set(fields) - set(_BY_FIELD))
    if unknown:
        raise BadRequest(
            f"there is no option '{unknown[0][:80]}'",
            field=unknown[0][:80],
            remedy=f"There are {', '.join(_BY_FIELD)}.",
        )
    out = {_BY_FIELD[field].name: _read(_BY_FIELD[field], text) for field, text in fields.items() if text.strip()}
    if out.get("minzoom", 0) > out.get("maxzoom", HIGHEST_ZOOM):
        raise BadRequest("minzoom is above maxzoom", field="minzoom", remedy="Swap them, or leave one out.")
    return out


def _read(option: Option, text: str) -> Any:
    try:
        return option.read(text.strip())
    except Unfit as unfit:
        raise BadRequest(
            f"{option.field} cannot be '{text[:80]}'", field=option.field, remedy=f"Give {unfit}."
        ) from unfit
