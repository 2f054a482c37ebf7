"""Hostile vector tiles, drawn: does any of them end the process that draws, hold it up, or read where nothing is?

    python -m bench.hostile_tiles [COUNT] [SEED]

Every case is made from its seed: a tile of wild numbers, or one with bytes changed, cut, doubled, spliced. It is
decoded and drawn with every kind of style layer, at a common place or far too near. What a case may do: be drawn,
or be refused as `TileBroken`. For reads outside of arrays, run it once with NUMBA_BOUNDSCHECK=1 and with
NUMBA_CACHE_DIR set to an empty folder: then they are IndexErrors.
"""

from __future__ import annotations

import faulthandler
import random
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from tileserver.rendering import mvt
from tileserver.rendering.child import warm
from tileserver.rendering.painter import DataTile, Frame, Painter, gathered
from tileserver.rendering.sheets import Sheet, sheets

SLOW_S = 2.0  # of a tile of some kilobytes
_EDGES = (
    0,
    1,
    2,
    3,
    127,
    128,
    4095,
    4096,
    65535,
    65536,
    2**28,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**32,
    2**35 - 1,
    2**63,
    2**64 - 1,
)
_WIDTH = ["match", ["get", "k"], "wide", 30, ["case", ["has", "n"], ["to-number", ["get", "n"], 1], 1.5]]
STYLE: list[dict[str, Any]] = [
    {"type": "fill", "paint": {"fill-outline-color": "#123", "fill-color": ["case", ["has", "k"], "#fff", "#a00"]}},
    {"type": "line", "paint": {"line-width": _WIDTH}, "layout": {"line-cap": "round", "line-join": "round"}},
    {"type": "line", "paint": {"line-width": 3}, "layout": {"line-cap": "square"}},
    {
        "type": "line",
        "paint": {"line-dasharray": [2, 1, 0.5], "line-width": _WIDTH},
        "layout": {"line-join": "bevel"},
    },
    {
        "type": "circle",
        "filter": ["!=", ["get", "k"], "none"],
        "paint": {"circle-radius": _WIDTH, "circle-stroke-width": 1},
    },
    {
        "type": "symbol",
        "layout": {"text-field": ["concat", ["get", "k"], ["get", "n"]], "symbol-sort-key": ["get", "n"]},
        "paint": {"text-halo-width": 1, "text-halo-color": "#fff"},
    },
    {"type": "symbol", "layout": {"text-field": "{k}", "symbol-placement": "line", "text-size": ["get", "n"]}},
]


def drawable() -> tuple[Sheet, ...]:
    """Return the style that every case is drawn in."""
    return sheets([{"id": str(k), "source-layer": "a"} | part for k, part in enumerate(STYLE)])


# --- tiles ----------------------------------------------------------------------------------------


def varint(value: int) -> bytes:
    """Return a whole number as protobuf has it."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes((*out, value))


def field(number: int, data: bytes) -> bytes:
    """Return a field of bytes."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def wild(dice: random.Random) -> int:
    """Return a number that is small, anything, or at the edge of something."""
    kind = dice.random()
    if kind < 0.6:
        return dice.randrange(64)
    if kind < 0.8:
        return dice.randrange(8192)
    return dice.choice(_EDGES) if kind < 0.95 else dice.getrandbits(dice.randrange(1, 70))


def step(dice: random.Random) -> int:
    """Return how far a point is from the one before it, as it is written."""
    kind = dice.random()
    if kind < 0.9:
        return dice.randrange(9000)
    return dice.randrange(1 << 27) if kind < 0.995 else wild(dice)


def geometry(dice: random.Random) -> bytes:
    """Return commands, mostly in an order that makes sense."""
    out = b""
    for _ in range(dice.randrange(1, 6)):
        for command, most in ((1, 2), (2, 12), (7, 1)):
            if command == 7 and dice.random() < 0.3:
                continue
            count = dice.randrange(1, most + 1) if dice.random() < 0.98 else wild(dice)
            out += varint(count << 3 | (command if dice.random() < 0.99 else dice.randrange(8)))
            out += b"".join(varint(step(dice)) for _ in range(2 * min(count, 20) if command != 7 else 0))
    return out


def feature(dice: random.Random) -> bytes:
    """Return a feature."""
    kind = dice.randrange(1, 4) if dice.random() < 0.95 else wild(dice)
    tags = [0, dice.randrange(3), 1, dice.randrange(3)] if dice.random() < 0.97 else [wild(dice) for _ in range(4)]
    parts = [varint(3 << 3) + varint(kind), field(2, b"".join(map(varint, tags))), field(4, geometry(dice))]
    if dice.random() < 0.3:
        parts.append(varint(1 << 3) + varint(wild(dice)))
    if dice.random() < 0.1:
        dice.shuffle(parts)
    return b"".join(parts)


