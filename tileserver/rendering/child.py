"""The process that draws: `python -m tileserver.rendering.child`, one message in, one message out, until the end.

It opens no archive and no socket; what it draws is sent to it. Before the first message it confines itself
(`naru.confine`): it can read the font and Python's own files, and write to its parent. That ends it where it takes
too long or has drawn enough.
"""

from __future__ import annotations

import gzip
import json
import logging
import os
import signal
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from naru.confine import Rlimits, confine
from naru.font_file import NAME, font_path
from naru.kernel import keep_no_more
from tileserver.rendering import frames, glyphs, legends, mvt
from tileserver.rendering.painter import DataTile, Frame, Painter, gathered
from tileserver.rendering.sheets import Sheet, sheets
from tileserver.rendering.tile_bytes import inflated_all

if TYPE_CHECKING:
    from tileserver.rendering.maplibre import Native

MEMORY_BYTES = 2 << 30  # of address space; what is resident is about a tenth
_WITH_MAPLIBRE = 4 << 30
_PACKED = 6  # gzip's level, of letters
_CPU_S = 20_000  # of a life: more than its parent's thousand pictures can take
_LONGEST_LOG = 1 << 40  # bytes: what it says may go to a file, and it can open no other
log = logging.getLogger("naru.rendering")


def main() -> None:
    """Serve the parent on standard input and output."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    is_native = "maplibre" in sys.argv[1:]
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not speak in between
    warm()
    layers = confined(MEMORY_BYTES, ()) if not is_native else confined(_WITH_MAPLIBRE, _MAPLIBRE_READS)
    native = _native() if is_native else None  # afterwards, for it starts threads
    frames.send(sink, {"ready": os.getpid(), "layers": layers})
    serve(source, sink, native)


def serve(source: IO[bytes], sink: IO[bytes], native: Native | None = None) -> None:
    """Answer messages until the other side is gone."""
    while True:
        try:
            told, blobs = frames.receive(source)
        except EOFError:
            return
        try:
            answer = answered(told, blobs, native)
        except Exception as error:  # told to the parent, which tells the caller
            log.error("a picture could not be drawn", exc_info=not isinstance(error, mvt.TileBroken))
            frames.send(sink, {"broken": isinstance(error, mvt.TileBroken), "error": str(error)[:500]})
            continue
        frames.send(sink, {}, answer)


def answered(told: Mapping[str, Any], blobs: list[bytes], native: Native | None = None) -> list[bytes]:
    """Return the pictures that a message asks for.

    Raises:
        TileBroken: a tile is no vector tile.
    """
    if "legend" in told:
        return [legends.drawn(told["legend"], told["scale"])]
    if "letters" in told:
        return [gzip.compress(glyphs.pbf(NAME, told["letters"]), _PACKED, mtime=0)]
    if native is not None and native.draws(told):
        return native.draw(told, blobs)
    frame = Frame(**told["frame"])
    parts, tiles = _unpacked(told["layers"], blobs)
    painter = Painter(frame)
    painter.paint(parts, tiles)
    painter.write(gathered(parts, tiles, frame))
    return list(painter.cut(told["type"]))


def _unpacked(layers: list[dict[str, Any]], blobs: list[bytes]) -> tuple[list[Sheet], list[DataTile]]:
    parts: list[Sheet] = []
    tiles: list[DataTile] = []
    rest = inflated_all(blobs)
    for layer in layers:
        found = _sheets(json.dumps(layer["style"]))
        wanted = {sheet.source_layer for sheet in found}
        for x, y in layer["tiles"]:
            tiles.append(DataTile(mvt.layers(next(rest), wanted), x, y, layer["side"]))
        parts += found
    return parts, tiles


@lru_cache(maxsize=64)
def _sheets(style: str) -> tuple[Sheet, ...]:
    return sheets(json.loads(style))


def warm() -> None:
    """Load, and where it must be compile, all that drawing needs: one picture with every kind of thing on it."""
    square, line, point = (
        b"\x09\x64\x64\x1a\x64\x00\x00\x64\x63\x00\x0f",
        b"\x09\x64\x64\x0a\x64\x64",
        b"\x09\x64\x64",
    )
    features = b"".join(
        b"\x12" + bytes([4 + len(shape)]) + b"\x18" + bytes([kind]) + b"\x22" + bytes([len(shape)]) + shape
        for kind, shape in ((3, square), (2, line), (1, point))
    )
    body = b"\x0a\x01a\x78\x02" + features
    tile = gzip.compress(b"\x1a" + bytes([len(body)]) + body)
    style = [
        {"id": "f", "type": "fill", "source-layer": "a", "paint": {"fill-outline-color": "#123456"}},
        {"id": "l", "type": "line", "source-layer": "a", "paint": {"line-dasharray": [2, 1]}},
        {"id": "c", "type": "circle", "source-layer": "a"},
        {
            "id": "s",
            "type": "symbol",
            "source-layer": "a",
            "layout": {"text-field": "가"},
            "paint": {"text-halo-width": 1, "text-halo-color": "#fff"},
        },
    ]
    frame = {"left": 0, "top": 0, "tiles": 1, "scale": 1, "zoom": 4.0}
    layers = [{"style": style, "side": 256, "tiles": [(0, 0)]}]
    answered({"frame": frame, "type": "png", "layers": layers}, [tile])
    glyphs.pbf("any", 0)


def _native() -> Native | None:
    """Return MapLibre Native, or None, with a word about it, where it is not to be had."""
    try:
        from tileserver.rendering.maplibre import Native

        return Native()
    except Exception as cause:  # whatever keeps it from starting, pictures are drawn
        log.warning("NARU_RENDERER is maplibre, but Naru draws by itself: %s: %s", type(cause).__name__, cause)
        return None


_MAPLIBRE_READS = tuple(map(Path, ("/etc/ld.so.cache", "/usr/share/glvnd", "/usr/share/drirc.d", "/etc/drirc")))


def confined(memory_bytes: int, readable: tuple[Path, ...]) -> tuple[str, ...]:
    """Give up all that drawing does not need; return the layers of confinement that took hold."""
    keep_no_more()
    limits = Rlimits(memory_bytes, _CPU_S, _LONGEST_LOG)
    return confine(limits, [Path(__file__).parent, Path(font_path()), *readable])


if __name__ == "__main__":
    main()
