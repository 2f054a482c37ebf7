"""Keys: who may ask for what, kept in the catalogue. The secret itself is never kept, only its keyed hash."""

from __future__ import annotations

import secrets as random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from naru.catalogue import advance, utc_now
from naru.database import Database
from naru.errors import UnknownKey
from naru.schema import key_secrets, keys
from tileserver.keys.text import digest, make_key_text
from tileserver.sql import insert_unless_there

Access = Literal["public", "private"]
KEY_FUNCTIONS = ("basemap", "content", "common", "twin", "manage")
ANONYMOUS = "anonymous"  # id of the built-in key of callers without one; it has no secret
ANONYMOUS_DAY_QUOTA = 1_000_000
ANONYMOUS_FUNCTIONS = frozenset(("basemap", "common", "content", "twin"))  # the most that it can have
LONGEST_GRACE = timedelta(days=30)


@dataclass(frozen=True)
class Permissions:
    """What a key opens, from where, and how often."""

    functions: frozenset[str]
    access: Access = "public"  # private: also private layers, and the layers of `groups`
    groups: frozenset[str] = frozenset()
    layers: frozenset[str] | None = None  # None: every layer of its functions
    referrers: tuple[str, ...] = ()  # host, *.host, or scheme://host; empty: from anywhere
    cidrs: tuple[str, ...] = ()  # networks; empty: from anywhere
    day_quota: int | None = None  # requests; None: unlimited
    month_quota: int | None = None
    second_rate: int | None = None  # requests a second, on all workers together; None: any
    expires: datetime | None = None


@dataclass(frozen=True)
class Key:
    """A key as the catalogue knows it."""

    id: str
    name: str
    environment: str
    permissions: Permissions
    created: datetime
    revoked: datetime | None = None
    last4: tuple[str, ...] = field(default=())  # of its live secrets, newest first

    def state(self, now: datetime) -> str:
        """Return `live`, `expired` or `revoked`."""
        if self.revoked is not None:
            return "revoked"
        expires = self.permissions.expires
        return "expired" if expires is not None and expires <= now else "live"


@dataclass(frozen=True)
class Credential:
    """A secret that a server may meet: the key it stands for, and until when (seconds since the epoch)."""

    key: Key
    expires: float


