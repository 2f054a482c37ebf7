"""Reads shapefiles (ESRI Shapefile Technical Description, July 1998), also those that are damaged.

The index (.shx) is checked against the shapes and made anew when it is missing or lies, so that the readable
part of a cut file is read and the rest counted.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ingest.crs import Claim
from ingest.dbf import enough_rows, read_table, whole_names
from ingest.encoding import Encoding, find_encoding
from ingest.features import NO_GEOMETRY
from ingest.layers import SourceLayer
from ingest.ogr import OgrSource, stream
from ingest.receive import Dataset
from naru.errors import FileDamaged

CUT_OFF = "record lies beyond the end of the .shp"
DAMAGED = "shape record damaged or without points"
_MAGIC = 9994
_HEADER = 100
_DRIVER = "ESRI Shapefile"
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Index:
    """Where the complete records lie: offsets and content lengths, bytes."""

    offsets: Ints
    lengths: Ints

    def __len__(self) -> int:
        return len(self.offsets)


def read(dataset: Dataset, encoding_option: str | None) -> SourceLayer:
    """Return the shapefile's one layer. Raises FileDamaged, EncodingUnknown."""
    shp, file = dataset.main, dataset.file
    _check_header(shp, file)
    warnings: list[str] = []
    index, lost = _sound_index(dataset, warnings)
    encoding, options = _table(dataset, encoding_option, len(index), warnings)
    source = OgrSource(
        shp,
        _DRIVER,
        encoding=encoding.gdal if encoding else None,
        options=options,
        rows=len(index),
        size=shp.stat().st_size,
    )
    nulls = _null_shapes(shp, index)
    return SourceLayer(
        name=dataset.name,
        claim=Claim(_prj(dataset), ".prj"),
        batches=stream(source, file),
        rows=len(index),
        encoding=encoding.label if encoding else None,
        encoding_how=encoding.how if encoding else None,
        lost=lost,
        warnings=warnings,
        explain_missing=lambda missing: _explain_missing(missing, nulls),
    )


def _check_header(shp: Path, file: str) -> None:
    with shp.open("rb") as f:
        header = f.read(_HEADER)
    if len(header) < _HEADER or int.from_bytes(header[:4], "big") != _MAGIC:
        raise FileDamaged("the .shp does not begin like a shapefile", file=file, remedy="Export it again.")


def _table(
    dataset: Dataset, option: str | None, shapes: int, warnings: list[str]
) -> tuple[Encoding | None, dict[str, str]]:
    """Return the attribute table's encoding and GDAL's options for it; mend it where GDAL would stumble."""
    dbf = dataset.parts.get(".dbf")
    if dbf is None:
        warnings.append("there is no .dbf: the features have no attributes")
        return None, {}
    found = find_encoding(dbf, dataset.parts.get(".cpg"), option, dataset.file)
    table = read_table(dbf, dataset.file)
    whole_names(dbf, table, found.codec)
    enough_rows(dbf, table, shapes)
    warnings += found.warnings
    # A number of 19 digits (a parcel's PNU) fits 64 bits, but GDAL takes it for a double unless it looks closer.
    return found, {"ADJUST_TYPE": "YES"} if table.long_integers else {}


def _prj(dataset: Dataset) -> str | None:
    path = dataset.parts.get(".prj")
    if path is None:
        return None
    text = path.read_bytes()[:65536].decode("utf-8-sig", "replace").strip("\x00 \r\n\t")
    return text or None


# --- the index --------------------------------------------------------------------------------------


def _sound_index(dataset: Dataset, warnings: list[str]) -> tuple[_Index, Counter[str]]:
    """Return the index of the complete records, written anew where needed, and what is lost."""
    shp = dataset.main
    size = shp.stat().st_size
    promised = _read_index(dataset.parts.get(".shx"))
    if promised is not None and len(promised) and _agrees(promised, shp, size):
        _compare_rows(dataset, len(promised), warnings)
        return promised, Counter()
    found = _walk(shp, size)
    if promised is not None and len(found) == 0 == len(promised):
        return found, Counter()
    _write_index(shp, found)
    cause = "there is no .shx" if promised is None else "the .shx does not agree with the .shp"
    warnings.append(f"{cause}: the index was made anew, {len(found)} shapes found")
    return found, _lost(dataset, promised, len(found), warnings)


