"""What a layer's next version changes: features, fields, kind of geometry. A dry run tells it before."""

from __future__ import annotations

import pyarrow as pa

from ingest.reading import Read, ReadLayer
from naru.changes import compare
from naru.house import House
from naru.records import Changes, Kind, Layer

_SHOWN = 5  # fields named in a warning


def changes_since(house: House, before: Layer | None, read: Read) -> tuple[Changes | None, list[str]]:
    """Compare what was read with the live version it replaces.

    Returns the account (None where there is nothing to compare with), and warnings about what users of the
    layer's addresses may not expect.
    """
    if before is None:
        return None, []
    if not isinstance(read, ReadLayer):
        return None, other_kind(before, read.kind)
    warnings = _other_geometry(before, read)
    if before.live.source is None or before.live.source.suffix != ".parquet":
        return None, warnings
    try:
        account = compare(house.storage.path(before.live.source), read.parquet)
    except (OSError, pa.ArrowException) as error:  # what is damaged must not stop the file that replaces it
        damaged = f"version {before.live.number} could not be compared with: {error}; see `naru verify`"
        return None, [*warnings, damaged]
    return account, [*warnings, *_lost_fields(before, account)]


def other_kind(before: Layer | None, kind: Kind) -> list[str]:
    """Return a warning when something without features takes the place of a layer that has them."""
    if before is None or (before.kind == kind == "raster"):
        return []
    return [f"version {before.live.number} has features that programs may read; this one has none beside its tiles"]


def _other_geometry(before: Layer, read: ReadLayer) -> list[str]:
    if before.geometry in (read.geometry, ""):
        return []
    return [f"the geometry was {before.geometry} in version {before.live.number} and is {read.geometry} now"]


def _lost_fields(before: Layer, account: Changes) -> list[str]:
    gone = account.fields_removed
    if not gone:
        return []
    named = ", ".join(gone[:_SHOWN]) + (f" and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else "")
    return [f"fields of version {before.live.number} are gone: {named}; styles and clients may need them"]
