"""`/api/keys`: making, changing, rotating and taking back keys, for keys with the function manage.

A key sees and touches only those that reach no further than itself (`tileserver/keys/reach.py`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response

from naru.errors import BadRequest, UnknownKey
from tileserver.access import Caller
from tileserver.documents import json_document
from tileserver.keys.fields import FIELDS, check_changes, check_whole, read_fields
from tileserver.keys.reach import check_reach, excess
from tileserver.keys.ring import ANONYMOUS, LONGEST_GRACE, Key, Permissions
from tileserver.keys.telling import described
from tileserver.managing.guard import check_manager
from tileserver.receiving import bodies
from tileserver.routes import Route, Service

_GRACE_DAYS = 7


def list_keys(service: Service, caller: Caller) -> Response:
    """The keys that reach no further than the caller's, oldest first."""
    own = check_manager(caller).permissions
    found = [key for key in service.keyring.all() if excess(own, key.permissions) is None]
    return json_document({"keys": described(service.house, service.clock, found)}, shared=False)


def create_key(service: Service, caller: Caller) -> Response:
    """Make a key; its text is in this answer and in no other."""
    said = _read(service)
    for needed in ("name", "functions"):
        if needed not in said:
            raise BadRequest(f"a key needs its {needed}", field=needed, remedy=f"Give {FIELDS[needed].expected}.")
    name, environment = said.pop("name"), said.pop("environment", "live")
    wanted = check_whole(Permissions(**said))
    check_reach(check_manager(caller).permissions, wanted)
    key, text = service.keyring.create(name, environment, wanted)
    response = _told(service, key, text)
    response.status_code = 201
    response.headers["Location"] = f"/api/keys/{key.id}"
    return response


def show_key(service: Service, caller: Caller, key: str) -> Response:
    """One key, without its text."""
    return _told(service, _within_reach(service, caller, key))


def change_key(service: Service, caller: Caller, key: str) -> Response:
    """Change what a key opens, from where, how often and until when; its text stays."""
    before, changes = _within_reach(service, caller, key), _read(service)
    check_changes(before, changes)
    after = {name: value for name, value in changes.items() if name != "name"}
    wanted = check_whole(replace(before.permissions, **after))
    check_reach(check_manager(caller).permissions, wanted)
    return _told(service, service.keyring.change(key, changes))


def rotate_key(service: Service, caller: Caller, key: str) -> Response:
    """Give a key a new text, in this answer only; the old one stays good for a while."""
    _within_reach(service, caller, key)
    found, text = service.keyring.rotate(key, timedelta(days=_grace_days()))
    return _told(service, found, text)


def revoke_key(service: Service, caller: Caller, key: str) -> Response:
    """Take a key back for good."""
    _within_reach(service, caller, key)
    if key == ANONYMOUS:
        raise BadRequest(
            "the key of callers without one is not taken back from here",
            field="key",
            remedy="Lower its quotas, or have the operator set NARU_ANONYMOUS=none.",
        )
    return _told(service, service.keyring.revoke(key))


def _within_reach(service: Service, caller: Caller, key_id: str) -> Key:
    """Return a key as the catalogue has it.

    Raises:
        UnknownKey: there is none of that id, or it reaches further than the caller's.
    """
    own, key = check_manager(caller).permissions, service.keyring.get(key_id)
    if excess(own, key.permissions) is not None:
        raise UnknownKey(f"there is no key '{key_id}'")
    return key


def _read(service: Service) -> dict[str, Any]:
    return read_fields(bodies.json_object(), ZoneInfo(service.settings.timezone))


def _grace_days() -> int:
    said = bodies.json_object()
    days = said.pop("grace_days", _GRACE_DAYS)
    if said or type(days) is not int or not 0 <= days <= LONGEST_GRACE.days:
        raise BadRequest(
            'expected {} or {"grace_days": NUMBER}',
            field="grace_days",
            remedy=f"Give a whole number of days, 0 to {LONGEST_GRACE.days}.",
        )
    return days


def _told(service: Service, key: Key, text: str | None = None) -> Response:
    """Return a key as it is now; this worker knows of the change at once, the others within a second."""
    service.keeper.refresh()
    [row] = described(service.house, service.clock, [key])
    return json_document(row if text is None else {**row, "key": text}, shared=False)


_JSON, _PROBLEM = "application/json", "application/problem+json"
_SAME = ("You have this version", "")
_KEY = {"key": {"description": "A key's id (not its text)", "schema": {"type": "string", "maxLength": 32}}}
_SCHEMAS = {name: field.schema for name, field in FIELDS.items()}
_CHANGEABLE = {name: schema for name, schema in _SCHEMAS.items() if name != "environment"}
_BAD = ("A field that is none, or cannot be this", _PROBLEM)
_NOT_JSON = ("Not JSON", _PROBLEM)
ROUTES = (
    Route(
        "/api/keys",
        "manage",
        list_keys,
        "The keys that reach no further than yours",
        {200: ("Keys", _JSON), 304: _SAME},
        tag="keys",
    ),
    Route(
        "/api/keys",
        "manage",
        create_key,
        "Make a key",
        {201: ("The key and, once, its text", _JSON), 400: _BAD, 415: _NOT_JSON},
        tag="keys",
        method="POST",
        body={_JSON: {"type": "object", "required": ["name", "functions"], "properties": _SCHEMAS}},
    ),
    Route(
        "/api/keys/<key>",
        "manage",
        show_key,
        "One key",
        {200: ("The key", _JSON), 304: _SAME},
        _KEY,
        tag="keys",
    ),
    Route(
        "/api/keys/<key>",
        "manage",
        change_key,
        "Change what a key opens, from where, how often, until when",
        {200: ("The key", _JSON), 400: _BAD, 415: _NOT_JSON},
        _KEY,
        tag="keys",
        method="PATCH",
        body={_JSON: {"type": "object", "properties": _CHANGEABLE}},
    ),
    Route(
        "/api/keys/<key>/rotate",
        "manage",
        rotate_key,
        "Give a key a new text; the old one stays good for a while",
        {200: ("The key and, once, its new text", _JSON), 400: _BAD, 415: _NOT_JSON},
        _KEY,
        tag="keys",
        method="POST",
        body={
            _JSON: {
                "type": "object",
                "properties": {"grace_days": {"type": "integer", "minimum": 0, "maximum": LONGEST_GRACE.days}},
            }
        },
    ),
    Route(
        "/api/keys/<key>",
        "manage",
        revoke_key,
        "Take a key back for good",
        {200: ("The key, revoked", _JSON), 400: ("The built-in key", _PROBLEM)},
        _KEY,
        tag="keys",
        method="DELETE",
    ),
)
