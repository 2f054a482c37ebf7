"""What goes into a tile, as one number: tiles of equal digest have equal bytes; kernels.

A digest covers everything that encoding a tile reads: the shapes after choice and simplification, in their
order, their rows and attributes, how each is drawn, the label points, the rules, and the program itself. Each
step of the mixing is one-to-one in what is mixed in, so a change of one word always shows, and changes of
several cancel out once in 2**64 cases.
"""

from __future__ import annotations

import hashlib
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from isal import isal_zlib
from numpy.typing import NDArray

from ingest.tiling.attributes import Attributes
from ingest.tiling.clip import Instances
from ingest.tiling.kernel import inner, kernel
from ingest.tiling.labels import Placed
from ingest.tiling.options import GZIP_LEVEL, TIGHT_LEVEL
from ingest.tiling.shapes import Ints, Shapes

Digests = NDArray[np.uint64]


@cache
def engine() -> bytes:
    """Return what names this program: its own sources, GEOS, and what its two compressors make of the sources.

    No version number, which somebody would forget to raise. isal chooses its code by the processor, and each
    may pack differently, so it is asked rather than its version.
    """
    own = b"".join(file.read_bytes() for file in sorted(Path(__file__).parent.glob("*.py")))
    packed = isal_zlib.compress(own, GZIP_LEVEL), zlib.compress(own, TIGHT_LEVEL)
    geos = str(shapely.geos_version_string).encode()
    return b"".join(hashlib.sha256(part).digest() for part in (own, *packed, geos))


def digest_of(*parts: object) -> np.uint64:
    """Return the digest of some plain values."""
    return _number(repr(parts).encode())


def digest_of_order(ranks: NDArray[np.float64]) -> np.uint64:
    """Return the digest of the order that ranks put their owners in; never 0."""
    return _number(np.argsort(ranks, kind="stable").astype("<i8").tobytes()) | np.uint64(1)


def _number(data: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little"))


@inner
def _mixed(number: Any, word: Any) -> Any:
    """Return both as one number; after the finaliser of SplitMix64 (Steele, Lea & Flood 2014)."""
    number = (number ^ word) * np.uint64(0x9E3779B97F4A7C15)
    number = (number ^ (number >> np.uint64(32))) * np.uint64(0xBF58476D1CE4E5B9)
    return number ^ (number >> np.uint64(29))


@inner
def _mixed_bytes(number: Any, data: Any, first: int, last: int) -> Any:
    number = _mixed(number, np.uint64(last - first))
    word, shift = np.uint64(0), np.uint64(0)
    for k in range(first, last):
        word |= np.uint64(data[k]) << shift
        shift += np.uint64(8)
        if shift == np.uint64(64):
            number = _mixed(number, word)
            word, shift = np.uint64(0), np.uint64(0)
    return _mixed(number, word) if shift else number


@kernel
def digest_rows(attributes: Attributes, first: int, out: Digests) -> None:
    """Write the digest of each row's own number, its keys and its values, from row `first` on."""
    keys, values = attributes.keys, attributes.values
    for i in range(out.size):
        number = np.uint64(first + i)
        for column in range(attributes.codes.shape[1]):
            code = attributes.codes[first + i, column]
            if code >= 0:
                number = _mixed_bytes(number, keys.data, keys.starts[column], keys.starts[column + 1])
                number = _mixed_bytes(number, values.data, values.starts[code], values.starts[code + 1])
        out[i] = number


@inner
def _of_shape(shapes: Shapes, s: int, whole: bool) -> Any:
    number = _mixed(np.uint64(shapes.kind[s]), np.uint64(whole))
    for r in range(shapes.rings[s], shapes.rings[s + 1]):
        a, b = shapes.starts[r], shapes.starts[r + 1]
        number = _mixed(number, np.uint64(2 * (b - a) + shapes.hole[r]))
        for p in range(a, b):
            x, y = np.uint64(np.uint32(shapes.xy[p, 0])), np.uint64(np.uint32(shapes.xy[p, 1]))
            number = _mixed(number, x << np.uint64(32) | y)
    return number


@inner
def _with_labels(number: Any, names: Placed, tile: int) -> Any:
    first = np.searchsorted(names.tile, tile)
    while first < names.tile.size and names.tile[first] == tile:
        number = _mixed(number, np.uint64(names.row[first]))
        number = _mixed(number, np.uint64(names.xy[first, 0]) << np.uint64(32) | np.uint64(names.xy[first, 1]))
        first += 1
    return number


@kernel
def _digests(
    shapes: Shapes, whole: Any, instances: Instances, ends: Ints, names: Placed, rows: Digests, seed: Any
) -> Digests:
    of_shape = np.empty(shapes.kind.size, np.uint64)
    for s in range(of_shape.size):
        of_shape[s] = _mixed(_of_shape(shapes, s, whole[s]), rows[shapes.row[s]])
    out = np.empty(ends.size - 1, np.uint64)
    for t in range(out.size):
        number = np.uint64(seed)
        for i in range(ends[t], ends[t + 1]):
            number = _mixed(number, of_shape[instances.shape[i]])
            number = _mixed(number, np.uint64(instances.how[i]))
        out[t] = _with_labels(number, names, instances.tile[ends[t]])
    return out


_NO_NAMES = Placed(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 2), np.int32))


def digests(
    cut_out: tuple[Shapes, NDArray[np.bool_], Instances],
    ends: Ints,
    names: Placed | None,
    rows: Digests,
    seed: np.uint64,
) -> Digests:
    """Return the digest of each tile: tile k draws the instances ends[k]:ends[k+1]; `rows` by source row."""
    return _digests(*cut_out, ends, names or _NO_NAMES, rows, seed)
