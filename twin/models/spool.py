"""Rows sorted into tiles on disk: a source is read once from front to back, and each tile's rows are found again.

Memory holds one batch at a time, whatever the size of the layer.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from naru.storage import disk_errors

Ints = npt.NDArray[np.int64]
Place = tuple[int, int]  # offset and length in the file


class Spool:
    """A file of record batches, each of one tile. Written first, then read; use it as a context manager.

    Raises StorageFailed where the disk does not take it.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path, self.schema = path, schema
        self.places: dict[int, list[Place]] = defaultdict(list)
        with disk_errors(path):
            self._file = path.open("wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)

    def add(self, batch: pa.RecordBatch, tiles: Ints) -> None:
        """Write rows, each with the number of its tile; negative: left out."""
        order = np.argsort(tiles, kind="stable")
        order = order[tiles[order] >= 0]
        sorted_rows, numbers = batch.take(pa.array(order)), tiles[order]
        edges = np.r_[0, np.flatnonzero(np.diff(numbers)) + 1, len(numbers)]
        for start, end in pairwise(edges.tolist()):
            if end > start:
                packed = sorted_rows.slice(start, end - start).serialize()
                self.places[int(numbers[start])].append((self._file.tell(), packed.size))
                with disk_errors(self.path):
                    self._file.write(packed)

    def close(self) -> None:
        """End the writing: from now on tiles are read."""
        with disk_errors(self.path):
            self._file.close()

    def read(self, tile: int) -> pa.RecordBatch:
        """Return a tile's rows, in the order in which they were written. Any thread may ask."""
        return read_rows(self.path, self.schema, self.places[tile])


def read_rows(path: Path, schema: pa.Schema, places: list[Place]) -> pa.RecordBatch:
    """Return the rows that lie at some places of a spool's file."""
    batches = []
    with path.open("rb") as file:
        for offset, length in places:
            file.seek(offset)
            batches.append(pa.ipc.read_record_batch(pa.py_buffer(file.read(length)), schema))
    table = pa.Table.from_batches(batches, schema).combine_chunks()
    found = table.to_batches()
    return found[0] if found else pa.RecordBatch.from_pylist([], schema)
