"""Reads GeoJSON (RFC 7946), also newline-delimited and with the `crs` member of 2008.

GDAL parses it. When it refuses a file, the file is taken apart here, so that one malformed geometry costs one
feature and the message says which member is wrong.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ingest.crs import Claim
from ingest.dated import dated
from ingest.features import NO_GEOMETRY
from ingest.geojson_members import kept_beside, with_columns
from ingest.json_stream import features
from ingest.json_text import as_utf8, check_names, load
from ingest.layers import SourceLayer
from ingest.ogr import OgrInfo, OgrSource, columns, inspect, stream
from ingest.receive import Dataset
from naru.errors import FileDamaged

MALFORMED = "malformed GeoJSON geometry"
NOT_A_FEATURE = "member of `features` that is no feature"
_DEPTHS = {
    **{"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2},
    **{"MultiPolygon": 3},
}
TYPES = frozenset({*_DEPTHS, "GeometryCollection", "Feature", "FeatureCollection"})
_OPTIONS = {"DATE_AS_STRING": "YES", "ARRAY_AS_STRING": "YES"}
_LINKED_CRS = re.compile(rb'"crs"\s*:\s*\{[^{}]*"type"\s*:\s*"(?:link|url|ogcwkt)"', re.IGNORECASE)
_NAMED_CRS = re.compile(rb'"crs"\s*:\s*\{[^{}]*\{[^{}]*"name"\s*:\s*"([^"]{1,200})"')
_WGS84 = re.compile(rb"CRS84|4326|4979|WGS", re.IGNORECASE)
_LOOK = 65536
_WHOLE_BYTES = 64 * 2**20  # beyond these a file is looked through piece by piece


def read(dataset: Dataset, encoding: str | None, folder: Path, lines: bool) -> SourceLayer:
    """Return the file's one layer. `lines`: each line is a feature.

    Raises FileDamaged, EncodingUnknown, TooLarge.
    """
    file = dataset.file
    text = as_utf8(dataset, encoding, folder, "GeoJSON")
    path, notes = text.path, list(text.notes)
    check_names(path, file)
    linked = _find(path, _LINKED_CRS) is not None
    notes += ["the `crs` member names an address and was not followed"] if linked else []
    source = _source(path, lines)
    salvage = Salvage()
    try:
        info = inspect(source, file)
    except FileDamaged as error:
        if lines:
            raise
        source = _source(folder / "salvaged.geojson", lines=False)
        salvage = salvage_to(path, source.path, file, error)
        info = inspect(source, file)
    beside = kept_beside(source.path, lines, info, notes)
    layer = SourceLayer(
        name=dataset.name,
        claim=_claim(path, info, linked),
        batches=with_columns(dated(stream(source, file), lambda names: columns(source, names, file)), beside),
        rows=max(0, info.rows),
        encoding=text.codec,
        encoding_how=text.how,
        lost=salvage.lost,
        warnings=[*notes, *salvage.notes],
    )

    @cache
    def faults() -> Salvage:
        return salvage if salvage.notes or lines else _find_faults(path, file, layer.warnings)

    layer.explain_missing = lambda missing: _explain(missing, faults())
    layer.diagnose = lambda: next(iter(faults().notes), "")
    return layer


def _source(path: Path, lines: bool) -> OgrSource:
    return OgrSource(path, "GeoJSONSeq" if lines else "GeoJSON", options=_OPTIONS)


def _find(path: Path, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
    """Look near the begin and the end of the file, where writers put the `crs` member."""
    with path.open("rb") as f:
        head = f.read(_LOOK)
        f.seek(max(0, path.stat().st_size - _LOOK))
        return pattern.search(head) or pattern.search(f.read())


def _claim(path: Path, info: OgrInfo, linked: bool) -> Claim:
    """GDAL takes a name that it does not know for WGS 84; then nothing is claimed that we could believe."""
    named = _find(path, _NAMED_CRS)
    if linked:
        return Claim(None, "the `crs` member")
    if named and info.crs == "EPSG:4326" and not _WGS84.search(named.group(1)):
        return Claim(named.group(1).decode("utf-8", "replace"), "the `crs` member")
    if named and info.crs is not None:
        return Claim(info.crs, "the `crs` member (GeoJSON 2008)")
    return Claim("EPSG:4326", "GeoJSON is longitude, latitude on WGS 84 (RFC 7946 §4)")


def _explain(missing: int, faults: Salvage) -> dict[str, int]:
    """Tell features without geometry from those whose geometry GDAL passed over because it is malformed."""
    named = min(missing, faults.malformed)
    return {reason: n for reason, n in ((NO_GEOMETRY, missing - named), (MALFORMED, named)) if n}


# --- when GDAL refuses the file -----------------------------------------------------------------------


@dataclass
class Salvage:
    """What had to be left out of a file to make it readable."""

    malformed: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def salvage_to(path: Path, target: Path, file: str, refused: FileDamaged) -> Salvage:
    """Write the good features of `path` to `target`.

    Raises FileDamaged with the position or the member that is wrong; `refused` itself when we find no fault.
    """
    document = _load(path, file)
    members = _features(document, file)
    salvage = Salvage()
    out = list(_good(members, salvage))
    if not salvage.notes:
        raise refused
    if salvage.malformed + salvage.lost.total() == len(members):
        raise FileDamaged(salvage.notes[0], file=file, remedy="Export it again as valid GeoJSON.")
    body = {"type": "FeatureCollection", "features": out}
    if isinstance(document.get("crs"), dict) and document["crs"].get("type") == "name":
        body["crs"] = document["crs"]
    target.write_text(json.dumps(body, ensure_ascii=False), "utf-8", "surrogatepass")
    return salvage


def _find_faults(path: Path, file: str, warnings: list[str]) -> Salvage:
    """Look for malformed features, in a large file one by one; what is found is added to `warnings`."""
    salvage = Salvage()
    large = path.stat().st_size > _WHOLE_BYTES
    for _ in _good(features(path) if large else _features(_load(path, file), file), salvage):
        pass
    warnings += salvage.notes
    return salvage


def _load(path: Path, file: str) -> dict[str, Any]:
    document = load(path, file)
    if not isinstance(document, dict):
        raise FileDamaged("it is JSON but no GeoJSON object", file=file, remedy="Export it again as GeoJSON.")
    return document


def _features(document: dict[str, Any], file: str) -> list[Any]:
    """Return what should be features. Raises FileDamaged naming the member that makes it impossible."""
    kind = document.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        message = f"member `type` is {json.dumps(kind, ensure_ascii=False)[:60]}, no type of GeoJSON"
        raise FileDamaged(message, file=file, remedy="Export it again as GeoJSON.")
    if kind == "FeatureCollection":
        members = document.get("features")
        if not isinstance(members, list):
            raise FileDamaged("member `features` is no array", file=file, remedy="Export it again as GeoJSON.")
        return members
    return [document if kind == "Feature" else {"type": "Feature", "properties": {}, "geometry": document}]


def _good(found: Iterable[Any], salvage: Salvage) -> Iterator[dict[str, Any]]:
    """Yield every feature, those with malformed geometry without it; note the first fault of each kind."""
    for number, feature in enumerate(found):
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            _note(salvage, f"feature {number}: it is no Feature object")
            salvage.lost[NOT_A_FEATURE] += 1
            continue
        geometry = feature.get("geometry")
        if problem := geometry is not None and geometry_problem(geometry):
            _note(salvage, f"feature {number}: {problem}")
            salvage.malformed += 1
            geometry = None
        properties = feature.get("properties")
        yield feature | {"geometry": geometry, "properties": properties if isinstance(properties, dict) else {}}


def _note(salvage: Salvage, text: str) -> None:
    if len(salvage.notes) < 5:
        salvage.notes.append(text)


def geometry_problem(geometry: Any) -> str:
    """Say what is wrong with a GeoJSON geometry object; '' when nothing is.

    >>> geometry_problem({"type": "Point", "coordinates": ["1", 2]})
    'coordinates of a Point must be numbers, not "1"'
    """
    if not isinstance(geometry, dict):
        return "member `geometry` is no object"
    kind = geometry.get("type")
    if kind == "GeometryCollection":
        parts = geometry.get("geometries")
        if not isinstance(parts, list):
            return "member `geometries` is no array"
        return next((problem for p in parts if (problem := geometry_problem(p))), "")
    if not isinstance(kind, str) or kind not in _DEPTHS:
        return f"geometry `type` is {json.dumps(kind, ensure_ascii=False)[:40]}, no type of GeoJSON"
    return _coordinates_problem(geometry.get("coordinates"), _DEPTHS[kind], kind)


def _coordinates_problem(value: Any, depth: int, kind: str) -> str:
    if not isinstance(value, list):
        return f"coordinates of a {kind} are not nested as deeply as they must be"
    if depth:
        return next((problem for v in value if (problem := _coordinates_problem(v, depth - 1, kind))), "")
    if any(isinstance(v, list) for v in value):
        return f"coordinates of a {kind} are nested too deeply"
    for v in value:
        if isinstance(v, bool) or not isinstance(v, int | float):
            return f"coordinates of a {kind} must be numbers, not {json.dumps(v, ensure_ascii=False)[:40]}"
    return "" if len(value) >= 2 else f"a position of a {kind} has {len(value)} numbers instead of 2 or 3"
