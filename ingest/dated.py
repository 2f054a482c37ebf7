"""Finds the columns of text in a stream of batches that hold nothing but dates, and gives them their type."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from itertools import chain, islice

import pyarrow as pa

from ingest.layers import Batch
from ingest.moments import Watch, convert

Again = Callable[[list[str]], Generator[pa.RecordBatch, None, None]]


def dated(batches: Iterator[Batch], again: Again) -> Iterator[Batch]:
    """Yield the batches with their dates typed (see `ingest.moments`).

    `again` reads columns of all batches anew. It is asked only where there is more than one batch, and only for
    columns that may be dates by the first.
    """
    begin = list(islice(batches, 2))
    watches: dict[str, Watch] = {}
    for attributes, _ in begin[:1]:
        names, kinds = attributes.schema.names, attributes.schema.types
        watches = {n: Watch() for n, k in zip(names, kinds, strict=True) if pa.types.is_string(k)}
        _look(watches, attributes)
    if len(begin) > 1 and watches:
        with closing(again(list(watches))) as columns:
            for part in columns:
                _look(watches, part)
                if not watches:
                    break
    types = {name: watch.type for name, watch in watches.items()}
    for attributes, wkb in chain(begin, batches):
        yield _typed(attributes, types), wkb


def _look(watches: dict[str, Watch], attributes: pa.RecordBatch) -> None:
    """Look at a batch; forget the columns that are out of the question."""
    for name in list(watches):
        watches[name].look(attributes.column(name))
        if not watches[name].left:
            del watches[name]


def _typed(attributes: pa.RecordBatch, types: Mapping[str, pa.DataType | None]) -> pa.RecordBatch:
    for name, kind in types.items():
        if kind is not None:
            number = attributes.schema.get_field_index(name)
            attributes = attributes.set_column(number, name, convert(attributes.column(number), kind))
    return attributes
