"""Reads a layer through GDAL with exactly one driver, as a stream of Arrow batches."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyogrio
from pyogrio import _ogr
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError
from pyogrio.raw import open_arrow

from ingest.layers import Batch
from naru.errors import FileDamaged, ParserDied, UnknownFormat

_FACES = "naru_faces"
_BATCH_BYTES = 16 * 2**20
OGR_ERRORS = (
    *(DataSourceError, DataLayerError, FeatureError, FieldError, GeometryError, RuntimeError, pa.ArrowException),
    *(OSError, IndexError, ValueError),  # Arrow's stream, a file without layers, a name that is no UTF-8
)


@dataclass(frozen=True)
class OgrSource:
    """One layer of one file, and the only driver that may open it."""

    path: Path
    driver: str
    layer: str | None = None
    encoding: str | None = None
    options: dict[str, str] = field(default_factory=dict)  # open options of the driver
    rows: int = 0
    size: int = 0  # bytes, for the size of the batches
    faces: str | None = None  # the geometry column of a layer of surfaces, whose type pyogrio does not know


@dataclass(frozen=True)
class OgrInfo:
    """What GDAL says of a layer before its features are read."""

    crs: str | None  # EPSG:<code> or WKT
    rows: int  # -1 when the format does not say
    fields: tuple[str, ...] = ()
    times: tuple[str, ...] = ()  # those that GDAL takes for dates, times or moments


def allow_only(driver: str) -> None:
    """Leave GDAL that one vector driver in this process: no other format can hide behind a file's name.

    GDAL sniffs content, and some drivers open other files or addresses that the content names.
    """
    pyogrio.set_gdal_config_options({"GDAL_SKIP": None})
    _ogr._register_drivers()
    others = [name for name in pyogrio.list_drivers() if name != driver]
    pyogrio.set_gdal_config_options({"GDAL_SKIP": ",".join(others)})
    _ogr._register_drivers()
    if set(pyogrio.list_drivers()) != {driver}:
        raise ParserDied(f"GDAL could not be restricted to its {driver} driver", remedy="Reinstall pyogrio.")


def inspect(source: OgrSource, file: str) -> OgrInfo:
    """Open the layer and return what it says of itself. Raises FileDamaged, UnknownFormat."""
    allow_only(source.driver)
    try:
        with _quiet():
            info = pyogrio.read_info(source.path, layer=source.layer, encoding=source.encoding, **source.options)
    except OGR_ERRORS as error:
        raise explain(error, source, file) from error
    fields = [(str(name), str(kind)) for name, kind in zip(info["fields"], info["ogr_types"], strict=True)]
    times = tuple(name for name, kind in fields if kind in ("OFTDate", "OFTTime", "OFTDateTime"))
    return OgrInfo(info["crs"], int(info["features"]), tuple(name for name, _ in fields), times)


def stream(source: OgrSource, file: str) -> Iterator[Batch]:
    """Yield the layer's attributes and WKB, a bounded number of bytes at a time. Raises as `inspect` does."""
    allow_only(source.driver)
    average = source.size / source.rows if source.rows > 0 else 2048
    batch_size = int(min(16_384, max(16, _BATCH_BYTES / max(average, 1))))
    try:
        with _quiet(), _open(source, batch_size) as (meta, reader):
            geometry = meta["geometry_name"] or "wkb_geometry"
            for batch in reader:
                yield _split(batch if source.faces is None else batch.drop_columns([source.faces]), geometry)
    except OGR_ERRORS as error:
        raise explain(error, source, file) from error


def columns(source: OgrSource, names: list[str], file: str) -> Generator[pa.RecordBatch, None, None]:
    """Yield some of the layer's fields, without geometry, while `stream` may be under way. Raises as it does."""
    try:
        with _quiet(), _open(source, 16_384, columns=names, read_geometry=False) as (_, reader):
            yield from reader
    except OGR_ERRORS as error:
        raise explain(error, source, file) from error


def _open(source: OgrSource, batch_size: int, **chosen: Any) -> Any:
    if source.faces is not None:  # the CRS is lost on this way: who asks for it knows it
        sql = f'SELECT CAST("{source.faces}" AS GEOMETRY) AS "{_FACES}", * FROM "{source.layer}"'  # noqa: S608 (names without quotes)
        chosen |= {"sql": sql, "sql_dialect": "OGRSQL"}
    return open_arrow(
        source.path,
        layer=None if source.faces is not None else source.layer,
        encoding=source.encoding,
        batch_size=batch_size,
        use_pyarrow=True,
        **chosen,
        **source.options,
    )


def _split(batch: pa.RecordBatch, geometry: str) -> Batch:
    index = batch.schema.names.index(geometry)
    wkb = batch.column(index)
    if isinstance(wkb, pa.ExtensionArray):
        wkb = wkb.storage
    return batch.remove_column(index), wkb


def explain(error: Exception, source: OgrSource, file: str) -> FileDamaged | UnknownFormat:
    """Return GDAL's complaint as an error of ours, without our own paths. Raises MemoryError for lack of memory."""
    if "out of memory" in str(error).lower():
        raise MemoryError(str(error)) from error
    text = str(error).replace(str(source.path), file).split("; It might help")[0]
    if isinstance(error, GeometryError):
        return UnknownFormat(
            f"geometries of a kind that we do not draw ({text})",
            file=file,
            layer=source.layer,
            remedy="Turn curves and solids into lines and polygons.",
        )
    reason = "no layer can be found in it" if isinstance(error, IndexError) else text
    return FileDamaged(
        f"it cannot be read as {source.driver}: {reason}",
        file=file,
        layer=source.layer,
        remedy="Repair it, or export it again from the program that wrote it.",
    )


def _quiet() -> warnings.catch_warnings[None]:
    """Return a context in which GDAL's warnings stay quiet: what matters is counted feature by feature."""
    return warnings.catch_warnings(action="ignore")
