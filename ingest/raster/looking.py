"""The first visit to a raster: what it is, where it lies, what will be done with it. Few pixels are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import shapely
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from ingest.crs import Claim
from ingest.raster.opening import arrange, check_size, damaged, gdal, open_raster
from ingest.raster.placing import Place, place
from ingest.raster.roles import Treatment, treat
from ingest.receive import Dataset
from ingest.sandbox import Limits
from naru.errors import NaruError

_PRJ_BYTES = 65536


@dataclass(frozen=True)
class Look:
    """What the user said: `EPSG:<int>`, a role, bands counted from 1."""

    crs: str | None = None
    kind: str | None = None
    bands: Sequence[int] | None = None


def look(dataset: Dataset, kind: str, folder: Path, wanted: Look, limits: Limits) -> dict[str, Any]:
    """Return the entry of one raster for `ingest.reading`; its files are kept in `folder`.

    Raises FileDamaged, UnknownFormat, TooLarge, CrsUnknown, CrsRefused, BadOption, naming the file.
    """
    packed = dataset.main.stat().st_size
    main = arrange(dataset, kind, folder)
    with gdal():
        try:
            with open_raster(main, kind, dataset.file) as source:
                check_size(source, kind, dataset.file, packed, limits)
                return _entry(dataset, kind, main, source, wanted)
        except RasterioError as error:
            raise damaged(error, main, dataset.file) from error
        except NaruError as error:
            error.file = error.file or dataset.file
            raise


def _entry(dataset: Dataset, kind: str, main: Path, source: DatasetReader, wanted: Look) -> dict[str, Any]:
    placed = place(source, _claim(source, main, kind), wanted.crs, dataset.name)
    treatment = treat(source, kind, wanted.kind, wanted.bands)
    return {
        "kind": "raster",
        "name": dataset.name,
        "crs_claimed": placed.crs.claimed,
        "crs": placed.crs.label,
        "crs_how": placed.crs.how,
        "bounds": list(placed.bounds),
        "role": treatment.role,
        "width": source.width,
        "height": source.height,
        "bands": source.count,
        "dtype": source.dtypes[0],
        "cell": placed.cell,
        "boxes": [list(b) for b in placed.boxes],
        "recipe": _recipe(dataset, kind, main, placed, treatment),
        "warnings": [*placed.warnings, *treatment.warnings],
    }


def _recipe(dataset: Dataset, kind: str, main: Path, placed: Place, treatment: Treatment) -> Mapping[str, Any]:
    """Return what the second visit needs to know; it comes back to it as it is."""
    return {
        "path": str(main),
        "format": kind,
        "file": dataset.file,
        "crs_wkt": placed.crs.crs.to_wkt(),
        "outline": shapely.to_wkb(placed.outline, hex=True),
        "gcps": placed.gcps,
        "treatment": asdict(treatment)
        | {"colours": [[k, *v] for k, v in treatment.colours.items()] if treatment.colours else None}
        | {"names": [[k, text] for k, text in treatment.names.items()] if treatment.names else None}
        | {"src_nodata": None if treatment.src_nodata is None else str(treatment.src_nodata)},
    }


def _claim(source: DatasetReader, main: Path, kind: str) -> Claim:
    """Return what the file says of its CRS, or the .prj beside it."""
    if source.crs:
        return Claim(source.crs.to_wkt(), "the .prj" if kind == "ASCII grid" else f"the {kind} file")
    prj = main.with_suffix(".prj")
    if prj.is_file():
        with prj.open("rb") as file:
            return Claim(file.read(_PRJ_BYTES).decode("utf-8", "replace"), "the .prj")
    return Claim(None, "")
