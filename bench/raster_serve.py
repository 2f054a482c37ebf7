"""What does a picture of a raster cost the server? Drawn live against TiTiler, stored against a vector tile.

An aerial photo (WebP) and heights (LERC) of 4096 × 4096 pixels are written as COGs on the tile grid, which is what
TiTiler likes best, too. Both servers run with one worker and get the same addresses one after the other over one
kept connection, each tile once, so that nothing that was kept is measured; compared is the CPU time of the server's
processes a tile. Before timing, both must show the same pixels where they mean the same. Each round starts both
servers anew: the first kind finds no block decoded, the following ones find most.

A stored block is compared with a vector tile of as many bytes, both from the lane to wrk, and with its 304. A drawn
picture that was kept is given beside; it goes through Flask, as its 304 does.

TiTiler comes in an environment of its own: `python -m venv X; X/bin/pip install titiler.core uvicorn`.

    python -m bench.raster_serve --titiler X/bin/python [--rounds 5] [--side 10]
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import statistics
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.rasters import HEIGHTS, LEFT, SEED, SIDE, TOP, ZOOM, scene, write
from bench.serve import NARU, Server, free_port, load, running
from naru.cog import Cog
from naru.grids import GRIDS, limits
from naru.house import House
from naru.pmtiles import PMTilesWriter, mapped, tile_id
from naru.pmtiles.writer import About
from naru.records import Draft, IngestReport, Release, Tileset
from naru.settings import Settings
from naru.tms import web_mercator_bounds

MINZOOM, ACROSS = ZOOM - 3, SIDE // 256
LIMITS = {"png": 5.0, "jpg": 3.0}  # times cheaper than TiTiler, at least
MOST_BESIDE_VECTOR = 1.3
INSIDE = 24  # pixels from a tile's edge that are compared
WEST_NORTH, EAST_SOUTH = (web_mercator_bounds(ZOOM, LEFT + k, TOP + k) for k in (0, ACROSS - 1))
BOUNDS = (WEST_NORTH[0], EAST_SOUTH[1], EAST_SOUTH[2], WEST_NORTH[3])

TITILER = """
import morecantile, uvicorn
from fastapi import FastAPI
from pyproj import CRS
from titiler.core.factory import TilerFactory

tms = morecantile.tms
for name, crs, extent in {grids!r}:
    tms = tms.register({{name: morecantile.TileMatrixSet.custom(extent, CRS.from_string(crs), id=name)}})
