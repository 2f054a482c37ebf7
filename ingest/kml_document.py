"""Parses one KML document into containers and placemarks; geometries as WKB.

A DOCTYPE is refused: no honest KML has one, and entities are how attacks on XML readers begin.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ingest import wkb_writer as wkb
from ingest.kml_style import StyleReader, Styles, Symbol
from ingest.kml_tracks import Tracks
from ingest.xml_text import follow, refuse_doctype
from naru.errors import FileDamaged

_DEPTH = 250
_CONTAINERS = frozenset({"Document", "Folder"})
_COLLECTIONS = frozenset({"MultiGeometry", "MultiTrack", "GeometryCollection"})
PLAIN = frozenset({"name", "description", "address", "phoneNumber", "snippet", "Snippet"})  # text of a placemark
_TIMES = frozenset({"when", "begin", "end"})
_ON_GEOMETRY = frozenset({"altitudeMode", "extrude"})
_DATA = frozenset({"Data", "SimpleData", "SimpleArrayData"})
_SCHEMA_FIELDS = frozenset({"SimpleField", "SimpleArrayField"})
_OVERLAYS = frozenset({"GroundOverlay", "ScreenOverlay", "PhotoOverlay"})
_SILENT = frozenset({"NetworkLink", "NetworkLinkControl", "Model", *_OVERLAYS})
_STYLES = frozenset({"Style", "StyleMap"})
_AROUND_COMMA = re.compile(r"\s*,\s*")


@dataclass
class Placemark:
    """One feature: its fields as text, its geometry as WKB (None: no geometry; empty bytes: unreadable)."""

    fields: dict[str, str] = field(default_factory=dict)
    wkb: bytes | None = None
    style_url: str = ""
    symbol: Symbol = field(default_factory=dict)  # of a Style of its own
    schemas: tuple[str, ...] = ()  # ids of the Schemas that its data name

    def put(self, name: str, value: str) -> None:
        """Set a field; a second one of the same name gets a number."""
        number, free = 1, name
        while free in self.fields:
            number, free = number + 1, f"{name}_{number}"
        self.fields[free] = value


@dataclass
class Container:
    """A Document or Folder and the placemarks directly in it."""

    parent: Container | None = None
    name: str = ""
    placemarks: list[Placemark] = field(default_factory=list)
    overlays: int = 0  # pictures laid on the ground, which are not read

    def path(self) -> tuple[str, ...]:
        """Return the names of the folders from the outermost to this one, the document's own left out."""
        if self.parent is None:
            return ()
        above = self.parent.path()
        return (*above, self.name) if self.name else above


@dataclass
class Document:
    """A parsed document. `schemas` are the field types of each Schema, by its id."""

    root: Container
    containers: list[Container]
    schemas: dict[str, dict[str, str]] = field(default_factory=dict)
    styles: Styles = field(default_factory=Styles)
    passed_over: Counter[str] = field(default_factory=Counter)
    tracks: Counter[str] = field(default_factory=Counter)  # what is odd about gx:Tracks
    encoding: str = "UTF-8"
    encoding_how: str = ""

    def type_of(self, placemark: Placemark, name: str) -> str | None:
        """Return the type that a placemark's Schema gives a field; any Schema's where it names none of ours."""
        named = [self.schemas[s] for s in placemark.schemas if s in self.schemas]
        return next((types[name] for types in named or self.schemas.values() if name in types), None)

    def notes(self) -> list[str]:
        """Return what was not read, in words."""
        links = self.passed_over["NetworkLink"]
        overlays = sum(self.passed_over[o] for o in _OVERLAYS)
        changes = self.passed_over["NetworkLinkControl"]
        said = (
            (links, "network links were not followed"),
            (overlays, "picture overlays were not read"),
            (self.passed_over["Model"], "3D models were not read"),
        )
        out = [f"{count} {text}" for count, text in (*said, *((n, t) for t, n in self.tracks.items())) if count]
        return out + (["an update to another KML was not applied"] if changes else [])


def parse(texts: Iterable[str], file: str) -> Document:
    """Parse a document given in pieces of text. Raises FileDamaged with line and column."""
    handler = _Handler(file)
    follow(texts, handler, file)
    return handler.document


