"""What all commands share: the `--json` switch, printing, and the house they work on."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click

from naru.errors import NaruError
from naru.house import House
from naru.records import Progress
from naru.settings import Settings

_LINE_EVERY_S = 2.0
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, nothing else.")


def print_json(value: Mapping[str, Any]) -> None:
    """Write one JSON object to stdout."""
    text = json.dumps(value, ensure_ascii=False)
    click.echo(text.encode("utf-8", "backslashreplace").decode())  # a file's name may hold what is no text


def print_failure(error: NaruError, *, as_json: bool = False) -> None:
    """Tell of a failure: one line on stderr, and with `as_json` an object on stdout that holds `error`."""
    if as_json:
        print_json({"error": error.to_dict()})
    click.echo(f"naru: {error.one_line()}", err=True)


def open_house(settings: Settings) -> House:
    """Open the house and close it when the command ends."""
    house = House.open(settings)
    click.get_current_context().call_on_close(house.close)
    return house


def open_to_change(settings: Settings) -> House:
    """Open the house for a command that publishes: SIGTERM ends it like Ctrl-C, and nothing is left behind."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return open_house(settings)


def human_bytes(count: float) -> str:
    """Return a size for people.

    >>> human_bytes(1536)
    '1.5 KB'
    """
    units = ["B", "KB", "MB", "GB", "TB"]
    while count >= 1024 and len(units) > 1:
        count /= 1024
        units.pop(0)
    return f"{count:.0f} B" if units[0] == "B" else f"{count:.1f} {units[0]}"


@contextmanager
def progress_bar(title: str, *, quiet: bool = False) -> Iterator[Progress]:
    """Give a progress function that draws a bar on stderr (stage names as lines where that is no terminal)."""
    if quiet:
        yield lambda _fraction, _message: None
    elif sys.stderr and sys.stderr.isatty():
        with _bar(title) as progress:
            yield progress
    else:
        yield _lines(title)


@contextmanager
def _bar(title: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    def words(text: str) -> TextColumn:  # names of files and layers are no markup, whatever brackets they hold
        return TextColumn(text, markup=False)

    columns = (words("{task.fields[title]}"), BarColumn(), words("{task.percentage:>3.0f}%"))
    console = Console(stderr=True)
    with Bar(*columns, words("{task.description}"), TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("starting", total=1.0, title=title)
        yield lambda fraction, message: bar.update(task, completed=fraction, description=message)


def _lines(title: str) -> Progress:
    """Say a line at the start, at the end, and every two seconds in between."""
    last = [-_LINE_EVERY_S]

    def progress(fraction: float, message: str) -> None:
        now = time.monotonic()
        if now - last[0] >= _LINE_EVERY_S or fraction >= 1:
            last[0] = now
            click.echo(f"{title}: {fraction:.0%} {message}", err=True)

    return progress