app = FastAPI()
app.include_router(TilerFactory(supported_tms=tms).router)
uvicorn.run(app, host="127.0.0.1", port={port}, log_level="warning", access_log=False)
"""
TUNED = {  # as TiTiler's documentation advises, but for what is about files elsewhere
    "GDAL_CACHEMAX": "200",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_NUM_THREADS": "1",
}


class Kind(NamedTuple):
    """One kind of picture, as both servers are asked for it."""

    name: str
    layer: str  # photo, dem
    grid: str
    ours: str  # what comes behind the row in our address
    theirs: str  # and in TiTiler's, before the file's address
    limit: str  # png or jpg: which one it is held to
    most: float | None = (
        None  # grey levels by which the pictures may differ on average; None: they mean different things
    )


_INDEX = f"expression={quote('(b1-b2)/(b1+b2+1.0)')}&rescale=-1,1"
_SMOOTH = "resampling=bilinear&reproject=bilinear"
KINDS = (
    Kind("photo, PNG, nothing decoded yet", "photo", "WebMercatorQuad", ".png", ".png?", "png", 0),
    Kind("photo, JPEG", "photo", "WebMercatorQuad", ".jpg", ".jpg?", "jpg", 3),
    Kind(
        "photo, JPEG, stretched", "photo", "WebMercatorQuad", ".jpg?rescale=50,200", ".jpg?rescale=50,200", "jpg", 3
    ),
    Kind(
        "photo, PNG, stretched", "photo", "WebMercatorQuad", ".png?rescale=40,200", ".png?rescale=40,200", "png", 1
    ),
    Kind(
        "photo, two bands computed, PNG", "photo", "WebMercatorQuad", f".png?{_INDEX}", f".png?{_INDEX}", "png", 1
    ),
    Kind("photo in EPSG5179, PNG", "photo", "EPSG5179", ".png", f".png?{_SMOOTH}", "png", 1),
    Kind("photo in EPSG5179, JPEG", "photo", "EPSG5179", ".jpg", f".jpg?{_SMOOTH}", "jpg", 3),
    Kind("photo in WorldCRS84Quad, PNG", "photo", "WorldCRS84Quad", ".png", f".png?{_SMOOTH}", "png", 1),
    Kind(
        "heights, terrain-RGB PNG",
        "dem",
        "WebMercatorQuad",
        ".png?encoding=mapbox",
        ".png?algorithm=terrainrgb",
        "png",
    ),
    Kind(
        "heights, hillshade PNG",
        "dem",
        "WebMercatorQuad",
        ".png?algorithm=hillshade",
        ".png?algorithm=hillshade",
        "png",
    ),
    Kind(
        "heights in EPSG5186, terrain-RGB PNG",
        "dem",
        "EPSG5186",
        ".png?encoding=mapbox",
        f".png?algorithm=terrainrgb&{_SMOOTH}",
        "png",
    ),
)


def ground() -> NDArray[np.uint8]:
    """Return red, green, blue with the detail of an aerial photo: noise of every size, some 6 KB a tile."""
    dice, side = np.random.default_rng(SEED), SIDE
    sizes = [1 << k for k in range(9)]  # pixels
    shades = np.zeros((side, side), "f4")
    for size in sizes:
        cells = dice.normal(0, size**0.5, (side // size + 1, side // size + 1)).astype("f4")
        picture = Image.fromarray(cells).resize((side + size, side + size), Image.Resampling.BILINEAR)
        shades += np.asarray(picture)[:side, :side]
    tints = [np.roll(shades, 97 * band) * 0.15 + shades for band in range(3)]
    return np.stack([(tint * 3 + 110).clip(0, 255) for tint in tints]).astype("u1")


# --- the two servers -----------------------------------------------------------------------------


def make_home(home: Path, files: dict[str, Path]) -> str:
    """Publish the rasters, and vector tiles of as many bytes as the photo's blocks; return a key."""
    house = House.open(Settings.from_environ({}, home=home))
    facts = {"dtype": "uint8", "role": "imagery", "statistics": [HEIGHTS | {"max": 255.0}] * 3}
    heights = {"dtype": "float32", "role": "elevation", "unit": "m", "statistics": [HEIGHTS]}
    for name, known in (("photo", facts), ("dem", heights)):
        kept = home / f"{name}.tif"
        kept.write_bytes(files[name].read_bytes())
        kind = "webp" if name == "photo" else "png"
        _publish(
            house,
            name,
            kept,
            Tileset(
                house.storage.put(kept), kind, "WebMercatorQuad", MINZOOM, ZOOM, BOUNDS, 4, (), {"raster": known}
            ),
        )
    vector = home / "vector.pmtiles"
    cog, dice = Cog(mapped(files["photo"])), np.random.default_rng(1)
    with PMTilesWriter(vector) as writer:
        for x, y in squares():
            writer.add(tile_id(ZOOM, x, y), dice.bytes(len(cog.get(ZOOM, x, y) or b"")))
        writer.finish(About(bounds=BOUNDS, minzoom=ZOOM, maxzoom=ZOOM), {})
    fields = ({"id": "vector", "fields": {}},)
    _publish(
        house,
        "vector",
        vector,
        Tileset(house.storage.put(vector), "mvt", "WebMercatorQuad", ZOOM, ZOOM, BOUNDS, 4, fields),
    )
    house.close()
    words = ["keys", "create", "--name", "bench", "--functions", "content", "--day", str(10**9), "--json"]
    return str(json.loads(subprocess.check_output([*NARU, "--home", home, *words]))["key"])


def _publish(house: House, name: str, path: Path, tileset: Tileset) -> None:
    kind = "vector" if tileset.tile_type == "mvt" else "raster"
    counts = ((), (), None, "EPSG:3857", "made", None, None, BOUNDS, tileset.minzoom, ZOOM, 4, tileset.archive.size)
    report = IngestReport(name, kind, 0, 0, *counts)
    draft = Draft(name, name, name, "content", "public", "", "", kind, "", (), report)
    house.catalogue.publish([Release(draft, None, (tileset,), None)])


