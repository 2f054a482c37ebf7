"""How layers, versions, tilesets and assets stand in the catalogue's tables: rows to records, and back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from naru.errors import UnknownLayer
from naru.grids import WEB_MERCATOR
from naru.records import Archive, Asset, Draft, Layer, Tileset, Version
from naru.schema import archives, assets, layers, tilesets, versions

Key = tuple[str, int]  # of a version: its layer, its number


def live_layers() -> sa.Select[Any]:
    """Return the query for layers that are there, each with its live version."""
    live = sa.and_(versions.c.layer_id == layers.c.id, versions.c.number == layers.c.live_version)
    query = sa.select(layers, *_VERSION_COLUMNS).select_from(layers.join(versions, live))
    return _joined(query.where(layers.c.deleted.is_(None)))


def all_versions() -> sa.Select[Any]:
    """Return the query for versions, oldest first."""
    columns = (versions.c.layer_id.label("id"), versions.c.kind, versions.c.geometry, versions.c.style)
    query = sa.select(*columns, *_VERSION_COLUMNS).select_from(versions)
    return _joined(query).order_by(versions.c.number)


_VERSION_COLUMNS = (
    versions.c.number,
    versions.c.source_sha256,
    versions.c.source_suffix,
    versions.c.report,
    versions.c.created.label("version_created"),
    archives.c.size.label("source_size"),
)


def _joined(query: sa.Select[Any]) -> sa.Select[Any]:
    source = sa.and_(archives.c.sha256 == versions.c.source_sha256, archives.c.suffix == versions.c.source_suffix)
    return query.outerjoin(archives, source)


def live_number(connection: sa.Connection, layer_id: str) -> int:
    """Return the number of a layer's live version. Raises UnknownLayer."""
    live = connection.execute(number_of_live(layer_id)).scalar()
    if live is None:
        raise UnknownLayer(layer_id)
    return int(live)


def number_of_live(layer_id: str) -> sa.Select[Any]:
    """Return the query for the number of a layer's live version."""
    return sa.select(layers.c.live_version).where(layers.c.id == layer_id, layers.c.deleted.is_(None))


_WEB_MERCATOR_FIRST = (tilesets.c.tile_matrix_set != WEB_MERCATOR, tilesets.c.tile_matrix_set)


@dataclass(frozen=True)
class Parts:
    """What a version consists of, beside its source."""

    tilesets: tuple[Tileset, ...] = ()
    assets: Mapping[str, Asset] = field(default_factory=dict)


def parts_by_version(connection: sa.Connection, layer_id: str | None = None) -> Mapping[Key, Parts]:
    """Return the parts of every version, or of one layer's."""
    pyramids: dict[Key, list[Tileset]] = defaultdict(list)
    beside: dict[Key, dict[str, Asset]] = defaultdict(dict)
    for row in connection.execute(_with_archives(tilesets, layer_id).order_by(*_WEB_MERCATOR_FIRST)).mappings():
        pyramids[row["layer_id"], row["number"]].append(_tileset(row))
    for row in connection.execute(_with_archives(assets, layer_id).order_by(assets.c.name)).mappings():
        beside[row["layer_id"], row["number"]][row["name"]] = Asset(row["name"], _archive(row), row["about"])
    return {key: Parts(tuple(pyramids[key]), beside[key]) for key in {*pyramids, *beside}}


def _with_archives(table: sa.Table, layer_id: str | None) -> sa.Select[Any]:
    same = sa.and_(archives.c.sha256 == table.c.sha256, archives.c.suffix == table.c.suffix)
    query = sa.select(table, archives.c.size).join_from(table, archives, same)
    return query if layer_id is None else query.where(table.c.layer_id == layer_id)


def _archive(row: Mapping[Any, Any]) -> Archive:
    return Archive(row["sha256"], row["suffix"], row["size"])


def _tileset(row: Mapping[Any, Any]) -> Tileset:
    return Tileset(
        archive=_archive(row),
        tile_type=row["tile_type"],
        tile_matrix_set=row["tile_matrix_set"],
        minzoom=row["minzoom"],
        maxzoom=row["maxzoom"],
        bounds=tuple(row["bounds"]),
        tiles=row["tiles"],
        vector_layers=tuple(row["vector_layers"]),
        rules=row["rules"],
    )


