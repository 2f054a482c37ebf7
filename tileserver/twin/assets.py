"""What belongs to a layer's live version beside its tiles, found and opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from naru.errors import ArchiveDamaged, NoSuchAsset
from naru.records import Asset, Layer
from tileserver.service import Service

T = TypeVar("T")


def asset_of(layer: Layer, name: str, what: str, remedy: str) -> Asset:
    """Return what belongs to a layer's live version under a name.

    Raises:
        NoSuchAsset: nothing does; the message says `what` is missing.
    """
    found = layer.live.assets.get(name)
    if found is None:
        raise none_such(layer.id, what, remedy)
    return found


def none_such(layer_id: str, what: str, remedy: str) -> NoSuchAsset:
    """Return the error for what a layer does not have."""
    return NoSuchAsset(f"the layer has no {what}", layer=layer_id, remedy=remedy)


def opened(service: Service, asset: Asset, open_file: Callable[[Path], T]) -> T:
    """Return what `open_file` makes of an asset's file.

    Raises:
        ArchiveDamaged: the file is not there, or not what it should be.
    """
    path = service.house.storage.path(asset.archive)
    try:
        return open_file(path)
    except OSError as cause:
        raise ArchiveDamaged(f"the archive cannot be opened ({cause.strerror})", file=str(path)) from cause