def squares() -> list[tuple[int, int]]:
    """Return every tile of the photo at its finest zoom."""
    return [(LEFT + k % ACROSS, TOP + k // ACROSS) for k in range(ACROSS * ACROSS)]


@contextmanager
def naru(home: Path) -> Iterator[Server]:
    """Run `naru serve` with one worker."""
    port = free_port()
    command = [*NARU, "--home", str(home), "serve", "--port", str(port), "--workers", "1", "--no-worker"]
    with running("naru", command, port) as server:
        yield server


@contextmanager
def titiler(folder: Path, python: str) -> Iterator[Server]:
    """Run TiTiler with one worker, knowing our Korean grids."""
    port = free_port()
    grids = [
        (grid.id, grid.crs, [grid.left, grid.top - grid.side, grid.left + grid.side, grid.top])
        for grid in GRIDS.values()
        if grid.northing_first
    ]
    program = folder / "titiler_app.py"
    program.write_text(TITILER.format(grids=grids, port=port))
    settings = [f"{name}={value}" for name, value in TUNED.items()]
    with running("TiTiler", ["env", *settings, python, "-W", "ignore", str(program)], port) as server:
        yield server


# --- asking ---------------------------------------------------------------------------------------


def tiles_of(kind: Kind, side: int) -> list[tuple[int, int, int]]:
    """Return side × side tiles in the raster's middle."""
    grid = GRIDS[kind.grid]
    z = grid.zoom_like(ZOOM)
    found = limits(grid, BOUNDS, z)
    assert found is not None
    x, y = (found[0] + found[1] - side + 1) // 2, (found[2] + found[3] - side + 1) // 2
    return [(z, x + k % side, y + k // side) for k in range(side * side)]


def our_path(kind: Kind, tile: tuple[int, int, int]) -> str:
    """Return a tile's address at naru."""
    z, x, y = tile
    return f"/tiles/{kind.layer}/{kind.grid}/{z}/{x}/{y}{kind.ours}"


def their_path(kind: Kind, tile: tuple[int, int, int], files: dict[str, Path]) -> str:
    """Return a tile's address at TiTiler."""
    z, x, y = tile
    mark = "" if kind.theirs.endswith("?") else "&"
    return f"/tiles/{kind.grid}/{z}/{x}/{y}{kind.theirs}{mark}url={quote(str(files[kind.layer]))}"


def cost_ms(server: Server, paths: list[str], key: str) -> tuple[float, list[bytes]]:
    """Ask for each path once; return the server's CPU milliseconds a tile, and the pictures."""
    connection, bodies = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120), []
    before = server.cpu_s()
    for path in paths:
        connection.request("GET", path, headers={"X-API-Key": key})
        answer = connection.getresponse()
        bodies.append(answer.read())
        if answer.status != 200:
            sys.exit(f"{server.name} answered {path} with {answer.status}: {bodies[-1][:500]!r}")
    spent = server.cpu_s() - before
    connection.close()
    return spent * 1e3 / len(paths), bodies


def pixels(picture: bytes) -> NDArray[Any]:
    """Return red, green, blue as numbers that can be subtracted."""
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)


def must_agree(kind: Kind, ours: list[bytes], theirs: list[bytes]) -> None:
    """Stop where two pictures that mean the same differ."""
    if kind.most is None:
        return
    for place in range(0, len(ours), 7):
        off = np.abs(pixels(ours[place]) - pixels(theirs[place]))[INSIDE:-INSIDE, INSIDE:-INSIDE]
        if off.mean() > kind.most:
            sys.exit(f"{kind.name}: the pictures differ by {off.mean():.2f} grey levels on average")


def _told(kind: Kind, own: float, peer: float) -> None:
    """Say where the work is, for it takes minutes."""
    print(f"  {kind.name}: {own:.2f}, {peer:.2f} ms", file=sys.stderr, flush=True)


def live(folder: Path, home: Path, key: str, files: dict[str, Path], chosen: argparse.Namespace) -> bool:
    """Compare every kind of picture; print a table; tell whether each keeps its limit."""
    found: dict[Kind, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
    for _ in range(chosen.rounds):
        with naru(home) as ours, titiler(folder, chosen.titiler) as theirs:
            warm_up(ours, theirs, key, files)
            for kind in KINDS:
                tiles = tiles_of(kind, chosen.side)
                own, pictures = cost_ms(ours, [our_path(kind, tile) for tile in tiles], key)
                peer, others = cost_ms(theirs, [their_path(kind, tile, files) for tile in tiles], key)
                must_agree(kind, pictures, others)
                _told(kind, own, peer)
                found[kind].append((own, peer))
    print("\n| picture | naru, ms CPU | TiTiler, ms CPU | times | limit |\n|---|---|---|---|---|")
    kept = True
    for kind, pairs in found.items():
        own, peer = zip(*pairs, strict=True)
        ratio, limit = times(list(peer), list(own)), LIMITS[kind.limit]
        kept &= ratio >= limit
        middle = f"{statistics.median(own):.2f} | {statistics.median(peer):.2f}"
        print(f"| {kind.name} | {middle} | {ratio:.1f} | {limit:.0f} |", flush=True)
    return kept


def warm_up(ours: Server, theirs: Server, key: str, files: dict[str, Path]) -> None:
    """Have each server load its libraries, at a zoom whose blocks are not asked for later."""
    for kind in (KINDS[0], KINDS[5], KINDS[-1]):
        z, x, y = tiles_of(kind, 1)[0]
        coarser = z - 3, x >> 3, y >> 3
        cost_ms(ours, [our_path(kind, coarser)], key)
        cost_ms(theirs, [their_path(kind, coarser, files)], key)


# --- from the lane -------------------------------------------------------------------------------


def stored(folder: Path, home: Path, key: str, chosen: argparse.Namespace) -> bool:
    """Compare a stored block with a vector tile, and a kept picture with its 304; print a table."""
    ways = {
        "vector tile of as many bytes": ("vector", ".mvt", False),
        "stored WebP block": ("photo", ".webp", False),
        "stored WebP block, 304": ("photo", ".webp", True),
        "drawn PNG that was kept": ("photo", ".png", False),
        "drawn PNG that was kept, 304": ("photo", ".png", True),
    }
    costs: dict[str, list[float]] = {name: [] for name in ways}
    with naru(home) as server:
        tags = {}
        for name, (layer, extension, _) in ways.items():
            paths = [f"/tiles/{layer}/{ZOOM}/{x}/{y}{extension}" for x, y in squares()[:100]]
            tags[name] = {path: tag_of(server, path, key) for path in paths}
        for _ in range(chosen.rounds):
            for name, (_, _, revalidate) in ways.items():
                server.tags = tags[name]
                costs[name].append(load(server, folder, key, chosen.seconds, revalidate=revalidate)[1])
    print("\n| answer | µs CPU a request, least of the rounds |\n|---|---|")
    least = {name: min(taken) for name, taken in costs.items()}  # what else the machine does can only add
    for name, taken in least.items():
        print(f"| {name} | {taken:.1f} |")
    vector, block, block_304, drawn, drawn_304 = least.values()
    print(f"\nA stored block costs {block / vector:.2f} × a vector tile; {MOST_BESIDE_VECTOR} is good enough.")
    print(f"A 304 costs {block_304 / block:.2f} × the block, {drawn_304 / drawn:.2f} × the kept picture.")
    return block <= vector * MOST_BESIDE_VECTOR and block_304 < block


def times(costs: list[float], base: list[float]) -> float:
    """Return the median over the rounds of how many times dearer one is, within each round."""
    return statistics.median(cost / beside for cost, beside in zip(costs, base, strict=True))


def tag_of(server: Server, path: str, key: str) -> str:
    """Return a tile's entity tag."""
    connection = server.connect()
    answer = server.get(connection, path, key)
    answer.read()
    connection.close()
    return str(answer.headers["ETag"])


def main() -> None:
    """Make, compare, print; end with 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--titiler", help="the python of an environment that has titiler.core and uvicorn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--stored", action=argparse.BooleanOptionalAction, default=True, help="stored blocks, too")
    parser.add_argument("--side", type=int, default=10, help="tiles of each kind, each way")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")  # affine's notes on rasterio's own code
    with tempfile.TemporaryDirectory(prefix="naru-bench-raster-serve-") as temporary:
        folder = Path(temporary)
        photo = ground()
        files = {
            "photo": write(folder / "photo.tif", photo, COMPRESS="WEBP", QUALITY=80),
            "dem": write(folder / "dem.tif", scene(1), COMPRESS="LERC_ZSTD", MAX_Z_ERROR=0.01),
        }
        home = folder / "home"
        home.mkdir()
        key = make_home(home, files)
        kept = not chosen.stored or stored(folder, home, key, chosen)
        if chosen.titiler:
            kept &= live(folder, home, key, files, chosen)
        else:
            print("\nTiTiler was not named (--titiler), so nothing drawn was compared.")
    sys.exit(not kept)


if __name__ == "__main__":
    main()
