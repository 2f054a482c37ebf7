"""The catalogue: which layers there are, which version of each is live, and in which archives they lie.

Everything that readers see changes in one transaction, which also advances `generation`; servers watch that
number and never query on a request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import sqlalchemy as sa

from naru.catalogue_rows import (
    Parts,
    all_versions,
    insert_assets,
    insert_layer_or_update,
    insert_tilesets,
    insert_version,
    keep_archives,
    layer_of,
    live_layers,
    live_number,
    number_of_live,
    parts_by_version,
    version_of,
)
from naru.database import Database
from naru.errors import BadLayerId, PublishConflict, UnknownLayer, UnknownVersion
from naru.records import Archive, Asset, Layer, Release, Tileset, Version
from naru.schema import archives, assets, catalogue_state, layers, tilesets, versions

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
            rows = connection.execute(live_layers().order_by(layers.c.id)).mappings().all()
            found = parts_by_version(connection)
        return [layer_of(row, found.get((row["id"], row["live_version"]), Parts())) for row in rows]

    def layer(self, layer_id: str) -> Layer:
        """Return one layer.

        Raises:
            UnknownLayer: there is none of that id.
        """
        with self.database.read() as connection:
            row = connection.execute(live_layers().where(layers.c.id == layer_id)).mappings().first()
            if row is None:
                raise UnknownLayer(layer_id)
            found = parts_by_version(connection, layer_id)
        return layer_of(row, found.get((layer_id, row["live_version"]), Parts()))

    def versions(self, layer_id: str) -> list[Version]:
        """Return every version of a layer, oldest first.

        Raises:
            UnknownLayer: there is none of that id.
        """
        with self.database.read() as connection:
            live_number(connection, layer_id)
            rows = connection.execute(all_versions().where(versions.c.layer_id == layer_id)).mappings().all()
            found = parts_by_version(connection, layer_id)
        return [version_of(row, found.get((layer_id, row["number"]), Parts())) for row in rows]

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
        live = connection.execute(number_of_live(draft.id)).scalar()
        if live != release.expected:
            raise PublishConflict(
                f"version {live} was published while this one was being made",
                layer=draft.id,
                remedy="Look at it with `naru layers show`, then run this again if it is still wanted.",
            )
        version = self._new_version(connection, release)
        parts = [*(t.archive for t in release.tilesets), *(a.archive for a in release.assets)]
        keep_archives(connection, [release.source, *parts], self.now())
        insert_layer_or_update(connection, draft, version)
        insert_version(connection, draft, version)
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
            _check_version(connection, layer_id, number)
            there = sa.and_(tilesets.c.layer_id == layer_id, tilesets.c.number == number)
            known = set(connection.execute(sa.select(tilesets.c.tile_matrix_set).where(there)).scalars())
            new = [tileset for tileset in added if tileset.tile_matrix_set not in known]
            keep_archives(connection, [tileset.archive for tileset in new], self.now())
            insert_tilesets(connection, (layer_id, number), new)
            also(connection)

    def attach(
        self, layer_id: str, number: int, added: Sequence[Asset], also: Callable[[sa.Connection], None]
    ) -> None:
        """Give a version assets, in one transaction with `also`; one of the same name is replaced.

        Raises:
            UnknownVersion: there is no such version, or no longer; `also` is not called then.
        """
        with self.database.write() as connection:
            advance(connection)
            _check_version(connection, layer_id, number)
            keep_archives(connection, [asset.archive for asset in added], self.now())
            insert_assets(connection, (layer_id, number), added)
            also(connection)

    def set_live(self, layer_id: str, number: int) -> None:
        """Make an existing version live.

        Raises:
            UnknownLayer, UnknownVersion: there is no such thing.
        """
        with self.database.write() as connection:
            advance(connection)
            live_number(connection, layer_id)
            self._flip(connection, layer_id, number)

    def rollback(self, layer_id: str) -> int:
        """Make the version before the live one live again; return its number.

        Raises:
            UnknownLayer, UnknownVersion: no such layer, or nothing before the live version.
        """
        with self.database.write() as connection:
            advance(connection)
            live = live_number(connection, layer_id)
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
        wanted = all_versions().where(versions.c.layer_id == layer_id, versions.c.number == number)
        row = connection.execute(wanted).mappings().first()
        if row is None:
            raise _unknown_version(layer_id, number)
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
            live_number(connection, layer_id)
            connection.execute(layers.update().where(layers.c.id == layer_id).values(updated=self.now(), **values))

    def delete(self, layer_id: str) -> None:
        """Take a layer off the map. It can be restored until it is purged, with all its versions.

        Raises:
            UnknownLayer: there is none of that id.
        """
        with self.database.write() as connection:
            advance(connection)
            live_number(connection, layer_id)
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
            return live_number(connection, layer_id)

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
            sa.select(assets.c.sha256, assets.c.suffix).where(assets.c.layer_id.in_(of_layers)),
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
        beside = {asset.name: asset for asset in release.assets}
        return Version(layer_id, number, release.source, release.tilesets, report, self.now(), beside)


def _check_version(connection: sa.Connection, layer_id: str, number: int) -> None:
    mine = sa.and_(versions.c.layer_id == layer_id, versions.c.number == number)
    if connection.execute(sa.select(versions.c.number).where(mine)).first() is None:
        raise _unknown_version(layer_id, number)


def _unknown_version(layer_id: str, number: int) -> UnknownVersion:
    remedy = f"`naru layers show {layer_id}` lists the versions there are."
    return UnknownVersion(f"there is no version {number}", layer=layer_id, remedy=remedy)
