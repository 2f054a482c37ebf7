"""A raster layer's pixels cut to a box, or moved into another system, as a cloud-optimised GeoTIFF (lossless)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.warp import calculate_default_transform, transform_bounds

from naru.errors import ArchiveDamaged, BadSelection
from naru.features.selection import Selection
from naru.features.systems import system

_COG: dict[str, Any] = {"driver": "COG", "blocksize": 256, "bigtiff": "IF_SAFER", "compress": "DEFLATE"}


def write(archive: Path, role: str, selection: Selection, path: Path) -> None:
    """Write what lies in the selection's box, in its system, to `path`. `role` is the raster's: classes stay whole.

    Raises:
        BadSelection: the box does not meet the raster, or names a system that is none.
        ArchiveDamaged: the archive cannot be read.
    """
    resampling = Resampling.nearest if role == "classes" else Resampling.bilinear
    try:
        with rasterio.open(archive, driver="GTiff") as source:
            frame = _frame(source, selection)
            with WarpedVRT(source, **frame, resampling=resampling) as cut:
                predictor = "YES" if source.colorinterp[0].name != "palette" else "NO"
                overviews = "NEAREST" if role == "classes" else "AVERAGE"
                rasterio.shutil.copy(cut, path, **_COG, predictor=predictor, overview_resampling=overviews)
    except RasterioError as cause:
        raise ArchiveDamaged(
            f"the raster cannot be read: {cause}",
            file=str(archive),
            remedy="Restore it from a backup (`naru verify` names what is damaged), or ingest the layer again.",
        ) from cause


def _frame(source: rasterio.DatasetReader, selection: Selection) -> dict[str, Any]:
    """Return system, transform and size of what comes out: the source's own pixels where it is not moved."""
    target, transform = source.crs, source.transform
    width, height = source.width, source.height
    if selection.crs:
        target = rasterio.CRS.from_wkt(system(selection.crs).to_wkt())
    if target != source.crs:
        transform, width, height = calculate_default_transform(source.crs, target, width, height, *source.bounds)
    if selection.bbox is not None:
        box = rasterio.CRS.from_wkt(system(selection.bbox_crs).to_wkt())
        west, south, east, north = transform_bounds(box, target, *selection.bbox, densify_pts=64)
        dx, dy, x, y = transform.a, transform.e, transform.c, transform.f  # the grid's north is up
        left, top = max(0, math.floor((west - x) / dx)), max(0, math.floor((north - y) / dy))
        width = min(width, math.ceil((east - x) / dx)) - left
        height = min(height, math.ceil((south - y) / dy)) - top
        transform = Affine(dx, 0.0, x + left * dx, 0.0, dy, y + top * dy)
    if width <= 0 or height <= 0:
        raise BadSelection(
            "the bounding box does not meet the raster", remedy="`naru layers show` tells its bounds."
        )
    return {"crs": target, "transform": transform, "width": width, "height": height}