class _Handler:
    """Follows the parser through the elements. Unknown elements are passed over."""

    def __init__(self, file: str) -> None:
        root = Container()
        self.document = Document(root, [root])
        self._file = file
        self._stack: list[str] = []
        self._silent = 0  # depth below an element whose content is not for us
        self._container = root
        self._placemark: Placemark | None = None
        self._shapes: list[_Shape] = []  # open geometry elements, outermost first
        self._made: list[bytes] = []  # finished geometries of the placemark
        self._tracks = Tracks()  # of the placemark
        self._schema = ""  # the Schema that is being read
        self._data_name: str | None = None
        self._array: list[str] | None = None  # of the gx:SimpleArrayData that is being read
        self._text: list[str] = []
        self._style: StyleReader | None = None

    def doctype(self, *_: object) -> None:
        raise refuse_doctype("KML", self._file)

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        tag = name.rpartition(":")[2]
        self._stack.append(tag)
        self._text.clear()
        if len(self._stack) > _DEPTH:
            raise FileDamaged("its elements are nested too deeply", file=self._file, remedy="Save it again.")
        if self._silent or tag in _SILENT:
            self._silent += 1
            if self._silent == 1:
                self.document.passed_over[tag] += 1
                self._container.overlays += tag == "GroundOverlay"
        elif self._style is not None:
            self._style.start(tag)
        elif tag in _STYLES:
            self._style = StyleReader(tag, attributes.get("id", ""))
        elif self._placemark is None:
            self._start_outside(tag, attributes)
        else:
            self._start_inside(tag, attributes)

    def _start_outside(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in _CONTAINERS:
            self._open_container()
        elif tag == "Placemark":
            self._placemark, self._made = Placemark(), []
        elif tag == "Schema":
            self._schema = attributes.get("id") or attributes.get("name", "")
        elif tag in _SCHEMA_FIELDS and attributes.get("name"):
            types = self.document.schemas.setdefault(self._schema, {})
            types.setdefault(attributes["name"], attributes.get("type", "string"))

    def _open_container(self) -> None:
        """The outermost container is the document itself; its name serves for the whole."""
        if self._stack[:-1] in ([], ["kml"]) and len(self.document.containers) == 1:
            return
        self._container = Container(self._container)
        self.document.containers.append(self._container)

    def _start_inside(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in _COLLECTIONS or tag in _MAKERS:
            self._shapes.append(_Shape(tag))
        elif tag == "SchemaData" and self._placemark is not None:
            self._placemark.schemas += (attributes.get("schemaUrl", "").rpartition("#")[2],)
        elif tag in _DATA:
            self._data_name = attributes.get("name", "")
            self._array = [] if tag == "SimpleArrayData" else None

    def text(self, data: str) -> None:
        if not self._silent:
            self._text.append(data)

    def end(self, _: str) -> None:
        tag = self._stack.pop()
        parent = self._stack[-1] if self._stack else ""
        if self._silent:
            self._silent -= 1
            return
        text = "".join(self._text)
        self._text.clear()
        if self._style is not None:
            self._end_style(self._style, tag, text)
        elif self._placemark is None:
            self._end_outside(tag, parent, text)
        elif tag == "Placemark":
            self._close_placemark(self._placemark)
        elif self._shapes and self._data_name is None:
            self._end_geometry(tag, text)
        else:
            self._end_field(self._placemark, tag, parent, text)

    def _end_style(self, style: StyleReader, tag: str, text: str) -> None:
        style.end(tag, text)
        if tag != style.tag:
            return
        self._style = None
        if self._placemark is None:
            self.document.styles.add(style)
        elif style.normal:
            self._placemark.style_url = style.normal
        else:
            self._placemark.symbol = style.symbol

    def _end_outside(self, tag: str, parent: str, text: str) -> None:
        if tag == "name" and parent in _CONTAINERS:
            self._container.name = self._container.name or " ".join(text.split())
        elif tag in _CONTAINERS and self._container.parent is not None:
            self._container = self._container.parent

    def _close_placemark(self, placemark: Placemark) -> None:
        if self._made:
            placemark.wkb = self._made[0] if len(self._made) == 1 else _collect(self._made)
        for name, value in self._tracks.fields().items():
            placemark.put(name, value)
        self.document.tracks.update(self._tracks.odd)
        self._tracks = Tracks()
        self._container.placemarks.append(placemark)
        self._placemark, self._shapes = None, []

    def _end_field(self, placemark: Placemark, tag: str, parent: str, text: str) -> None:
        if (parent == "Placemark" and tag in PLAIN) or self._is_time(tag):
            placemark.put(tag, text.strip())
        elif tag == "styleUrl" and parent == "Placemark":
            placemark.style_url = text.strip()
        elif self._array is not None and tag == "value":
            self._array.append(text.strip())
        elif self._data_name is not None and tag in ("value", "SimpleData"):
            placemark.put(self._data_name, text.strip() if tag == "value" else text)
        if tag in _DATA:
            self._end_array(placemark)
            self._data_name = None

    def _is_time(self, tag: str) -> bool:
        """Whether it is a time of the placemark itself, and not of a view of it."""
        return (
            tag in _TIMES and self._stack[-2:-1] == ["Placemark"] and self._stack[-1] in ("TimeStamp", "TimeSpan")
        )

    def _end_array(self, placemark: Placemark) -> None:
        if self._array is not None and self._data_name is not None:
            declared = self.document.type_of(placemark, self._data_name)
            self._tracks.add_array(self._data_name, self._array, declared)
        self._array = None

    def _end_geometry(self, tag: str, text: str) -> None:
        shape = self._shapes[-1]
        if tag == "coordinates":
            shape.coordinates = _coordinates(text)
        elif tag == "coord":
            shape.track.append(text)
        elif tag == "when" and shape.tag == "Track":
            shape.whens.append(text.strip())
        elif tag in _ON_GEOMETRY and self._placemark is not None and text.strip() not in ("", "0", "clampToGround"):
            self._placemark.fields.setdefault(tag, text.strip())
        elif tag == shape.tag:
            self._shapes.pop()
            self._finish(shape)

    def _finish(self, shape: _Shape) -> None:
        """Hand a finished geometry to the one around it, or to the placemark."""
        around = self._shapes[-1] if self._shapes else None
        if shape.tag == "LinearRing" and around is not None and around.tag == "Polygon":
            ring = shape.coordinates if shape.coordinates is not None else np.empty((0, 2))
            around.rings.insert(0 if "outerBoundaryIs" in self._stack[-1:] else len(around.rings), ring)
            return
        if shape.tag == "Track":
            self._tracks.add(shape.whens, shape.track)
        if shape.tag == "MultiTrack":
            shape.parts = self._tracks.joined(shape.parts)
        made = _MAKERS[shape.tag](shape) if shape.tag in _MAKERS else _collect(shape.parts)
        if around is not None and around.tag in _COLLECTIONS:
            around.parts.append(made)
        else:
            self._made.append(made)


# --- geometries as WKB ---------------------------------------------


@dataclass
class _Shape:
    """A geometry element that is being read."""

    tag: str
    coordinates: np.ndarray | None = None  # n × 2 or n × 3
    rings: list[np.ndarray] = field(default_factory=list)
    track: list[str] = field(default_factory=list)
    whens: list[str] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)


def _coordinates(text: str) -> np.ndarray | None:
    """Parse `lon,lat[,altitude] …`, blanks around commas forgiven; None for text that is no coordinates."""
    if not (plain := _AROUND_COMMA.sub(",", text.strip())):
        return np.empty((0, 2))
    tuples = [t.strip(",").split(",") for t in plain.split()]
    return _numbers(tuples)


def _numbers(tuples: list[list[str]]) -> np.ndarray | None:
    size = 3 if any(len(t) >= 3 for t in tuples) else 2
    if any(len(t) < 2 for t in tuples):
        return None
    try:
        return np.array([[*t[:size], *["0"] * (size - len(t))] for t in tuples], dtype=np.float64)
    except ValueError:
        return None


def _point(shape: _Shape) -> bytes:
    found = shape.coordinates
    return wkb.UNREADABLE if found is None else wkb.point(found, wkb.axes_of(found.shape[1]))


def _line(shape: _Shape) -> bytes:
    found = shape.coordinates
    return wkb.UNREADABLE if found is None else wkb.line(found, wkb.axes_of(found.shape[1]))


def _polygon(shape: _Shape) -> bytes:
    width = max((r.shape[1] for r in shape.rings), default=2)
    rings = [r if r.shape[1] == width else np.pad(r, ((0, 0), (0, width - r.shape[1]))) for r in shape.rings]
    return wkb.polygon(rings, wkb.axes_of(width))


def _track(shape: _Shape) -> bytes:
    """Return a track as a line, or as a point where it stays in one place."""
    there = [t.split() for t in shape.track if t.strip()]
    shape.coordinates = found = _numbers(there) if there else np.empty((0, 2))
    stays = found is not None and len(found) > 0 and bool((found[:, :2] == found[0, :2]).all())
    return _point(shape) if stays else _line(shape)


def _collect(parts: list[bytes]) -> bytes:
    good = [p for p in parts if p]
    return wkb.UNREADABLE if parts and not good else wkb.collection(good)


_MAKERS = {"Point": _point, "LineString": _line, "LinearRing": _line, "Polygon": _polygon, "Track": _track}
