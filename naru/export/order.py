"""One order: a layer's version in a format. Finds the archive that holds it and gives the bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from naru.errors import ArchiveDamaged, NoSuchExport
from naru.export.about import About
from naru.export.formats import FORMATS, Format
from naru.export.job import Export, Wanted, plan
from naru.export.tiles import pmtiles_pieces, tileset_of, write_mbtiles
from naru.export.writing import chunks, made_first, pieces
from naru.features.selection import Selection, parse_filter
from naru.features.source import FeatureSource
from naru.house import House
from naru.records import Archive, Layer, Progress, Version

_ANYTHING = Selection()


@dataclass(frozen=True)
class Order:
    """What was ordered: `wheres` are conditions as people write them, read against the layer's fields."""

    layer: Layer
    version: Version
    format: Format
    wanted: Wanted
    wheres: tuple[str, ...] = ()


@dataclass(frozen=True)
class Goods:
    """What an order gives. `export` tells of features (None: tiles or pixels) what was done, when all is taken."""

    pieces: Iterator[bytes]
    export: Export | None = None


def deliver(house: House, order: Order, progress: Progress) -> Goods:
    """Return the goods; nothing has been read of them yet but what checks need.

    Raises:
        NoSuchExport: the layer cannot be had in this format.
        BadSelection: features cannot be chosen so.
        ArchiveDamaged: the archive cannot be read.
    """
    return _DELIVER[order.format.what](house, order, progress)


def _features(house: House, order: Order, progress: Progress) -> Goods:
    archive = order.version.source
    if archive is None or archive.suffix != ".parquet":
        raise _other_format(order, "a raster has no features", ("tiles", "pixels"))
    source = FeatureSource.open(house.storage.path(archive))
    names = [field.name for field in source.fields]
    filters = tuple(parse_filter(text, names) for text in order.wheres)
    selection = order.wanted.selection
    wanted = replace(order.wanted, selection=replace(selection, filters=(*selection.filters, *filters)))
    export = plan(order.format, About.of(order.layer, order.version), source, wanted, progress)
    return Goods(pieces(export, scratch_folder(house)), export)


def _tiles(house: House, order: Order, progress: Progress) -> Goods:
    if order.wheres or order.wanted.selection != _ANYTHING:
        raise NoSuchExport(
            "tiles are given whole", layer=order.layer.id, remedy="Leave bbox, where, fields and crs out."
        )
    tileset, about = tileset_of(order.version, order.layer.id), About.of(order.layer, order.version)
    archive = house.storage.path(tileset.archive)
    with _readable(archive):
        archive.stat()
    if order.format.name == "pmtiles":
        return Goods(pmtiles_pieces(archive, about, progress))

    def make(path: Path) -> None:
        write_mbtiles(archive, tileset, about, path, progress)

    return Goods(made_first(make, scratch_folder(house)))


def _pixels(house: House, order: Order, progress: Progress) -> Goods:
    source, selection = order.version.source, order.wanted.selection
    if source is None or source.suffix != ".tif":
        raise _other_format(order, "a vector layer has no pixels", ("features", "tiles"))
    if order.wheres or selection.fields or selection.filters:
        raise NoSuchExport("pixels have no fields", layer=order.layer.id, remedy="Leave where and fields out.")
    if selection == _ANYTHING:
        return Goods(_copied(house, source, progress))

    if selection.bbox is None:  # the archive is filled up to whole tiles with nothing
        selection = replace(selection, bbox=tuple(order.version.report["bounds"]))

    def make(path: Path) -> None:
        from naru.export import pixels

        pixels.write(house.storage.path(source), _role(order.version), selection, path)

    return Goods(made_first(make, scratch_folder(house)))


_DELIVER: dict[str, Callable[[House, Order, Progress], Goods]] = {
    "features": _features,
    "tiles": _tiles,
    "pixels": _pixels,
}


def _role(version: Version) -> str:
    found = (tileset.rules.get("raster", {}).get("role") for tileset in version.tilesets)
    return next((role for role in found if role), "imagery")


def _other_format(order: Order, why: str, others: tuple[str, ...]) -> NoSuchExport:
    names = ", ".join(row.name for row in FORMATS.values() if row.what in others)
    return NoSuchExport(why, layer=order.layer.id, remedy=f"Choose one of {names}.")


def scratch_folder(house: House) -> Path:
    """Return where files are made that are gone when they were handed over; `naru gc` sweeps what a crash left."""
    return house.settings.home / "jobs"


def _copied(house: House, archive: Archive, progress: Progress) -> Iterator[bytes]:
    path, done = house.storage.path(archive), 0
    with _readable(path), path.open("rb") as stream:
        for chunk in chunks(stream):
            yield chunk
            done += len(chunk)
            progress(done / max(1, archive.size), f"{done} of {archive.size} bytes")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArchiveDamaged(
            f"the archive cannot be opened ({error.strerror})",
            file=str(path),
            remedy="Restore it from a backup (`naru verify` names what is damaged), or ingest the layer again.",
        ) from error