class KeyRing:
    """The keys of one installation."""

    def __init__(self, database: Database, pepper: bytes, now: Callable[[], datetime] = utc_now) -> None:
        self._database, self._pepper, self._now = database, pepper, now

    def create(self, name: str, environment: str, permissions: Permissions) -> tuple[Key, str]:
        """Make a key; return it and its secret, which is not to be had again."""
        key = Key(f"key-{random.token_hex(4)}", name, environment, permissions, self._now())
        text = make_key_text(environment)
        with self._database.write() as connection:
            connection.execute(keys.insert().values(**_row(key)))
            self._keep_secret(connection, key.id, text)
            advance(connection)
        return replace(key, last4=(text[-4:],)), text

    def ensure_anonymous(self) -> None:
        """Make the built-in key of callers without one, unless it is there."""
        permissions = Permissions(ANONYMOUS_FUNCTIONS, day_quota=ANONYMOUS_DAY_QUOTA)
        row = _row(Key(ANONYMOUS, "callers without a key", "live", permissions, self._now()))
        with self._database.read() as connection:
            there = connection.execute(sa.select(keys.c.id).where(keys.c.id == ANONYMOUS)).scalar()
        if there is None:
            with self._database.write() as connection:
                insert_unless_there(connection, keys, row)
                advance(connection)

    def all(self) -> list[Key]:
        """Return every key, oldest first."""
        return self._select(sa.true())

    def get(self, key_id: str) -> Key:
        """Return one key.

        Raises:
            UnknownKey: there is none of that id.
        """
        found = self._select(keys.c.id == key_id)
        if not found:
            raise _unknown(key_id)
        return found[0]

    def revoke(self, key_id: str) -> Key:
        """Take a key back, at once and for good.

        Raises:
            UnknownKey: there is none of that id.
        """
        self._change(key_id, revoked=self._now())
        return self.get(key_id)

    def limit(self, key_id: str, *, day: int | None, month: int | None, second: int | None = None) -> Key:
        """Set how often a key may ask (requests a day, a month and a second; None: unlimited).

        Raises:
            UnknownKey: there is none of that id.
        """
        self._change(key_id, day_quota=day, month_quota=month, second_rate=second)
        return self.get(key_id)

    def change(self, key_id: str, changes: Mapping[str, Any]) -> Key:
        """Change a key's name and permissions, by the names of `Key` and `Permissions`; what is not named stays.

        Raises:
            UnknownKey: there is none of that id.
        """
        if changes:
            self._change(key_id, **{name: _column(value) for name, value in changes.items()})
        return self.get(key_id)

    def rotate(self, key_id: str, grace: timedelta) -> tuple[Key, str]:
        """Give a key a new secret; the ones it has stay good for `grace`.

        Raises:
            UnknownKey: there is none of that id, or it has no secret to rotate.
        """
        key = self.get(key_id)
        if not key.last4 or key.revoked:
            raise UnknownKey(f"the key '{key_id}' has no live text to rotate", remedy="Create a new key instead.")
        text, until = make_key_text(key.environment), self._now() + grace
        older = sa.or_(key_secrets.c.expires.is_(None), key_secrets.c.expires > until)
        with self._database.write() as connection:
            ending = key_secrets.update().where(key_secrets.c.key_id == key_id, older)
            connection.execute(ending.values(expires=until))
            self._keep_secret(connection, key_id, text)
            advance(connection)
        return self.get(key_id), text

    def credentials(self) -> dict[str, Credential]:
        """Return every secret a server must know, by its keyed hash; those of revoked keys are left out."""
        known = {key.id: key for key in self.all() if key.revoked is None}
        with self._database.read() as connection:
            rows = connection.execute(sa.select(key_secrets)).mappings().all()
        return {
            row["hmac"]: Credential(known[row["key_id"]], _earliest(row["expires"], known[row["key_id"]]))
            for row in rows
            if row["key_id"] in known
        }

    def _keep_secret(self, connection: sa.Connection, key_id: str, text: str) -> None:
        row = {"hmac": digest(text, self._pepper), "key_id": key_id, "last4": text[-4:]}
        connection.execute(key_secrets.insert().values(**row, created=self._now(), expires=None))

    def _change(self, key_id: str, **values: Any) -> None:
        with self._database.write() as connection:
            if not connection.execute(keys.update().where(keys.c.id == key_id).values(**values)).rowcount:
                raise _unknown(key_id)
            advance(connection)

    def _select(self, where: sa.ColumnElement[bool]) -> list[Key]:
        with self._database.read() as connection:
            rows = connection.execute(sa.select(keys).where(where).order_by(keys.c.created)).mappings().all()
            ends = (
                connection.execute(sa.select(key_secrets).order_by(key_secrets.c.created.desc())).mappings().all()
            )
        now = self._now()
        live = [end for end in ends if end["expires"] is None or end["expires"] > now]
        return [_key(row, [end["last4"] for end in live if end["key_id"] == row["id"]]) for row in rows]


def _earliest(expires: datetime | None, key: Key) -> float:
    moments = [moment.timestamp() for moment in (expires, key.permissions.expires) if moment is not None]
    return min(moments, default=float("inf"))


def _unknown(key_id: str) -> UnknownKey:
    return UnknownKey(f"there is no key '{key_id}'", remedy="`naru keys list` shows the ids there are.")


_COLUMNS = ("access", "day_quota", "month_quota", "second_rate", "expires")  # alike in the row and in Permissions


def _row(key: Key) -> dict[str, Any]:
    may = key.permissions
    return {
        **{name: getattr(key, name) for name in ("id", "name", "environment", "created", "revoked")},
        **{name: getattr(may, name) for name in _COLUMNS},
        **{name: _column(getattr(may, name)) for name in ("functions", "groups", "layers", "referrers", "cidrs")},
    }


def _column(value: Any) -> Any:
    """Return a value as its column keeps it: sets and tuples as lists."""
    if isinstance(value, frozenset):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value


def _key(row: Mapping[Any, Any], last4: Sequence[str]) -> Key:
    permissions = Permissions(
        functions=frozenset(row["functions"]),
        groups=frozenset(row["groups"]),
        layers=None if row["layers"] is None else frozenset(row["layers"]),
        referrers=tuple(row["referrers"]),
        cidrs=tuple(row["cidrs"]),
        **{name: row[name] for name in _COLUMNS},
    )
    named = {name: row[name] for name in ("id", "name", "environment", "created", "revoked")}
    return Key(permissions=permissions, last4=tuple(last4), **named)