def value(dice: random.Random) -> bytes:
    """Return a value of an attribute; NaN, infinity and texts of all lengths among them."""
    number = dice.choice((0.0, 1.5, -1.0, 1e308, -1e308, float("nan"), float("inf"), float("-inf"), 5e-324))
    makers: tuple[Callable[[], bytes], ...] = (
        lambda: field(1, ("가a\n \u0301\U0001f600"[: dice.randrange(7)] * dice.choice((1, 3, 400))).encode()),
        lambda: field(1, dice.choice((b"wide", b"none")) if dice.random() < 0.95 else b"\xff\xfe"),
        lambda: varint(3 << 3 | 1) + struct.pack("<d", number),
        lambda: varint(2 << 3 | 5) + struct.pack("<f", 1.0 if 1e38 < abs(number) < 1e309 else number),
        lambda: varint(dice.choice((4, 5, 6, 7)) << 3) + varint(wild(dice)),
    )
    return dice.choice(makers)()


def tile(dice: random.Random) -> bytes:
    """Return a tile of wild numbers."""
    made = b""
    for _ in range(dice.choice((1, 1, 1, 2, 5))):
        parts = [field(1, dice.choice((b"a", b"a", b"a", b"b"))), varint(15 << 3) + varint(2)]
        parts += [field(2, feature(dice)) for _ in range(dice.randrange(6))]
        parts += [field(3, name) for name in (b"k", b"n", b"z")] + [field(4, value(dice)) for _ in range(3)]
        if dice.random() < 0.5:
            parts.append(
                varint(5 << 3)
                + varint(dice.choice((1, 2, 256, 4096, 65536) if dice.random() < 0.95 else (wild(dice),)))
            )
        made += field(3, b"".join(parts))
    return made


def damaged(dice: random.Random, data: bytes) -> bytes:
    """Return a tile with some of its bytes changed, cut, doubled or spliced."""
    found = bytearray(data)
    for _ in range(dice.randrange(1, 8)):
        if not found:
            break
        at, long = dice.randrange(len(found)), dice.randrange(1, 16)
        kind = dice.randrange(5)
        if kind == 0:
            found[at] = dice.randrange(256)
        elif kind == 1:
            found[at] ^= 1 << dice.randrange(8)
        elif kind == 2:
            del found[at : at + long]
        elif kind == 3:
            found[at:at] = found[at : at + long]
        else:
            found[at : at + long] = dice.randbytes(long)
    return bytes(found)


def case(seed: int) -> bytes:
    """Return the tile of a seed."""
    dice = random.Random(seed)
    kind = dice.random()
    if kind < 0.03:
        return dice.randbytes(dice.randrange(400))
    return tile(dice) if kind < 0.7 else damaged(dice, tile(dice))


def draw(data: bytes, seed: int, style: tuple[Sheet, ...]) -> str:
    """Draw a tile; return drawn or refused."""
    dice = random.Random(seed)
    scale, side = dice.choice((1, 2)), dice.choice((256, 512, 512, 2048, 1 << 20, 1 << 32))
    corner = dice.choice((0, 0, 0, side // 2, -256))
    try:
        tiles = [DataTile(mvt.layers(data, {"a"}), 0, 0, side)]
        painter = Painter(Frame(corner, corner, 1, 12.0, scale))
        painter.paint(style, tiles)
        painter.write(gathered(style, tiles, painter.frame))
        if seed % 50 == 0:
            list(painter.cut("png"))
    except mvt.TileBroken:
        return "refused"
    return "drawn"


def main(count: int, first: int) -> int:
    """Draw so many cases; return how many of them were neither drawn nor refused in time."""
    faulthandler.enable()
    style, outcomes, slowest = drawable(), Counter[str](), (0.0, 0)
    warm()
    for seed in range(first, first + count):
        data, began = case(seed), time.process_time()
        try:
            outcome = draw(data, seed, style)
        except Exception as error:
            outcome = f"{type(error).__name__}: {error}"[:90]
        took = time.process_time() - began
        slowest = max(slowest, (took, seed))
        if outcome not in ("drawn", "refused") and not outcomes[outcome]:
            print(f"case {seed}: {outcome}", flush=True)
        if took > SLOW_S:
            outcomes["slow"] += 1
            print(f"case {seed}: {took:.1f} s", flush=True)
        outcomes[outcome] += 1
    print(f"{count} tiles: {dict(outcomes)}; the slowest took {slowest[0] * 1000:.0f} ms (case {slowest[1]})")
    return sum(number for outcome, number in outcomes.items() if outcome not in ("drawn", "refused"))


if __name__ == "__main__":
    sys.exit(bool(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, int((sys.argv[2:] or ["0"])[0]))))
