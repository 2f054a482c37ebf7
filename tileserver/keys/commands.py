"""`naru keys`: who may ask for what, from the command line."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click

from naru.house import House
from naru.settings import Settings, key_pepper
from naru.terminal import json_option, open_house, print_json
from tileserver.keys.ring import KEY_FUNCTIONS, LONGEST_GRACE, Key, KeyRing, Permissions
from tileserver.quota.stores import SqlQuotaStore
from tileserver.quota.windows import windows_at

_ENVIRONMENT = re.compile(r"[a-z0-9]{1,16}", re.ASCII)
_REFERRER = re.compile(r"(https?://)?(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*", re.ASCII)


@click.group()
def keys() -> None:
    """Keys: create, list, show, limit, rotate, revoke."""


def _words(_context: click.Context, parameter: click.Parameter, value: str) -> frozenset[str]:
    words = frozenset(word.strip() for word in value.split(",") if word.strip())
    unknown = sorted(words - set(KEY_FUNCTIONS))
    if unknown or not words:
        raise click.BadParameter(f"'{', '.join(unknown)}': choose from {', '.join(KEY_FUNCTIONS)}.")
    return words


def _matching(pattern: re.Pattern[str], expected: str) -> Callable[..., Any]:
    def check(_context: click.Context, parameter: click.Parameter, value: Any) -> Any:
        for text in (value,) if isinstance(value, str) else value:
            if not pattern.fullmatch(text):
                raise click.BadParameter(f"'{text}': expected {expected}.")
        return value

    return check


def _networks(_context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(str(ipaddress.ip_network(text)) for text in value)
    except ValueError as error:
        raise click.BadParameter(f"{error}; write it like 10.1.0.0/16 or 2001:db8::/32.") from error


def _moment(context: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    """Read a date (the key is good through that day, NARU_TIMEZONE) or a moment with its zone."""
    if value is None:
        return None
    zone = ZoneInfo(context.find_root().obj.timezone)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter("expected a date, 2027-12-31, or a time, 2027-12-31T18:00+09:00.") from error
    if "T" not in value and " " not in value:
        moment += timedelta(days=1)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


_quota = click.IntRange(min=1)
_day_option = click.option("--day", type=_quota, help="Requests a day; left out: unlimited.")
_month_option = click.option("--month", type=_quota, help="Requests a month; left out: unlimited.")


_second_option = click.option("--second", type=_quota, help="Requests a second; left out: any number.")


@keys.command()
@click.option("--name", required=True, help="Whose key it is.")
@click.option("--functions", required=True, callback=_words, help="Of: basemap,content,common,twin,manage.")
@click.option(
    "--access",
    type=click.Choice(("public", "private")),
    default="public",
    show_default=True,
    help="private: private layers too.",
)
@click.option("--group", "groups", multiple=True, help="Also the layers of this group (with --access private).")
@click.option("--layer", "layers", multiple=True, help="Only this layer (repeat for more).")
@_day_option
@_month_option
@_second_option
@click.option(
    "--referrer",
    "referrers",
    multiple=True,
    callback=_matching(_REFERRER, "host, *.host or https://host"),
    help="Only from this web site.",
)
@click.option("--cidr", "cidrs", multiple=True, callback=_networks, help="Only from this network.")
@click.option("--expires", callback=_moment, help="Last day (2027-12-31) or moment (with its zone).")
@click.option(
    "--env",
    "environment",
    default="live",
    show_default=True,
    callback=_matching(_ENVIRONMENT, "up to 16 small letters and digits"),
    help="Part of the key's text.",
)
@json_option
@click.pass_obj
def create(settings: Settings, /, name: str, environment: str, as_json: bool, **chosen: Any) -> None:
    """Make a key. Its text is shown now and never again."""
    if chosen["groups"] and chosen["access"] != "private":
        raise click.UsageError("--group needs --access private.")
    key, text = _ring(open_house(settings)).create(name, environment, _permissions(chosen))
    _show_new(key, text, as_json)


def _permissions(chosen: Mapping[str, Any]) -> Permissions:
    return Permissions(
        functions=chosen["functions"],
        access=chosen["access"],
        groups=frozenset(chosen["groups"]),
        layers=frozenset(chosen["layers"]) or None,
        referrers=chosen["referrers"],
        cidrs=chosen["cidrs"],
        day_quota=chosen["day"],
        month_quota=chosen["month"],
        second_rate=chosen["second"],
        expires=chosen["expires"],
    )


@keys.command("list")
@json_option
@click.pass_obj
def list_keys(settings: Settings, as_json: bool) -> None:
    """List every key, and what it used today and this month."""
    house = open_house(settings)
    found = _described(house, _ring(house).all())
    if as_json:
        print_json({"keys": found})
        return
    if not found:
        click.echo("There are no keys yet. `naru keys create --name NAME --functions basemap,content` makes one.")
    for row in found:
        quota = "unlimited" if row["day_quota"] is None else f"of {row['day_quota']}"
        click.echo(
            f"{row['id']:<13} {row['state']:<8} {row['hint']:<20} {row['access']:<8} "
            f"{','.join(row['functions']):<24} today {row['used_today']} {quota}  {row['name']}"
        )


@keys.command()
@click.argument("key_id", metavar="KEY")
@json_option
@click.pass_obj
def show(settings: Settings, key_id: str, as_json: bool) -> None:
    """Show one key by its id. Its text is not to be had again."""
    house = open_house(settings)
    _show(_described(house, [_ring(house).get(key_id)])[0], as_json)


@keys.command()
@click.argument("key_id", metavar="KEY")
@_day_option
@_month_option
@_second_option
@json_option
@click.pass_obj
def limit(settings: Settings, /, key_id: str, as_json: bool, **often: int | None) -> None:
    """Set how often KEY may ask (`anonymous` is the key of callers without one)."""
    house = open_house(settings)
    _show(_described(house, [_ring(house).limit(key_id, **often)])[0], as_json)


@keys.command()
@click.argument("key_id", metavar="KEY")
@click.option(
    "--grace-days",
    type=click.IntRange(0, LONGEST_GRACE.days),
    default=7,
    show_default=True,
    help="How long the old text stays good.",
)
@json_option
@click.pass_obj
def rotate(settings: Settings, key_id: str, grace_days: int, as_json: bool) -> None:
    """Give KEY a new text; the old one stays good for a while."""
    key, text = _ring(open_house(settings)).rotate(key_id, timedelta(days=grace_days))
    _show_new(key, text, as_json)


@keys.command()
@click.argument("key_id", metavar="KEY")
@json_option
@click.pass_obj
def revoke(settings: Settings, key_id: str, as_json: bool) -> None:
    """Take KEY back for good; servers refuse it within seconds."""
    house = open_house(settings)
    _show(_described(house, [_ring(house).revoke(key_id)])[0], as_json)


def _ring(house: House) -> KeyRing:
    ring = KeyRing(house.database, key_pepper(house.settings))
    ring.ensure_anonymous()
    return ring


def _described(house: House, found: Iterable[Key]) -> list[dict[str, Any]]:
    windows = windows_at(time.time(), ZoneInfo(house.settings.timezone))
    counted = SqlQuotaStore(house.database).counted((windows.day.name, windows.month.name))
    return [
        describe(key)
        | {
            "used_today": counted.get((key.id, windows.day.name), 0),
            "used_this_month": counted.get((key.id, windows.month.name), 0),
        }
        for key in found
    ]


def describe(key: Key) -> dict[str, Any]:
    """Return a key as `naru keys … --json` shows it."""
    may = key.permissions
    return {
        "id": key.id,
        "name": key.name,
        "hint": ", ".join(f"nru_{key.environment}_…{last4}" for last4 in key.last4),
        "state": key.state(datetime.now(UTC)),
        "functions": sorted(may.functions),
        "access": may.access,
        "groups": sorted(may.groups),
        "layers": None if may.layers is None else sorted(may.layers),
        "referrers": list(may.referrers),
        "cidrs": list(may.cidrs),
        "day_quota": may.day_quota,
        "month_quota": may.month_quota,
        "second_rate": may.second_rate,
        "created": key.created.isoformat(),
        "expires": may.expires.isoformat() if may.expires else None,
        "revoked": key.revoked.isoformat() if key.revoked else None,
    }


def _show_new(key: Key, text: str, as_json: bool) -> None:
    if as_json:
        print_json({**describe(key), "key": text})
        return
    click.echo(f"{key.id}  {key.name}\n\n    {text}\n\nKeep it now: it is not shown again.")


def _show(row: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(row)
        return
    for name, value in row.items():
        click.echo(f"{name:<16} {'' if value is None else value}")
