"""PMTiles archives: ours read by others, others' read by us, and damage told from emptiness."""

from __future__ import annotations

import contextlib
import gzip
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyogrio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pmtiles.reader import MmapSource, Reader, all_tiles
from pmtiles.tile import tileid_to_zxy, zxy_to_tileid

from naru.errors import ArchiveDamaged, TileOutOfRange
from naru.pmtiles import About, PMTilesReader, PMTilesWriter, header, mapped, tile_id, tile_of
from naru.pmtiles.directory import Directory, packed, parse, serialise, unpacked, varints

Tiles = dict[int, bytes]


def write(path: Path, tiles: Tiles, about: About | None = None) -> Path:
    with PMTilesWriter(path) as writer:
        for number, data in tiles.items():
            writer.add(number, data)
        writer.finish(about or About(), {"name": "시험", "vector_layers": []})
    return path


def noise(count: int, first: int = 0, seed: int = 1) -> Tiles:
    made = random.Random(seed)
    return {first + number: made.randbytes(made.randint(20, 200)) for number in range(count)}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write(tmp_path / "a.pmtiles", noise(85))


# --- tile ids ---------------------------------------------------------------------------------------


@given(st.integers(0, 26).flatmap(lambda z: st.tuples(st.just(z), *[st.integers(0, 2**z - 1)] * 2)))
def test_tile_ids_are_the_reference_packages(tile: tuple[int, int, int]) -> None:
    assert tile_id(*tile) == zxy_to_tileid(*tile)
    assert tile_of(tile_id(*tile)) == tile


@given(st.integers(0, 2**50))
def test_tiles_of_ids_are_the_reference_packages(number: int) -> None:
    assert tile_of(number) == tileid_to_zxy(number)


# --- directories ------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 2**63)))
def test_varints_come_back(numbers: list[int]) -> None:
    assert varints(bytes(packed(numbers))) == numbers


@given(
    st.lists(st.tuples(st.integers(1, 2**40), st.integers(1, 9), st.integers(1, 2**20), st.booleans()), min_size=1)
)
def test_directories_come_back(rows: list[tuple[int, int, int, bool]]) -> None:
    columns: tuple[list[int], ...] = ([], [], [], [])
    number = offset = 0
    for step, run, length, gap in rows:
        number, offset = number + step, offset + gap
        for column, value in zip(columns, (number, run, length, offset), strict=True):
            column.append(value)
        offset += length
    directory = parse(unpacked(serialise(Directory(*columns)), header.COMPRESSION_GZIP))  # type: ignore[arg-type]
    assert tuple(list(column) for column in directory) == columns


# --- written by us, read by others ----------------------------------------------------------------------


def test_the_reference_package_reads_every_tile(archive: Path) -> None:
    with archive.open("rb") as file:
        read = {zxy_to_tileid(*tile): data for tile, data in all_tiles(MmapSource(file))}
        assert read == noise(85)
        assert Reader(MmapSource(file)).metadata()["name"] == "시험"


def test_gdal_reads_our_archive(tmp_path: Path) -> None:
    # version 2, name x, feature 1 (a point: MoveTo 64, 16), extent 4096
    layer = b"\x78\x02\x0a\x01x\x12\x0a\x08\x01\x18\x01\x22\x04\x09\x80\x01\x20\x28\x80\x20"
    data = gzip.compress(b"\x1a" + bytes([len(layer)]) + layer)
    path = tmp_path / "gdal.pmtiles"
    with PMTilesWriter(path) as writer:
        writer.add(0, data)
        writer.finish(About(), {"vector_layers": [{"id": "x", "fields": {}}]})
    assert len(pyogrio.read_dataframe(path, layer="x")) == 1


def test_large_directories_move_into_leaves_within_16_kib(tmp_path: Path) -> None:
    tiles = noise(30_000, first=tile_id(8, 0, 0))
    path = write(tmp_path / "large.pmtiles", tiles)
    with mapped(path) as get_bytes:
        reader = PMTilesReader(get_bytes)
        assert reader.header.leaves_length > 0
        assert reader.header.root_offset + reader.header.root_length <= 16_384
        assert all(reader.get_by_id(number) == data for number, data in tiles.items())
        reader.check()
    with path.open("rb") as file:
        theirs = Reader(MmapSource(file))
        assert all(theirs.get(*tile_of(number)) == tiles[number] for number in list(tiles)[::997])


def test_equal_tiles_are_kept_once_and_runs_are_one_entry(tmp_path: Path) -> None:
    tiles = dict.fromkeys(range(21, 53), b"sea") | {60: b"land", 61: b"sea"}
    path = write(tmp_path / "runs.pmtiles", tiles)
    with mapped(path) as get_bytes:
        head = PMTilesReader(get_bytes).header
        assert (head.addressed_tiles, head.tile_entries, head.tile_contents) == (34, 3, 2)
        assert head.data_length == len(b"sea") + len(b"land")


@settings(max_examples=20)
@given(st.permutations(range(12)))
def test_the_order_of_arrival_does_not_show(tmp_path_factory: pytest.TempPathFactory, order: list[int]) -> None:
    folder, tiles = tmp_path_factory.mktemp("order"), noise(12)
    straight = write(folder / "a.pmtiles", tiles).read_bytes()
    assert write(folder / "b.pmtiles", {number: tiles[number] for number in order}).read_bytes() == straight


