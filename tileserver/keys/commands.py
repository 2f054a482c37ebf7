"""`naru keys`: who may ask for what, from the command line."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click

from naru.errors import BadRequest
from naru.house import House
from naru.settings import Settings, key_pepper
from naru.terminal import json_option, open_house, print_json
from tileserver.keys.fields import check_changes, check_whole, read_field
from tileserver.keys.ring import LONGEST_GRACE, Key, KeyRing, Permissions
from tileserver.keys.telling import describe, described

_LIMITS = {"day": "day_quota", "month": "month_quota", "second": "second_rate"}
_NOTHING = {"groups": frozenset(), "layers": None, "referrers": (), "cidrs": (), "expires": None} | dict.fromkeys(
    _LIMITS.values()
)


@click.group()
def keys() -> None:
    """Keys: create, list, show, edit, limit, rotate, revoke."""


def _field(name: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """Return a callback that reads an option as the field of this name; None where it was not given."""

    def read(context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
        if value is None or value == ():
            return None
        given = list(value) if isinstance(value, tuple) else value
        if name == "functions":
            given = [word.strip() for word in value.split(",") if word.strip()]
        try:
            return read_field(name, given, ZoneInfo(context.find_root().obj.timezone))
        except BadRequest as error:
            raise click.BadParameter(f"{error.message}. {error.remedy}") from error

    return read


_quota = click.IntRange(min=1)
_day_option = click.option("--day", type=_quota, help="Requests a day; left out: unlimited.")
_month_option = click.option("--month", type=_quota, help="Requests a month; left out: unlimited.")
_second_option = click.option("--second", type=_quota, help="Requests a second; left out: any number.")


def _permission_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what a key opens, from where and until when."""
    several = (
        ("--group", "groups", "Also the layers of this group (with --access private)."),
        ("--layer", "layers", "Only this layer (repeat for more)."),
        ("--referrer", "referrers", "Only from this web site: host, *.host or https://host."),
        ("--cidr", "cidrs", "Only from this network."),
    )
    when = "Last day (2027-12-31) or moment (with its zone)."
    command = click.option("--expires", callback=_field("expires"), help=when)(command)
    for option, name, text in reversed(several):
        command = click.option(option, name, multiple=True, callback=_field(name), help=text)(command)
    return command


_access = click.Choice(("public", "private"))
_private_too = "private: private layers too."
_which_functions = "Of: basemap,content,common,twin,manage."


@keys.command()
@click.option("--name", required=True, callback=_field("name"), help="Whose key it is.")
@click.option("--functions", required=True, callback=_field("functions"), help=_which_functions)
@click.option("--access", type=_access, default="public", show_default=True, help=_private_too)
@_permission_options
@_day_option
@_month_option
@_second_option
@click.option(
    "--env",
    "environment",
    default="live",
    show_default=True,
    callback=_field("environment"),
    help="Part of the key's text.",
)
@json_option
@click.pass_obj
def create(settings: Settings, /, name: str, environment: str, as_json: bool, **chosen: Any) -> None:
    """Make a key. Its text is shown now and never again."""
    permissions = _whole(Permissions(**_given(chosen)))
    key, text = _ring(open_house(settings)).create(name, environment, permissions)
    _show_new(key, text, as_json)


@keys.command()
@click.argument("key_id", metavar="KEY")
@click.option("--name", callback=_field("name"), help="Whose key it is.")
@click.option("--functions", callback=_field("functions"), help=_which_functions)
@click.option("--access", type=_access, help=_private_too)
@_permission_options
@click.option("--day", type=_quota, help="Requests a day.")
@click.option("--month", type=_quota, help="Requests a month.")
@click.option("--second", type=_quota, help="Requests a second.")
@click.option(
    "--clear",
    type=click.Choice(tuple(_NOTHING)),
    multiple=True,
    help="Take this bond off the key, or these groups (repeat for more).",
)
@json_option
@click.pass_obj
def edit(settings: Settings, /, key_id: str, clear: tuple[str, ...], as_json: bool, **chosen: Any) -> None:
    """Change KEY: what is named becomes this, the rest stays; its text stays, too."""
    changes = {name: _NOTHING[name] for name in clear} | _given(chosen)
    house = open_house(settings)
    ring = _ring(house)
    key = ring.get(key_id)
    check_changes(key, changes)
    _whole(replace(key.permissions, **{name: value for name, value in changes.items() if name != "name"}))
    _show(described(house, time.time, [ring.change(key_id, changes)])[0], as_json)


def _given(chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given, by the names of a key's fields."""
    return {_LIMITS.get(name, name): value for name, value in chosen.items() if value is not None}


def _whole(permissions: Permissions) -> Permissions:
    try:
        return check_whole(permissions)
    except BadRequest as error:
        raise click.UsageError("--group needs --access private.") from error


@keys.command("list")
@json_option
@click.pass_obj
def list_keys(settings: Settings, as_json: bool) -> None:
    """List every key, and what it used today and this month."""
    house = open_house(settings)
    found = described(house, time.time, _ring(house).all())
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
    _show(described(house, time.time, [_ring(house).get(key_id)])[0], as_json)


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
    _show(described(house, time.time, [_ring(house).limit(key_id, **often)])[0], as_json)


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
    _show(described(house, time.time, [_ring(house).revoke(key_id)])[0], as_json)


def _ring(house: House) -> KeyRing:
    ring = KeyRing(house.database, key_pepper(house.settings))
    ring.ensure_anonymous()
    return ring


def _show_new(key: Key, text: str, as_json: bool) -> None:
    if as_json:
        print_json({**describe(key, datetime.now(UTC)), "key": text})
        return
    click.echo(f"{key.id}  {key.name}\n\n    {text}\n\nKeep it now: it is not shown again.")


def _show(row: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(row)
        return
    for name, value in row.items():
        told = ", ".join(value) if isinstance(value, list) else value
        click.echo(f"{name:<16} {'' if told is None else told}".rstrip())
