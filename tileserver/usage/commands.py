"""`naru usage`: who asked for what, from the command line."""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from naru.errors import BadRequest, StorageFailed
from naru.settings import Settings, key_pepper
from naru.terminal import json_option, open_house, print_json
from tileserver.keys.ring import KeyRing
from tileserver.usage import files
from tileserver.usage.ledger import Ledger
from tileserver.usage.query import NAMES, TIMES, Query, read_query
from tileserver.usage.report import Report, make_report
from tileserver.usage.tables import open_database
from tileserver.usage.visitors import count_visitors

_FORMATS = ("table", "csv", "json", "xlsx")


@click.group()
def usage() -> None:
    """Usage: who asked for what, when and how much."""


@usage.command()
@click.option("--by", default="day", show_default=True, help=f"One or two of {', '.join(TIMES + NAMES)}.")
@click.option("--from", "first", default="", help="First day, like 2026-11-01; left out: 30 days up to --to.")
@click.option("--to", "last", default="", help="Last day, included; left out: today.")
@click.option("--key", default="", help="Only this key (its id).")
@click.option("--layer", default="", help="Only this layer.")
@click.option("--function", default="", help="Only this function.")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="table", show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="A file, instead of stdout.")
@json_option
@click.pass_obj
def report(settings: Settings, /, form: str, output: Path | None, as_json: bool, **asked: str) -> None:
    """Tell requests, bytes, errors and visitors. A server's last minute may be missing."""
    form = "json" if as_json else form
    query = _query(settings, asked)
    if form == "xlsx" and output is None and sys.stdout.isatty():
        raise click.UsageError("A workbook is no text: say where to with -o FILE.")
    house = open_house(settings)
    ledger = Ledger(open_database(settings, house.database), ZoneInfo(settings.timezone))
    try:
        count_visitors(ledger, time.time())
        found = make_report(ledger, query)
    finally:
        ledger.close()
    names = {key.id: key.name for key in KeyRing(house.database, key_pepper(settings)).all()}
    _tell(found, form, names, output)


@usage.command()
@json_option
@click.pass_obj
def tidy(settings: Settings, as_json: bool) -> None:
    """Sum up, count visitors, forget what was kept long enough. A server does so every ten minutes."""
    ledger, now = (
        Ledger(open_database(settings, open_house(settings).database), ZoneInfo(settings.timezone)),
        time.time(),
    )
    try:
        done = {"summed": ledger.sum_up(), "visits": count_visitors(ledger, now)}
        ledger.forget(now)
    finally:
        ledger.close()
    if as_json:
        print_json(done)
    else:
        click.echo(f"{done['summed']} rows summed up, {done['visits']} groups of visits counted.")


def _query(settings: Settings, asked: dict[str, str]) -> Query:
    given = {{"first": "from", "last": "to"}.get(name, name): text for name, text in asked.items() if text}
    today = datetime.fromtimestamp(time.time(), ZoneInfo(settings.timezone)).date()
    try:
        return read_query(given, today)
    except BadRequest as error:
        raise click.BadParameter(f"{error.message}. {error.remedy}", param_hint=f"--{error.field}") from error


def _tell(found: Report, form: str, names: dict[str, str], output: Path | None) -> None:
    if form == "json" and output is None:
        print_json(found.to_dict())
        return
    body = _body(found, form, names)
    if output is None:
        click.echo(body, nl=False)
        return
    try:
        output.write_bytes(body)
    except OSError as error:
        raise StorageFailed(
            f"the report cannot be written ({error.strerror})",
            file=str(output),
            remedy="Name another file with -o.",
        ) from error
    click.echo(f"{output}: {len(found.lines)} rows", err=True)


def _body(found: Report, form: str, names: dict[str, str]) -> bytes:
    if form == "csv":
        return files.as_csv(found, names)
    if form == "xlsx":
        return files.as_xlsx(found, names)
    if form == "json":
        return f"{json.dumps(found.to_dict(), ensure_ascii=False)}\n".encode()
    return f"{files.as_table(found, names)}\n".encode()