def _lost(dataset: Dataset, promised: _Index | None, found: int, warnings: list[str]) -> Counter[str]:
    """Count the records that a cut .shp no longer holds."""
    shp = dataset.main
    with shp.open("rb") as f:
        declared = 2 * int.from_bytes(f.read(28)[24:28], "big")
    rows = read_table(dataset.parts[".dbf"], dataset.file).rows if ".dbf" in dataset.parts else 0
    total = max(rows, len(promised) if promised is not None else 0)
    if total <= found or (declared <= shp.stat().st_size and promised is None and not rows):
        return Counter()
    warnings.append(f"the .shp is cut off: {found} of {total} shapes can be read")
    return Counter({CUT_OFF: total - found})


def _compare_rows(dataset: Dataset, shapes: int, warnings: list[str]) -> None:
    if ".dbf" not in dataset.parts:
        return
    rows = read_table(dataset.parts[".dbf"], dataset.file).rows
    if rows != shapes:
        warnings.append(
            f"the .shp has {shapes} shapes, the .dbf {rows} rows: rows and shapes may not belong together"
        )


def _read_index(shx: Path | None) -> _Index | None:
    if shx is None or shx.stat().st_size < _HEADER:
        return None
    with shx.open("rb") as f:
        if int.from_bytes(f.read(4), "big") != _MAGIC:
            return None
    count = (shx.stat().st_size - _HEADER) // 8
    pairs = np.fromfile(shx, dtype=">i4", offset=_HEADER, count=2 * count).reshape(-1, 2).astype(np.int64) * 2
    return _Index(pairs[:, 0], pairs[:, 1])


def _agrees(index: _Index, shp: Path, size: int) -> bool:
    """Whether every record lies in the file and nothing follows the last one."""
    ends = index.offsets + 8 + index.lengths
    if (index.offsets < _HEADER).any() or (index.lengths < 4).any() or ends.max() > size:
        return False
    return int(ends.max()) >= min(size, _declared(shp)) or len(_walk(shp, size)) <= len(index)


def _declared(shp: Path) -> int:
    with shp.open("rb") as f:
        f.seek(24)
        return 2 * int.from_bytes(f.read(4), "big")


def _walk(shp: Path, size: int) -> _Index:
    """Step from record to record; stop at the first that is not complete."""
    offsets, lengths = [], []
    with shp.open("rb") as f:
        position = _HEADER
        while position + 12 <= size:
            f.seek(position)
            _, words = struct.unpack(">ii", f.read(8))
            if words < 2 or position + 8 + 2 * words > size:
                break
            offsets.append(position)
            lengths.append(2 * words)
            position += 8 + 2 * words
    return _Index(np.array(offsets, np.int64), np.array(lengths, np.int64))


def _write_index(shp: Path, index: _Index) -> None:
    """Write the .shx beside the .shp in the job's folder."""
    with shp.open("rb") as f:
        header = bytearray(f.read(_HEADER))
    header[24:28] = ((_HEADER + 8 * len(index)) // 2).to_bytes(4, "big")
    pairs = np.stack([index.offsets // 2, index.lengths // 2], axis=1).astype(">i4")
    target = shp.with_suffix(".shx")
    target.unlink(missing_ok=True)
    target.write_bytes(bytes(header) + pairs.tobytes())


def _null_shapes(shp: Path, index: _Index) -> int:
    """Count the records whose shape type is 0 (null shape)."""
    if not len(index):
        return 0
    content = np.memmap(shp, dtype=np.uint8, mode="r")
    kinds = np.stack([content[index.offsets + 8 + i] for i in range(4)])
    return int((~kinds.any(axis=0)).sum())


def _explain_missing(missing: int, nulls: int) -> dict[str, int]:
    damaged = max(0, missing - nulls)
    return {reason: n for reason, n in ((NO_GEOMETRY, missing - damaged), (DAMAGED, damaged)) if n}