def version_of(row: Mapping[Any, Any], parts: Parts) -> Version:
    """Return the version of a row of `all_versions` or `live_layers`."""
    source = None
    if row["source_sha256"] is not None:
        source = Archive(row["source_sha256"], row["source_suffix"], row["source_size"])
    created = row["version_created"]
    return Version(row["id"], row["number"], source, parts.tilesets, row["report"], created, parts.assets)


def layer_of(row: Mapping[Any, Any], parts: Parts) -> Layer:
    """Return the layer of a row of `live_layers`."""
    return Layer(
        id=row["id"],
        title_ko=row["title_ko"],
        title_en=row["title_en"],
        function=row["function"],
        visibility=row["visibility"],
        licence=row["licence"],
        attribution=row["attribution"],
        kind=row["kind"],
        geometry=row["geometry"],
        style=tuple(row["style"]),
        live=version_of(row, parts),
        updated=row["updated"],
    )


def keep_archives(connection: sa.Connection, kept: Iterable[Archive | None], now: datetime) -> None:
    """Write down archives that are not known yet."""
    for archive in {a for a in kept if a is not None}:
        there = sa.select(archives.c.size).where(
            archives.c.sha256 == archive.sha256, archives.c.suffix == archive.suffix
        )
        if connection.execute(there).scalar() is None:
            connection.execute(
                archives.insert().values(
                    sha256=archive.sha256, suffix=archive.suffix, size=archive.size, created=now
                )
            )


def insert_layer_or_update(connection: sa.Connection, draft: Draft, version: Version) -> None:
    """Make a version of a layer live, making the layer where there is none."""
    names = ("title_ko", "title_en", "function", "visibility", "licence", "attribution", "kind", "geometry")
    values: dict[str, Any] = {name: getattr(draft, name) for name in names}
    values |= {
        "style": [dict(part) for part in draft.style],
        "live_version": version.number,
        "updated": version.created,
        "deleted": None,  # who publishes under a deleted layer's id goes on with its numbers
    }
    done = connection.execute(layers.update().where(layers.c.id == draft.id).values(**values))
    if not done.rowcount:
        connection.execute(layers.insert().values(id=draft.id, created=version.created, **values))


def insert_version(connection: sa.Connection, draft: Draft, version: Version) -> None:
    """Write a version down, with all its parts."""
    connection.execute(
        versions.insert().values(
            layer_id=version.layer_id,
            number=version.number,
            source_sha256=version.source.sha256 if version.source else None,
            source_suffix=version.source.suffix if version.source else None,
            kind=draft.kind,
            geometry=draft.geometry,
            style=[dict(part) for part in draft.style],
            report=dict(version.report),
            created=version.created,
        )
    )
    key = (version.layer_id, version.number)
    insert_tilesets(connection, key, version.tilesets)
    insert_assets(connection, key, version.assets.values())


def insert_tilesets(connection: sa.Connection, version: Key, added: Iterable[Tileset]) -> None:
    """Write tilesets of a version, named by layer and number."""
    for part in added:
        connection.execute(
            tilesets.insert().values(
                layer_id=version[0],
                number=version[1],
                tile_matrix_set=part.tile_matrix_set,
                sha256=part.archive.sha256,
                suffix=part.archive.suffix,
                tile_type=part.tile_type,
                minzoom=part.minzoom,
                maxzoom=part.maxzoom,
                bounds=list(part.bounds),
                tiles=part.tiles,
                vector_layers=[dict(v) for v in part.vector_layers],
                rules=dict(part.rules),
            )
        )


def insert_assets(connection: sa.Connection, version: Key, added: Iterable[Asset]) -> None:
    """Write assets of a version; one of a name that it has takes that one's place."""
    for asset in added:
        same = sa.and_(assets.c.layer_id == version[0], assets.c.number == version[1], assets.c.name == asset.name)
        connection.execute(assets.delete().where(same))
        connection.execute(
            assets.insert().values(
                layer_id=version[0],
                number=version[1],
                name=asset.name,
                sha256=asset.archive.sha256,
                suffix=asset.archive.suffix,
                about=dict(asset.about),
            )
        )
