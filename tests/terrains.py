"""Layers with what the twin makes beside their tiles, written here by hand: mesh, models, river, grid, bed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from naru.house import House
from naru.records import Asset


def attach(house: House, layer_id: str, files: Mapping[str, tuple[Path, Mapping[str, Any]]]) -> None:
    """Give a layer's live version assets: by name, a file (which is moved) and what is said of it."""
    live = house.catalogue.layer(layer_id).live
    assets = [Asset(name, house.storage.put(path), about) for name, (path, about) in files.items()]
    house.catalogue.attach(layer_id, live.number, assets, _nothing)


def _nothing(_: sa.Connection) -> None:
    """Do no more in the transaction."""
