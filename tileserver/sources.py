"""Layers' source archives, opened once and kept: what features, downloads and counts are read from.

Loads pyarrow and shapely: import it where the first feature is asked for, not where the server starts.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from naru.errors import NoSuchExport
from naru.features.selection import Selection
from naru.features.source import FeatureSource
from naru.records import Layer
from tileserver.access import LONGEST_REMEMBERED
from tileserver.service import Service


def has_features(layer: Layer) -> bool:
    """Tell whether a layer's live version has a source of features."""
    return layer.live.source is not None and layer.live.source.suffix == ".parquet"


def source_of(service: Service, layer: Layer) -> FeatureSource:
    """Return the source of a layer's live version.

    Raises:
        NoSuchExport: the layer is a raster, or came as finished tiles.
        ArchiveDamaged: the source cannot be read.
    """
    if layer.live.source is None or not has_features(layer):
        raise NoSuchExport(
            "the layer has no features of its own",
            layer=layer.id,
            remedy="It is a raster or came as finished tiles: use its tiles.",
        )
    return _opened(service.house.storage.path(layer.live.source))


def matched(source: FeatureSource, selection: Selection) -> int:
    """Return how many features match, before `limit` and `offset`; remembered, for callers leaf through pages.

    Raises:
        BadSelection, ArchiveDamaged: as `FeatureSource.count`.
    """
    said = sum(len(wanted.value) for wanted in selection.filters)
    return _matched(source.path, selection) if said <= LONGEST_REMEMBERED else source.count(selection)


@lru_cache(maxsize=256)
def _opened(path: Path) -> FeatureSource:
    return FeatureSource.open(path)  # archives never change: a name stands for its bytes


@lru_cache(maxsize=4096)
def _matched(path: Path, selection: Selection) -> int:
    return _opened(path).count(selection)
