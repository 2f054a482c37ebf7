"""The catalogue: which layers there are, which version of each is live, and in which archives they lie.

Everything that readers see changes in one transaction, which also advances `generation`; servers watch that
number and never query on a request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from naru.database import Database
from naru.errors import BadLayerId, PublishConflict, UnknownLayer, UnknownVersion
from naru.grids import WEB_MERCATOR
from naru.records import Archive, Draft, Layer, Release, Tileset, Version
from naru.schema import archives, catalogue_state, layers, tilesets, versions

_LAYER_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
Also = Callable[[sa.Connection, Sequence[Version]], None]
_AMENDABLE = ("title_ko", "title_en", "visibility", "licence", "attribution")
RESERVED_IDS = frozenset({"naru"})  # /styles/naru.json is the whole map


def utc_now() -> datetime:
    """Return the present moment, aware, UTC."""
    return datetime.now(UTC)


def check_layer_id(layer_id: str) -> str:
    """Return `layer_id` if it can stand in a URL.

    Raises:
        BadLayerId: it cannot.
    """
    if not _LAYER_ID.fullmatch(layer_id) or layer_id in RESERVED_IDS:
        raise BadLayerId(
            f"'{layer_id}' cannot be a layer id",
            layer=layer_id,
            remedy="Use 1 to 64 small letters, digits and hyphens, such as --id seoul-gu.",
        )
    return layer_id


def advance(connection: sa.Connection) -> None:
    """Tell the servers that layers or keys have changed (inside the transaction that changes them)."""
    connection.execute(catalogue_state.update().values(generation=catalogue_state.c.generation + 1))


class Catalogue:
    """Layers and their versions, over a `Database`."""

    def __init__(self, database: Database, now: Callable[[], datetime] = utc_now) -> None:
        self.database = database
        self.now = now

    def generation(self) -> int:
        """Return a number that grows with every change of layers or keys."""
        with self.database.read() as connection:
            return int(connection.execute(sa.select(catalogue_state.c.generation)).scalar_one())

    def layers(self) -> list[Layer]:
        """Return every layer with its live version, by id."""
        with self.database.read() as connection:
            rows = connection.execute(_live_layers().order_by(layers.c.id)).mappings().all()
            found = _tilesets_by_version(connection, sa.true())
        return [_layer(row, found.get((row["id"], row["live_version"]), ())) for row in rows]

    def layer(self, layer_id: str) -> Layer:
        """Return one layer.

        Raises:
            UnknownLayer: there is none of that id.
        """
        with self.database.read() as connection:
            row = connection.execute(_live_layers().where(layers.c.id == layer_id)).mappings().first()
            if row is None:
                raise UnknownLayer(layer_id)
            found = _tilesets_by_version(connection, tilesets.c.layer_id == layer_id)
        return _layer(row, found.get((layer_id, row["live_version"]), ()))

    def versions(self, layer_id: str) -> list[Version]:
        """Return every version of a layer, oldest first.

        Raises:
            UnknownLayer: there is none of that id.
        """
        with self.database.read() as connection:
            _live_number(connection, layer_id)
            rows = connection.execute(_versions().where(versions.c.layer_id == layer_id)).mappings().all()
            found = _tilesets_by_version(connection, tilesets.c.layer_id == layer_id)
        return [_version(row, found.get((layer_id, row["number"]), ())) for row in rows]

    def publish(self, releases: Sequence[Release], also: Also | None = None) -> list[Version]:
        """Make the next version of each release's layer live: all of them in one transaction, or none.

        `also(connection, versions)` takes part in the transaction; what it raises undoes the whole.

        Raises:
            PublishConflict: somebody else has published one of the layers since the work began.
        """
        with self.database.write() as connection:
            advance(connection)  # first: the row that it locks makes publications wait for each other
            made = [self._publish_one(connection, release) for release in releases]
            if also:
                also(connection, made)
        return made

    def _publish_one(self, connection: sa.Connection, release: Release) -> Version:
        draft = release.draft
        check_layer_id(draft.id)
        live = connection.execute(_number_of_live(draft.id)).scalar()
        if live != release.expected:
            raise PublishConflict(
                f"version {live} was published while this one was being made",
                layer=draft.id,
                remedy="Look at it with `naru layers show`, then run this again if it is still wanted.",
            )
        version = self._new_version(connection, release)
        _keep_archives(connection, [release.source, *(t.archive for t in release.tilesets)], self.now())
        _insert_layer_or_update(connection, draft, version)
        _insert_version(connection, draft, version)
        return version

    def add_tilesets(
        self, layer_id: str, number: int, added: Sequence[Tileset], also: Callable[[sa.Connection], None]
    ) -> None:
        """Give a version tilesets in further grids, in one transaction with `also`; those that it has stay.

        Raises:
            UnknownVersion: there is no such version, or no longer; `also` is not called then.
        """
        with self.database.write() as connection:
            advance(connection)
            mine = sa.and_(versions.c.layer_id == layer_id, versions.c.number == number)
            if connection.execute(sa.select(versions.c.number).where(mine)).first() is None:
                raise UnknownVersion(
                    f"there is no version {number}",
                    layer=layer_id,
                    remedy=f"`naru layers show {layer_id}` lists the versions there are.",
                )
            there = sa.and_(tilesets.c.layer_id == layer_id, tilesets.c.number == number)
            known = set(connection.execute(sa.select(tilesets.c.tile_matrix_set).where(there)).scalars())
            new = [tileset for tileset in added if tileset.tile_matrix_set not in known]
            _keep_archives(connection, [tileset.archive for tileset in new], self.now())
            _insert_tilesets(connection, (layer_id, number), new)
            also(connection)

    def set_live(self, layer_id: str, number: int) -> None:
        """Make an existing version live.

        Raises:
            UnknownLayer, UnknownVersion: there is no such thing.
        """
        with self.database.write() as connection:
            advance(connection)
            _live_number(connection, layer_id)
            self._flip(connection, layer_id, number)

    def rollback(self, layer_id: str) -> int:
        """Make the version before the live one live again; return its number.

        Raises:
            UnknownLayer, UnknownVersion: no such layer, or nothing before the live version.
        """
        with self.database.write() as connection:
            advance(connection)
            live = _live_number(connection, layer_id)
            mine = sa.and_(versions.c.layer_id == layer_id, versions.c.number < live)
            earlier = connection.execute(sa.select(sa.func.max(versions.c.number)).where(mine)).scalar()
            if earlier is None:
                raise UnknownVersion(
                    f"version {live} is the first: there is nothing to go back to",
                    layer=layer_id,
                    remedy="Ingest a newer file, or `naru layers delete` the layer.",
                )
            self._flip(connection, layer_id, earlier)
        return int(earlier)

    def _flip(self, connection: sa.Connection, layer_id: str, number: int) -> None:
        wanted = _versions().where(versions.c.layer_id == layer_id, versions.c.number == number)
        row = connection.execute(wanted).mappings().first()
        if row is None:
            raise UnknownVersion(
                f"there is no version {number}",
                layer=layer_id,
                remedy=f"`naru layers show {layer_id}` lists the versions there are.",
            )
        values = {name: row[name] for name in ("kind", "geometry", "style")}
        change = layers.update().where(layers.c.id == layer_id)
        connection.execute(change.values(live_version=number, updated=self.now(), **values))

    def rename(self, layer_id: str, *, title_ko: str | None, title_en: str | None) -> None:
        """Give a layer other titles (its id stays: addresses hold).

        Raises:
            UnknownLayer: there is none of that id.
        """
        changes = {"title_ko": title_ko, "title_en": title_en}
        self.amend(layer_id, {name: text for name, text in changes.items() if text is not None})

    def amend(self, layer_id: str, changes: Mapping[str, str]) -> None:
        """Change what a layer says of itself: title_ko, title_en, visibility, licence, attribution.

        Raises:
            UnknownLayer: there is none of that id.
        """
        values = {name: changes[name] for name in _AMENDABLE if name in changes}
        with self.database.write() as connection:
            advance(connection)
            _live_number(connection, layer_id)
            connection.execute(layers.update().where(layers.c.id == layer_id).values(updated=self.now(), **values))

    def delete(self, layer_id: str) -> None:
        """Take a layer off the map. It can be restored until it is purged, with all its versions.

        Raises:
            UnknownLayer: there is none of that id.
        """
        with self.database.write() as connection:
            advance(connection)
            _live_number(connection, layer_id)
            connection.execute(layers.update().where(layers.c.id == layer_id).values(deleted=self.now()))

    def restore(self, layer_id: str) -> int:
        """Put a deleted layer back as it was; return the number of its live version.

        Raises:
            UnknownLayer: no layer of that id was deleted, or it has been purged since.
        """
        deleted = sa.and_(layers.c.id == layer_id, layers.c.deleted.is_not(None))
        with self.database.write() as connection:
            advance(connection)
            if not connection.execute(layers.update().where(deleted).values(deleted=None)).rowcount:
                raise UnknownLayer(layer_id)
            return _live_number(connection, layer_id)

    def deleted(self) -> list[tuple[str, datetime]]:
        """Return the ids of deleted layers that can be restored, and when each was deleted; newest first."""
        query = sa.select(layers.c.id, layers.c.deleted).where(layers.c.deleted.is_not(None))
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(layers.c.deleted.desc(), layers.c.id)).all()
        return [(row.id, row.deleted) for row in rows]

    def purge(self, before: datetime) -> list[str]:
        """Forget the layers that were deleted at `before` or earlier, and all their versions; return their ids.

        Their archives go with the next sweep of the storage.
        """
        with self.database.write() as connection:
            gone = layers.delete().where(layers.c.deleted <= before).returning(layers.c.id)
            return sorted(connection.execute(gone).scalars())

    def archives(self, but_deleted: datetime | None = None) -> list[Archive]:
        """Return every archive that some version points to; not those of layers deleted at a moment or earlier."""
        of_layers = sa.select(layers.c.id)
        if but_deleted is not None:
            of_layers = of_layers.where(sa.or_(layers.c.deleted.is_(None), layers.c.deleted > but_deleted))
        used = sa.union(
            sa.select(versions.c.source_sha256, versions.c.source_suffix).where(
                versions.c.source_sha256.is_not(None), versions.c.layer_id.in_(of_layers)
            ),
            sa.select(tilesets.c.sha256, tilesets.c.suffix).where(tilesets.c.layer_id.in_(of_layers)),
        ).subquery()
        query = sa.select(archives).join(
            used, sa.and_(archives.c.sha256 == used.c[0], archives.c.suffix == used.c[1])
        )
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(archives.c.sha256)).mappings().all()
        return [Archive(row["sha256"], row["suffix"], row["size"]) for row in rows]

    def _new_version(self, connection: sa.Connection, release: Release) -> Version:
        layer_id = release.draft.id
        newest = sa.select(sa.func.max(versions.c.number)).where(versions.c.layer_id == layer_id)
        number = (connection.execute(newest).scalar() or 0) + 1
        report = replace(release.draft.report, version=number).to_dict()
        return Version(layer_id, number, release.source, release.tilesets, report, self.now())


def _live_layers() -> sa.Select[Any]:
    live = sa.and_(versions.c.layer_id == layers.c.id, versions.c.number == layers.c.live_version)
    query = sa.select(layers, *_VERSION_COLUMNS).select_from(layers.join(versions, live))
    return _joined(query.where(layers.c.deleted.is_(None)))


def _versions() -> sa.Select[Any]:
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


def _live_number(connection: sa.Connection, layer_id: str) -> int:
    live = connection.execute(_number_of_live(layer_id)).scalar()
    if live is None:
        raise UnknownLayer(layer_id)
    return int(live)


def _number_of_live(layer_id: str) -> sa.Select[Any]:
    return sa.select(layers.c.live_version).where(layers.c.id == layer_id, layers.c.deleted.is_(None))


_WEB_MERCATOR_FIRST = (tilesets.c.tile_matrix_set != WEB_MERCATOR, tilesets.c.tile_matrix_set)


def _tilesets_by_version(
    connection: sa.Connection, where: sa.ColumnElement[bool]
) -> Mapping[tuple[str, int], tuple[Tileset, ...]]:
    same = sa.and_(archives.c.sha256 == tilesets.c.sha256, archives.c.suffix == tilesets.c.suffix)
    query = (
        sa.select(tilesets, archives.c.size)
        .join_from(tilesets, archives, same)
        .where(where)
        .order_by(tilesets.c.layer_id, tilesets.c.number, *_WEB_MERCATOR_FIRST)
    )
    found: dict[tuple[str, int], tuple[Tileset, ...]] = {}
    for row in connection.execute(query).mappings():
        key = (row["layer_id"], row["number"])
        found[key] = (*found.get(key, ()), _tileset(row))
    return found


def _tileset(row: Mapping[Any, Any]) -> Tileset:
    return Tileset(
        archive=Archive(row["sha256"], row["suffix"], row["size"]),
        tile_type=row["tile_type"],
        tile_matrix_set=row["tile_matrix_set"],
        minzoom=row["minzoom"],
        maxzoom=row["maxzoom"],
        bounds=tuple(row["bounds"]),
        tiles=row["tiles"],
        vector_layers=tuple(row["vector_layers"]),
        rules=row["rules"],
    )


def _version(row: Mapping[Any, Any], pyramid: tuple[Tileset, ...]) -> Version:
    source = None
    if row["source_sha256"] is not None:
        source = Archive(row["source_sha256"], row["source_suffix"], row["source_size"])
    return Version(row["id"], row["number"], source, pyramid, row["report"], row["version_created"])


def _layer(row: Mapping[Any, Any], pyramid: tuple[Tileset, ...]) -> Layer:
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
        live=_version(row, pyramid),
        updated=row["updated"],
    )


def _keep_archives(connection: sa.Connection, kept: Iterable[Archive | None], now: datetime) -> None:
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


def _insert_layer_or_update(connection: sa.Connection, draft: Draft, version: Version) -> None:
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


def _insert_version(connection: sa.Connection, draft: Draft, version: Version) -> None:
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
    _insert_tilesets(connection, (version.layer_id, version.number), version.tilesets)


def _insert_tilesets(connection: sa.Connection, version: tuple[str, int], added: Iterable[Tileset]) -> None:
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
