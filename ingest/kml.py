"""Reads KML 2.2 and 2.3 (OGC 07-147r2, 12-007r2) and KMZ without ever fetching anything.

GDAL's reader mangles Korean field names and does not know EUC-KR; this one keeps names exactly. Folders become
layers. What a link points to stays unread, and is said so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from ingest.crs import Claim
from ingest.encoding import decoded
from ingest.kml_document import PLAIN, Container, Document, Placemark, parse
from ingest.kml_style import FIELD, Symbol, symbology
from ingest.layers import Batch, SourceLayer
from ingest.moments import typed
from ingest.receive import Dataset, member_name, open_zip, unpack_member, unpacked_budget
from ingest.rows import record_batch
from ingest.sandbox import Limits
from ingest.xml_text import find_codec
from naru.errors import NoFeatures

_BATCH = 8192
_MANY = 30  # folders beyond which they become one layer with the folder as a field
_FOLDER = "folder"
OVERLAY = "picture laid on the ground, no feature"
_CLAIM = Claim("EPSG:4326", "KML is longitude, latitude on WGS 84 (OGC 07-147r2 §6.2)")
_NUMERIC = frozenset({"int", "short", "uint", "ushort", "float", "double"})
_TRUE = {"1": True, "true": True, "0": False, "false": False}


def read_kml(dataset: Dataset, encoding: str | None) -> Iterator[SourceLayer]:
    """Yield the layers of a .kml. Raises FileDamaged, EncodingUnknown, NoFeatures."""
    return _layers([_read(dataset.main, dataset.file, dataset.name, encoding)], dataset)


def read_kmz(dataset: Dataset, encoding: str | None, limits: Limits) -> Iterator[SourceLayer]:
    """Yield the layers of all .kml in a .kmz. Raises BadZip, TooLarge and as `read_kml`."""
    budget = unpacked_budget(dataset.main, limits)
    documents = []
    with open_zip(dataset.main, dataset.file, limits) as archive:
        members = [i for i in archive.infolist() if member_name(i).lower().endswith(".kml")]
        members.sort(key=lambda info: (member_name(info).count("/"), member_name(info) != "doc.kml"))
        for number, info in enumerate(members):
            target = dataset.main.parent / f"{dataset.main.stem}-{number:04d}.kml"
            unpack_member(archive, info, target, budget)
            name = dataset.name if number == 0 else Path(member_name(info)).stem
            documents.append(_read(target, f"{dataset.file}/{member_name(info)}", name, encoding))
    return _layers(documents, dataset)


def _read(path: Path, file: str, name: str, option: str | None) -> Document:
    """Read one .kml; its outermost container is called `name` unless it names itself."""
    codec, how = find_codec(path, file, option)
    with path.open("rb") as stream:
        document = parse(decoded(stream, codec), file)
    document.encoding, document.encoding_how = codec.upper(), how
    document.root.name = document.root.name or name
    return document


# --- layers -----------------------------------------------------------------------------------------


def _layers(documents: Sequence[Document], dataset: Dataset) -> Iterator[SourceLayer]:
    """Yield one layer for each folder that holds placemarks; one for all when there are very many."""
    folders = [(d, c) for d in documents for c in d.containers if c.placemarks]
    lost = {id(c): Counter({OVERLAY: c.overlays}) for _, c in folders if c.overlays}
    notes = [note for d in documents for note in d.notes()]
    if not folders:
        said = f" ({'; '.join(notes)})" if notes else ""
        raise NoFeatures(f"it holds no placemark{said}", file=dataset.file, remedy="Save the places themselves.")
    if len(folders) > _MANY:
        notes.append(f"its {len(folders)} folders became one layer, with the folder in the field '{_FOLDER}'")
        for _, container in folders:
            for placemark in container.placemarks:
                placemark.put(_FOLDER, " / ".join(container.path()))
        merged = [(d, p) for d, c in folders for p in c.placemarks]
        yield _layer(dataset.name, merged, notes, sum(lost.values(), Counter()))
        return
    names = _distinct_names([c for _, c in folders], dataset.name)
    for (document, container), name in zip(folders, names, strict=True):
        placemarks = [(document, p) for p in container.placemarks]
        yield _layer(name, placemarks, notes, lost.get(id(container), Counter()))
        notes = []


def _layer(
    name: str, located: Sequence[tuple[Document, Placemark]], notes: list[str], lost: Counter[str]
) -> SourceLayer:
    """Return placemarks, each with the document that it stands in, as a layer drawn as the documents say."""
    document = located[0][0]
    placemarks = [p for _, p in located]
    symbols, keys = symbology([_drawn(d, p) for d, p in located])
    for placemark, key in zip(placemarks, keys, strict=bool(keys)):
        if key is not None:
            placemark.fields[FIELD] = key
    return SourceLayer(
        name=name,
        claim=_CLAIM,
        batches=_batches(located),
        rows=len(placemarks),
        encoding=document.encoding,
        encoding_how=document.encoding_how,
        lost=lost,
        warnings=list(notes),
        symbols=symbols,
    )


def _drawn(document: Document, placemark: Placemark) -> tuple[str, Symbol]:
    """Return name and symbol of a placemark: a Style of its own goes before a shared one, part by part."""
    name, shared = document.styles.find(placemark.style_url)
    return (name if not placemark.symbol else "", shared | placemark.symbol)


def _distinct_names(containers: Sequence[Container], otherwise: str) -> list[str]:
    """Name layers by their folders; by the path to them, or a number, where two are called alike."""
    short = [c.name or otherwise for c in containers]
    paths = [" / ".join(c.path()) for c in containers]
    seen: Counter[str] = Counter()
    out = []
    for name, path in zip(short, paths, strict=True):
        chosen = path if short.count(name) > 1 and path and paths.count(path) == 1 else name
        seen[chosen] += 1
        out.append(chosen if seen[chosen] == 1 else f"{chosen} ({seen[chosen]})")
    return out


def _batches(located: Sequence[tuple[Document, Placemark]]) -> Iterator[Batch]:
    names = list(dict.fromkeys(name for _, p in located for name in p.fields))
    kinds = _kinds(located)
    columns = [_column([p.fields.get(n) for _, p in located], kinds[n]) for n in names]
    columns = [c if n in PLAIN else typed(c) for n, c in zip(names, columns, strict=True)]
    wkb = pa.array([p.wkb for _, p in located], pa.binary())
    for start in range(0, len(located), _BATCH):
        part = [c.slice(start, _BATCH) for c in columns]
        rows = wkb.slice(start, _BATCH)
        yield record_batch(part, names, len(rows)), rows


def _kinds(located: Sequence[tuple[Document, Placemark]]) -> dict[str, str]:
    """Return each field's type, where the Schemas of all placemarks that have it agree; else it is text."""
    alike: dict[tuple[int, tuple[str, ...]], tuple[Document, Placemark, set[str]]] = {}
    for document, placemark in located:
        key = id(document), placemark.schemas
        alike.setdefault(key, (document, placemark, set()))[2].update(placemark.fields)
    kinds: dict[str, set[str]] = {}
    for document, placemark, names in alike.values():
        for name in names:
            kinds.setdefault(name, set()).add(document.type_of(placemark, name) or "string")
    return {name: _common(found) for name, found in kinds.items()}


def _common(kinds: set[str]) -> str:
    """Return the type that holds values of all these types: decimals hold whole numbers, text holds all."""
    if len(kinds) == 1:
        return next(iter(kinds))
    if kinds <= _NUMERIC:
        return "double" if kinds & {"float", "double"} else "int"
    return "string"


def _column(values: list[str | None], kind: str) -> pa.Array:
    """Return a column in the type that the Schema declares, or as text when a value is not of it."""
    clean = [None if v is None or (kind != "string" and not v.strip()) else v for v in values]
    try:
        match kind:
            case "int" | "short" | "uint" | "ushort":
                return pa.array([None if v is None else int(v) for v in clean], pa.int64())
            case "float" | "double":
                return pa.array([None if v is None else float(v) for v in clean], pa.float64())
            case "bool":
                return pa.array([None if v is None else _TRUE[v.strip().lower()] for v in clean], pa.bool_())
    except (ValueError, KeyError, OverflowError):
        pass
    return pa.array(values, pa.string())
