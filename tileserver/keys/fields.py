"""What may be said of a key: one table of fields, for the command and for `/api/keys`."""

from __future__ import annotations

import ipaddress
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from naru.catalogue import check_layer_id
from naru.errors import BadLayerId, BadRequest
from tileserver.keys.ring import ANONYMOUS, ANONYMOUS_FUNCTIONS, KEY_FUNCTIONS, Key, Permissions

LONGEST_NAME = 200  # characters
LARGEST_QUOTA = 2**53 - 1  # JSON numbers are exact up to here
_MOST = 100  # of groups, layers, sites, networks
_ENVIRONMENT = re.compile(r"[a-z0-9]{1,16}", re.ASCII)
_REFERRER = re.compile(r"(https?://)?(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*", re.ASCII)
_GROUP = re.compile(r"[^\s,]{1,64}")
_OF_ANONYMOUS = ("functions", "layers", "day_quota", "month_quota", "second_rate")


class Unfit(Exception):
    """A value that a field cannot have; of a list, the member that it cannot."""


@dataclass(frozen=True)
class Field:
    """One field of a key, as JSON has it: how it is read (raises Unfit), what is expected, OpenAPI's schema."""

    read: Callable[[Any], Any]
    expected: str
    schema: Mapping[str, Any]


def read_fields(said: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Return the fields of a JSON object, each in the type that `Permissions` has it in.

    A date without a time is the key's last day in `zone`.

    Raises:
        BadRequest: there is no such field, or it cannot be this; `field` names it.
    """
    return {name: read_field(name, value, zone) for name, value in said.items()}


def read_field(name: str, value: Any, zone: ZoneInfo) -> Any:
    """Return one field's value; see `read_fields`."""
    if name not in FIELDS:
        raise BadRequest(
            f"a key has no field '{name[:80]}'", field=name[:80], remedy=f"There are: {', '.join(FIELDS)}."
        )
    try:
        found = FIELDS[name].read(value)
    except Unfit as error:
        shown = json.dumps(error.args[0] if error.args else value, ensure_ascii=False)[:80]
        raise BadRequest(
            f"{name} cannot be {shown}", field=name, remedy=f"Give {FIELDS[name].expected}."
        ) from error
    return found(zone) if name == "expires" and found is not None else found


def check_whole(permissions: Permissions) -> Permissions:
    """Return permissions whose fields go together.

    Raises:
        BadRequest: groups of a key that opens nothing but public layers.
    """
    if permissions.groups and permissions.access != "private":
        raise BadRequest(
            "only keys with access private can have groups", field="groups", remedy="Say access private, too."
        )
    return permissions


def check_changes(key: Key, changes: Mapping[str, Any]) -> None:
    """Return if a key can be changed so: the built-in one of callers without a key stays what it is.

    Raises:
        BadRequest: a field that it does not have, or a function that nobody may use without a key.
    """
    if "environment" in changes:
        raise BadRequest("environment is part of the key's text", field="environment", remedy="Create a new key.")
    if key.id != ANONYMOUS:
        return
    other = next((name for name in changes if name not in _OF_ANONYMOUS), None)
    if other is not None or not changes.get("functions", ANONYMOUS_FUNCTIONS) <= ANONYMOUS_FUNCTIONS:
        raise BadRequest(
            f"the key of callers without one cannot have its {other or 'functions'} changed so",
            field=other or "functions",
            remedy=f"Its {', '.join(_OF_ANONYMOUS)} can be; functions of {', '.join(sorted(ANONYMOUS_FUNCTIONS))}.",
        )


# --- reading one value ----------------------------------------------------------------------------


def _name(value: Any) -> str:
    text = unicodedata.normalize("NFC", _text(value)).strip()
    if not 0 < len(text) <= LONGEST_NAME or not text.isprintable():
        raise Unfit
    return text


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Unfit
    return value


def _one_of(*words: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if _text(value) not in words:
            raise Unfit
        return str(value)

    return read


def _matching(pattern: re.Pattern[str]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not pattern.fullmatch(_text(value)):
            raise Unfit
        return str(value)

    return read


def _network(value: Any) -> str:
    try:
        return str(ipaddress.ip_network(_text(value)))
    except ValueError as error:
        raise Unfit from error


def _layer(value: Any) -> str:
    try:
        return check_layer_id(_text(value))
    except BadLayerId as error:
        raise Unfit from error


def _list(read: Callable[[Any], str], kind: Callable[[list[str]], Any], *, least: int = 0) -> Callable[[Any], Any]:
    def read_all(value: Any) -> Any:
        if not isinstance(value, list) or not least <= len(value) <= _MOST:
            raise Unfit
        return kind(list(dict.fromkeys(_member(read, one) for one in value)))

    return read_all


def _member(read: Callable[[Any], str], value: Any) -> str:
    try:
        return read(value)
    except Unfit as error:
        raise Unfit(value) from error


def _or_null(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


def _quota(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= LARGEST_QUOTA:
        raise Unfit
    return value


def _moment(value: Any) -> Callable[[ZoneInfo], datetime]:
    """Return what gives the moment, once the time zone is known."""
    text = _text(value)
    try:
        moment = datetime.fromisoformat(text)
        if "T" not in text and " " not in text:
            moment += timedelta(days=1)
        moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Unfit from error
    return lambda zone: (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "maxItems": _MOST, "items": _TEXT}
_NUMBER = {"type": "integer", "minimum": 1, "maximum": LARGEST_QUOTA, "nullable": True}
_FUNCTIONS = {"type": "array", "minItems": 1, "items": {"type": "string", "enum": list(KEY_FUNCTIONS)}}
_WHOLE = "a whole number, 1 or more, or null for any number"
FIELDS: Mapping[str, Field] = {
    "name": Field(_name, f"whose key it is: 1 to {LONGEST_NAME} characters", _TEXT | {"maxLength": LONGEST_NAME}),
    "functions": Field(
        _list(_one_of(*KEY_FUNCTIONS), frozenset, least=1),
        f"functions: choose from {', '.join(KEY_FUNCTIONS)}",
        _FUNCTIONS,
    ),
    "access": Field(_one_of("public", "private"), "public or private", _TEXT | {"enum": ["public", "private"]}),
    "groups": Field(_list(_matching(_GROUP), frozenset), "a list of groups without blanks or commas", _TEXTS),
    "layers": Field(
        _or_null(_list(_layer, frozenset, least=1)),
        "a list of layer ids, or null for all",
        _TEXTS | {"nullable": True},
    ),
    "referrers": Field(_list(_matching(_REFERRER), tuple), "a list of host, *.host or https://host", _TEXTS),
    "cidrs": Field(_list(_network, tuple), "a list of networks like 10.1.0.0/16 or 2001:db8::/32", _TEXTS),
    "day_quota": Field(_or_null(_quota), _WHOLE, _NUMBER),
    "month_quota": Field(_or_null(_quota), _WHOLE, _NUMBER),
    "second_rate": Field(_or_null(_quota), _WHOLE, _NUMBER),
    "expires": Field(
        _or_null(_moment),
        "a date, 2027-12-31, a time, 2027-12-31T18:00+09:00, or null for never",
        _TEXT | {"nullable": True},
    ),
    "environment": Field(_matching(_ENVIRONMENT), "up to 16 small letters and digits", _TEXT | {"maxLength": 16}),
}
