"""What a layer's next version changes: features, fields, kind of geometry. A dry run tells it before."""

from __future__ import annotations

import pyarrow as pa

from ingest.reading import ReadLayer
from naru.changes import compare
from naru.house import House
from naru.records import Changes, Layer

_SHOWN = 5  # fields named in a warning


def changes_since(house: House, before: Layer | None, read: ReadLayer) -> tuple[Changes | None, list[str]]:
    """Compare what was read with the live version it replaces.

    Returns the account (None where there is nothing to compare with), and warnings about what users of the
    layer's addresses may not expect.
    """
    if before is None:
        return None, []
    warnings = _other_geometry(before, read)
    if before.live.source is None or before.live.source.suffix != ".parquet":
        return None, warnings
    try:
        account = compare(house.storage.path(before.live.source), read.parquet)
    except (OSError, pa.ArrowException) as error:  # what is damaged must not stop the file that replaces it
        damaged = f"version {before.live.number} could not be compared with: {error}; see `naru verify`"
        return None, [*warnings, damaged]
    return account, [*warnings, *_lost_fields(before, account)]


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