def test_a_tile_given_twice_is_refused(tmp_path: Path) -> None:
    with PMTilesWriter(tmp_path / "twice.pmtiles") as writer:
        writer.add(5, b"one")
        writer.add(5, b"two")
        with pytest.raises(ValueError, match="twice"):
            writer.finish(About(), {})
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_writer_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), PMTilesWriter(tmp_path / "half.pmtiles") as writer:
        writer.add(0, b"tile")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


# --- written by others, read by us ----------------------------------------------------------------------

OTHERS = [
    "pmtiles/test_fixture_1.pmtiles",
    "pmtiles/stamen_toner_raster_CC-BY+ODbL_z3.pmtiles",
    "gdal_pmtiles/poly.pmtiles",
    "gdal_pmtiles/ne_10m_admin_0_france.pmtiles",
]


@pytest.mark.parametrize("name", OTHERS)
def test_we_read_what_the_reference_package_reads(shared: Callable[[str], Path], name: str) -> None:
    path = shared(f"data/{name}")
    with path.open("rb") as file, mapped(path) as get_bytes:
        reader, theirs = PMTilesReader(get_bytes), Reader(MmapSource(file))
        for tile, data in all_tiles(MmapSource(file)):
            assert reader.get(*tile) == data
        assert reader.metadata == theirs.metadata()
        assert reader.header.maxzoom == theirs.header()["max_zoom"]
        reader.check()


def test_a_run_of_four_billion_tiles_is_one_look_up(shared: Callable[[str], Path]) -> None:
    with mapped(shared("data/gdal_pmtiles/run_length_max.pmtiles")) as get_bytes:
        reader = PMTilesReader(get_bytes)
        assert reader.get(16, 0, 0) == reader.get(16, 65_535, 0) is not None


@pytest.mark.parametrize("name", ["empty.pmtiles", "invalid.pmtiles"])
def test_what_is_no_archive_is_refused(shared: Callable[[str], Path], name: str) -> None:
    with pytest.raises(ArchiveDamaged):
        PMTilesReader(mapped(shared(f"data/pmtiles/{name}")))


# --- emptiness, limits, damage --------------------------------------------------------------------------


def test_a_tile_within_the_zooms_that_is_not_there_is_none(tmp_path: Path) -> None:
    path = write(tmp_path / "sparse.pmtiles", {tile_id(3, 1, 1): b"tile", tile_id(3, 6, 6): b"other"})
    with mapped(path) as get_bytes:
        reader = PMTilesReader(get_bytes)
        assert reader.get(3, 0, 0) is None
        assert reader.get(3, 2, 1) is None
        assert reader.get(3, 7, 0) is None
        assert reader.get(3, 1, 1) == b"tile"


@pytest.mark.parametrize("tile", [(4, 0, 0), (-1, 0, 0), (2, 4, 0), (2, 0, -1)])
def test_a_tile_outside_the_zooms_is_refused(archive: Path, tile: tuple[int, int, int]) -> None:
    with mapped(archive) as get_bytes, pytest.raises(TileOutOfRange, match="outside zooms 0 to 3"):
        PMTilesReader(get_bytes).get(*tile)


def read_all(data: bytes) -> None:
    reader = PMTilesReader(lambda offset, length: data[offset : offset + length])
    reader.check()
    for number, run, _, _ in reader.entries():
        assert run
        reader.get_by_id(number)
    assert reader.metadata


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5, 0.99])
def test_an_archive_cut_short_is_damaged(archive: Path, share: float) -> None:
    data = archive.read_bytes()
    with pytest.raises(ArchiveDamaged):
        read_all(data[: int(len(data) * share)])


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_changed_byte_never_ends_in_an_unnamed_error(data: st.DataObject) -> None:
    whole = bytearray(_archive_bytes())
    at = data.draw(st.integers(0, PMTilesReader(lambda o, n: bytes(whole[o : o + n])).header.data_offset - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(ArchiveDamaged):
        read_all(bytes(whole))


def _archive_bytes() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write(Path(folder) / "a.pmtiles", noise(85)).read_bytes()


def test_directories_that_point_at_themselves_end(tmp_path: Path) -> None:
    leaf = Directory([0], [0], [40], [0])  # type: ignore[arg-type]
    packed_leaf = serialise(leaf)
    looped = serialise(Directory([0], [0], [len(packed_leaf)], [0]))  # type: ignore[arg-type]
    head = PMTilesReader(mapped(write(tmp_path / "a.pmtiles", noise(1)))).header
    fields = vars(head) | {
        "root_length": len(looped),
        "leaves_offset": header.LENGTH,
        "leaves_length": len(looped),
    }
    data = header.Header(**fields).pack() + looped
    with pytest.raises(ArchiveDamaged, match="too deep"):
        PMTilesReader(lambda offset, length: data[offset : offset + length]).get(0, 0, 0)


def test_bytes_are_asked_for_only_where_the_header_says(archive: Path) -> None:
    asked: list[tuple[int, int]] = []
    with mapped(archive) as file:

        def get_bytes(offset: int, length: int) -> bytes:
            asked.append((offset, length))
            return file(offset, length)

        reader = PMTilesReader(get_bytes)
        reader.get(3, 1, 1)
        reader.get(3, 1, 2)
    assert len(asked) == 4, "header, root, two tiles: directories are read once"
