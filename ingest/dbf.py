"""Attribute tables of shapefiles: dBASE III (Xbase file format description), read as raw bytes, and mended."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from naru.errors import FileDamaged

_SAMPLE_ROWS = 20_000


@dataclass(frozen=True)
class Table:
    """The header of a .dbf. `rows` are those really there; lengths in bytes."""

    language_id: int
    rows: int
    row_length: int
    start: int  # of the first row
    names: tuple[bytes, ...]
    columns: tuple[slice, ...]  # of the character fields within a row
    long_integers: bool  # whether a whole number may have 19 digits or more


def read_table(dbf: Path, file: str) -> Table:
    """Read the header of a dBASE table. Raises FileDamaged."""
    with dbf.open("rb") as f:
        header = f.read(32)
        if len(header) < 32:
            raise FileDamaged("the attribute table (.dbf) has no header", file=file, remedy="Export it again.")
        start, length = (int.from_bytes(header[i : i + 2], "little") for i in (8, 10))
        descriptors = f.read(max(0, start - 32))
    names, columns = _fields(descriptors)
    there = (dbf.stat().st_size - start) // length if length else 0
    rows = max(0, min(int.from_bytes(header[4:8], "little"), there))
    return Table(header[29], rows, length, start, tuple(names), tuple(columns), _has_long_integers(descriptors))


def _has_long_integers(descriptors: bytes) -> bool:
    blocks = [descriptors[i : i + 32] for i in range(0, len(descriptors) - 31, 32)]
    return any(b[11:12] in (b"N", b"F") and b[16] >= 19 and b[17] == 0 for b in blocks)


def _fields(descriptors: bytes) -> tuple[list[bytes], list[slice]]:
    """Return the raw names of all fields, and where the character fields lie within a row."""
    names, columns, offset = [], [], 1  # the first byte of a row is its deletion flag
    for start in range(0, len(descriptors) - 31, 32):
        block = descriptors[start : start + 32]
        if block[0] in (0x0D, 0x00):
            break
        is_text = block[11:12] == b"C"
        width = block[16] + (block[17] << 8 if is_text else 0)
        names.append(block[:11].split(b"\0")[0])
        columns += [slice(offset, offset + width)] if is_text else []
        offset += width
    return names, columns


def whole_names(dbf: Path, table: Table, codec: str) -> None:
    """Where a field name ends in half a character (programs cut names at 10 bytes), write the table without it.

    `dbf` is a name in the job's folder; what it links to stays as it is.
    """
    cleaned = {
        number: name.decode(codec, "ignore").encode(codec)
        for number, name in enumerate(table.names)
        if not _decodes_whole(name, codec)
    }
    if not cleaned:
        return
    original = dbf.resolve()
    copy = dbf.with_suffix(".whole")
    shutil.copyfile(original, copy)
    with copy.open("r+b") as f:
        for number, name in cleaned.items():
            f.seek(32 + 32 * number)
            f.write(name.ljust(11, b"\0"))
    copy.replace(dbf)


def enough_rows(dbf: Path, table: Table, shapes: int) -> None:
    """Where the table has fewer rows than there are shapes, write it with empty rows behind its own.

    GDAL reads no more features than the table has rows.
    """
    if table.rows >= shapes or not table.row_length:
        return
    copy = dbf.with_suffix(".long")
    shutil.copyfile(dbf.resolve(), copy)
    with copy.open("r+b") as f:
        f.seek(4)
        f.write(shapes.to_bytes(4, "little"))
        f.truncate(table.start + table.rows * table.row_length)
        f.seek(0, 2)
        empty = b" " * table.row_length
        for _ in range(shapes - table.rows):
            f.write(empty)
    copy.replace(dbf)


def _decodes_whole(text: bytes, codec: str) -> bool:
    try:
        text.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def sample_texts(dbf: Path, table: Table) -> set[bytes]:
    """Return the names and the distinct texts that are not ASCII, of rows spread evenly over the table."""
    found = {name for name in table.names if not name.isascii()}
    step = max(1, table.rows // _SAMPLE_ROWS)
    with dbf.open("rb") as f:
        for row in range(0, table.rows, step):
            f.seek(table.start + row * table.row_length)
            record = f.read(table.row_length)
            if not record.isascii():
                found.update(text for c in table.columns if not (text := record[c].rstrip(b" \0")).isascii())
    return found
