"""Opens a raster with the one driver for its format, and looks at its size before any pixel is read.

GDAL is never asked to guess: a VRT or a WMS description in a TIFF's clothing is refused because the TIFF driver
does not know it (security notes §0.2).
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from ingest.receive import Dataset
from ingest.sandbox import Limits
from naru.errors import BadInput, FileDamaged, TooLarge, UnknownFormat


@dataclass(frozen=True)
class RasterFormat:
    """A format that GDAL reads for us: its driver, and the names that driver looks for beside the file."""

    driver: str
    suffix: str
    world: str | None  # the world file's suffix
    title: str


FORMATS = {
    "GeoTIFF": RasterFormat("GTiff", ".tif", ".tfw", "a GeoTIFF"),
    "ASCII grid": RasterFormat("AAIGrid", ".asc", None, "an ASCII grid"),
    "DTED": RasterFormat("DTED", ".dt2", None, "a DTED cell"),
    "PNG": RasterFormat("PNG", ".png", ".pgw", "a PNG picture"),
    "JPEG": RasterFormat("JPEG", ".jpg", ".jgw", "a JPEG picture"),
}
PICTURES = frozenset({"PNG", "JPEG"})
_WORLD = frozenset({".tfw", ".tifw", ".tiffw", ".pgw", ".pngw", ".jgw", ".jpgw", ".jpegw", ".wld"})
_PICTURE_PIXELS = 2**29  # PNG and JPEG are read from the top: this much is the most that can be cut to tiles
_FREE_BYTES = 2**31  # a raster may unpack to this much whatever its ratio
_RATIO = 2000  # unpacked to packed, of a raster beyond that; DEFLATE reaches 1030
_MOST_BANDS = 256
_CACHE = 128 * 2**20  # bytes: rasterio hands the number on as it is


@contextmanager
def gdal() -> Iterator[None]:
    """Run GDAL with small caches, without looking round in folders, and without warnings about what we look at."""
    options: dict[str, str | int] = {
        "GDAL_CACHEMAX": _CACHE,
        "GDAL_NUM_THREADS": "1",
        "GDAL_DISABLE_READDIR_ON_OPEN": "FALSE",
        "GTIFF_IGNORE_READ_ERRORS": "NO",
        "GDAL_PAM_PROXY_DIR": "/nonexistent",
        "CPL_LOG_ERRORS": "OFF",
    }
    warnings.filterwarnings("ignore", category=NotGeoreferencedWarning)  # we look at that ourselves
    with rasterio.Env(**options):
        yield


def arrange(dataset: Dataset, kind: str, folder: Path) -> Path:
    """Put the dataset's files under the names that the driver looks for, in a folder of its own; return the main.

    They outlive what `ingest.receive` unpacked: the second visit reads them again.
    """
    form = FORMATS[kind]
    folder.mkdir(parents=True)
    main = folder / f"layer{form.suffix}"
    _move(dataset.main, main)
    for suffix, path in dataset.parts.items():
        if suffix in _WORLD and form.world:
            _move(path, folder / f"layer{form.world}")
        elif suffix == ".prj":
            _move(path, folder / "layer.prj")
        elif suffix in {".aux.xml", ".msk"}:
            _move(path, folder / f"layer{form.suffix}{suffix}")
    return main


def _move(path: Path, target: Path) -> None:
    if path.is_symlink():
        target.symlink_to(path.readlink())
    elif path != target and path.exists():
        shutil.move(path, target)


def open_raster(path: Path, kind: str, file: str) -> DatasetReader:
    """Open the file at `path` with the driver for `kind` alone. `file` is what people call it.

    Raises FileDamaged where that driver cannot, UnknownFormat for what it opens and we cannot draw.
    """
    try:
        source = rasterio.open(path, driver=FORMATS[kind].driver)
    except (RasterioError, ValueError) as error:
        if "not recognized" in str(error):
            message = f"it begins like {FORMATS[kind].title} and goes on as none"
            raise FileDamaged(message, file=file, remedy="Export it again, or hand in the original.") from error
        raise damaged(error, path, file) from error
    if not source.count or any(d.startswith("complex") for d in source.dtypes):
        source.close()
        raise UnknownFormat(
            "it holds complex numbers (radar), which cannot be drawn" if source.count else "it has no bands",
            file=file,
            remedy="Write its amplitude as a GeoTIFF, then ingest that.",
        )
    return source


def damaged(error: Exception, path: Path, file: str) -> BadInput:
    """Return what GDAL said of a file that it could not read, without our own names in it."""
    cause = error.__cause__ or error
    said = str(cause).replace(str(path), "it").replace(path.name, "it").strip().rstrip(".")
    if "codec" in said:
        lost = said.partition("missing codec")[2].strip(" .") or "unknown"
        remedy = "Save it as GeoTIFF compressed by DEFLATE, LZW or JPEG."
        return UnknownFormat(f"it is compressed by a method that we cannot read ({lost})", file=file, remedy=remedy)
    return FileDamaged(f"it cannot be read: {said[:300]}", file=file, remedy="Repair it, or export it again.")


def check_size(source: DatasetReader, kind: str, file: str, packed: int, limits: Limits) -> None:
    """Refuse, by its header alone, a raster that would take too much to read. `packed` is the file's size.

    Raises TooLarge.
    """
    width, height, bands = source.width, source.height, source.count
    unpacked = width * height * bands * max(np.dtype(d).itemsize for d in source.dtypes)
    shown = f"{width} × {height} pixels in {bands} band{'s' if bands > 1 else ''}"
    problem = ""
    if kind in PICTURES and width * height > _PICTURE_PIXELS:
        problem = f"more than the {_PICTURE_PIXELS:,} pixels allowed in a {kind}"
    elif bands > _MOST_BANDS:
        problem = f"more than the {_MOST_BANDS} bands allowed"
    elif unpacked > limits.raster_bytes:
        problem = (
            f"{unpacked / 2**30:,.1f} GiB unpacked, more than the {limits.raster_bytes / 2**30:.0f} GiB allowed"
        )
    elif unpacked > max(_FREE_BYTES, packed * _RATIO):
        problem = f"{unpacked / 2**30:,.1f} GiB unpacked, far more than its {packed:,} bytes can hold"
    if problem:
        raise TooLarge(f"it has {shown}: {problem}", file=file, remedy="Cut it into several GeoTIFF files.")
