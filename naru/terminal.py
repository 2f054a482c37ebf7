"""What all commands share: the `--json` switch, printing, and the house they work on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from naru.house import House
from naru.settings import Settings

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, nothing else.")


def print_json(value: Mapping[str, Any]) -> None:
    """Write one JSON object to stdout."""
    click.echo(json.dumps(value, ensure_ascii=False))


def open_house(settings: Settings) -> House:
    """Open the house and close it when the command ends."""
    house = House.open(settings)
    click.get_current_context().call_on_close(house.close)
    return house


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
