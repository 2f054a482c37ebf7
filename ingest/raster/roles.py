"""Decides what a raster is for, by rules that people can read: imagery, elevation, classes or data.

The rules are those of docs/formats.md; `--kind` and `--bands` go before them. Decided on a sample of pixels.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader
from rasterio.windows import Window

from ingest.raster.encode import fits
from naru.errors import BadOption
from naru.raster_facts import RAMPS

Role = Literal["imagery", "elevation", "classes", "data"]
ROLES: tuple[Role, ...] = get_args(Role)
Values = npt.NDArray[Any]
_SAMPLE_WINDOWS, _SAMPLE_SIDE = 5, 256
_MOST_CLASSES, _FEWEST_PIXELS = 48, 1024
_PALETTE_CLASSES = 64
_HIGHEST_CLASS = 1000
_RAMP_TAG, _NAME_TAG = "COLOR_RAMP", "CLASS_NAME_"  # metadata of a file: COLOR_RAMP=water, CLASS_NAME_3=Forest
_CLASS, _MOST_NAMES, _LONGEST_NAME = re.compile(r"0|-?[1-9][0-9]{0,8}"), 256, 100
_DOUBT = "taken for heights in metres; if it is something else, say --kind data"
_LOWEST, _HIGHEST = -11_500.0, 9_000.0  # places on Earth: the deepest sea, the highest mountain, metres
_FEET = {"ft": 0.3048, "foot": 0.3048, "feet": 0.3048, "us-ft": 1200 / 3937, "us survey foot": 1200 / 3937}
_WIDER = {"int8": "int16", "int64": "float64", "uint64": "float64", "float16": "float32"}
Colour = tuple[int, int, int, int]


@dataclass(frozen=True)
class Treatment:
    """What will be done with the pixels. `bands` and `alpha` are counted from 1, as in the file."""

    role: Role
    bands: tuple[int, ...]
    alpha: int | None
    dtype: str  # of what is kept
    src_nodata: float | None  # may be nan
    nodata: float | None  # of what is kept; None: to be found, or there is alpha
    colours: dict[int, Colour] | None  # a palette: to be kept (classes) or painted (imagery)
    factor: float = 1.0  # stored value → unit of `unit`
    offset: float = 0.0
    unit: str | None = None
    warnings: tuple[str, ...] = ()
    names: dict[int, str] | None = None  # of classes: what the file calls them
    ramp: str = ""  # of data: the ramp of styles/ramps.json that the file asks for

    @property
    def painted(self) -> bool:
        """Whether blocks are pictures of 8-bit colours, which a browser shows as they are."""
        return self.role == "imagery" and self.dtype == "uint8"


def treat(source: DatasetReader, kind: str, wanted: str | None, bands: Sequence[int] | None) -> Treatment:
    """Decide on the treatment of an open raster of format `kind`.

    Raises BadOption for options it cannot follow, and what reading a sample raises.
    """
    alpha = next((i for i, c in enumerate(source.colorinterp, 1) if c == ColorInterp.alpha), None)
    plain = [i for i in range(1, source.count + 1) if i != alpha]
    chosen = _chosen(bands, plain)
    colours = _palette(source) if len(chosen or plain) == 1 else None
    values = sample(source, (chosen or plain)[0])
    role = _role(source, kind, plain, colours, values) if wanted is None else _wanted(wanted)
    if role == "imagery":
        return _imagery(source, chosen or _colour_bands(source, plain), alpha, colours, len(plain))
    measured = _measured(source, role, tuple(chosen or plain), alpha, colours)
    sure = wanted is not None or kind in ("DTED", "ASCII grid")
    doubt = () if role != "elevation" or sure else (_DOUBT,)
    return _as_tagged(source, replace(measured, warnings=(*measured.warnings, *doubt)))


def _as_tagged(source: DatasetReader, treatment: Treatment) -> Treatment:
    """Return the treatment with what the file's metadata say of its legend (docs/formats.md, Rasters)."""
    tags = {**source.tags(), **source.tags(treatment.bands[0])}
    wished = tags.get(_RAMP_TAG, "").lower()
    if treatment.role != "classes":
        return replace(treatment, ramp=wished) if treatment.role == "data" and wished in RAMPS else treatment
    said = {key.removeprefix(_NAME_TAG): text for key, text in tags.items() if key.startswith(_NAME_TAG)}
    names = {int(value): _legible(text) for value, text in said.items() if _CLASS.fullmatch(value)}
    kept = dict(sorted((value, text) for value, text in names.items() if text)[:_MOST_NAMES])
    return replace(treatment, names=kept or None)


def _legible(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable()).strip()[:_LONGEST_NAME]


def _wanted(role: str) -> Role:
    for known in ROLES:
        if role == known:
            return known
    raise BadOption(f"--kind cannot be '{role}'", remedy=f"Say one of {', '.join(ROLES)}.")


def _chosen(bands: Sequence[int] | None, plain: Sequence[int]) -> list[int] | None:
    if bands is None:
        return None
    if not bands or any(b not in plain for b in bands):
        raise BadOption(
            f"--bands {','.join(map(str, bands))} names bands that the raster does not have",
            remedy=f"Its bands are {plain[0]} to {plain[-1]}.",
        )
    return list(bands)


def sample(source: DatasetReader, band: int) -> Values:
    """Return the valid values of windows spread over a band: at most 25 of 256 × 256 pixels, whole if small."""
    nodata, picked = source.nodatavals[band - 1], []
    for row in _starts(source.height):
        for column in _starts(source.width):
            window = Window(column, row, min(_SAMPLE_SIDE, source.width), min(_SAMPLE_SIDE, source.height))
            values = source.read(band, window=window)
            valid = np.isfinite(values) if values.dtype.kind == "f" else np.ones(values.shape, bool)
            if nodata is not None:
                valid &= values != nodata
            picked.append(values[valid])
    return np.concatenate(picked)


def _starts(length: int) -> list[int]:
    """Return where windows begin: spread over the length, none twice."""
    last = max(0, length - _SAMPLE_SIDE)
    count = min(_SAMPLE_WINDOWS, math.ceil(length / _SAMPLE_SIDE))
    return sorted({round(v) for v in np.linspace(0, last, max(count, 1))})


def _role(
    source: DatasetReader, kind: str, plain: Sequence[int], colours: dict[int, Colour] | None, values: Values
) -> Role:
    dtype = np.dtype(source.dtypes[plain[0] - 1])
    if colours is not None:
        return "classes" if len(np.unique(values)) <= _PALETTE_CLASSES else "imagery"
    if kind == "DTED":
        return "elevation"
    if len(plain) == 1:
        return _role_of_one(kind, dtype, values)
    if dtype == np.uint8:
        return "imagery"
    coloured = [source.colorinterp[b - 1] for b in plain[:3]] == [
        ColorInterp.red,
        ColorInterp.green,
        ColorInterp.blue,
    ]
    return "imagery" if dtype == np.uint16 and coloured else "data"


def _role_of_one(kind: str, dtype: np.dtype[Any], values: Values) -> Role:
    """Return the role of a single band without a palette."""
    signed = dtype.kind == "f" or dtype == np.int16 or (kind == "ASCII grid" and dtype.kind == "i")
    if signed and len(values) and values.min() >= _LOWEST and values.max() <= _HIGHEST:
        unitless = dtype.kind == "f" and values.min() >= -1 and values.max() <= 1 and values.max() > values.min()
        return "data" if unitless else "elevation"
    whole_and_low = dtype.kind in "ui" and len(values) >= _FEWEST_PIXELS and values.max() <= _HIGHEST_CLASS
    if whole_and_low and len(np.unique(values)) <= _MOST_CLASSES:
        return "classes"
    return "imagery" if dtype == np.uint8 else "data"


def _palette(source: DatasetReader) -> dict[int, Colour] | None:
    if source.colorinterp[0] != ColorInterp.palette:
        return None
    try:
        return {int(k): tuple(v) for k, v in source.colormap(1).items()}
    except ValueError:
        return None


def _colour_bands(source: DatasetReader, plain: Sequence[int]) -> list[int]:
    """Return the bands that are red, green and blue, by what they say or by their order; one: grey."""
    said = {c: i for i, c in enumerate(source.colorinterp, 1)}
    rgb = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    if all(c in said for c in rgb):
        return [said[c] for c in rgb]
    return list(plain[:3]) if len(plain) >= 3 else list(plain[:1])


def _imagery(
    source: DatasetReader, bands: Sequence[int], alpha: int | None, colours: dict[int, Colour] | None, count: int
) -> Treatment:
    dtype = source.dtypes[bands[0] - 1]
    if len(bands) not in (1, 3):
        raise BadOption(f"a picture has 1 or 3 bands, not {len(bands)}", remedy="Say such as --bands 3,2,1.")
    warnings: tuple[str, ...] = ()
    if count > len(bands):
        shown = ", ".join(map(str, bands))
        warnings = (f"of its {count} bands only {shown} are kept as a picture; --kind data keeps all",)
    src_nodata = _said_nodata(source, bands[0])
    if dtype == "uint8":
        return Treatment("imagery", tuple(bands), alpha, dtype, src_nodata, None, colours, warnings=warnings)
    kept = _WIDER.get(dtype, dtype)
    nodata = _kept_nodata(src_nodata, kept)
    return Treatment("imagery", tuple(bands), alpha, kept, src_nodata, nodata, None, warnings=warnings)


def _measured(
    source: DatasetReader,
    role: Role,
    bands: tuple[int, ...],
    alpha: int | None,
    colours: dict[int, Colour] | None,
) -> Treatment:
    """Return the treatment of elevation, classes or data: values are kept."""
    band = bands[0] - 1
    dtype = np.result_type(*(np.dtype(source.dtypes[b - 1]) for b in bands)).name
    dtype, src_nodata = _WIDER.get(dtype, dtype), _said_nodata(source, bands[0])
    factor, offset, unit, warnings = 1.0, 0.0, source.units[band] or None, []
    if role == "elevation":
        factor, offset = source.scales[band] or 1.0, source.offsets[band] or 0.0
        feet = _FEET.get((unit or "m").lower())
        if feet:
            warnings.append("heights in feet were turned into metres")
            factor, offset = factor * feet, offset * feet
        if (factor, offset) != (1.0, 0.0) or dtype == "float64":
            dtype = "float32"
        unit, bands = "m", bands[:1]
    nodata = _kept_nodata(src_nodata if (factor, offset) == (1.0, 0.0) else None, dtype)
    if nodata is None and np.dtype(dtype).kind == "f":
        nodata = -9999.0 if role == "elevation" else float(np.finfo(np.float32).min)
    kept = colours if role == "classes" else None
    return Treatment(role, bands, alpha, dtype, src_nodata, nodata, kept, factor, offset, unit, tuple(warnings))


def _said_nodata(source: DatasetReader, band: int) -> float | None:
    """Return a band's nodata if a pixel of its type can have it: -9999 in a picture of bytes says nothing."""
    said: float | None = source.nodatavals[band - 1]
    dtype = source.dtypes[band - 1]
    if said is None or fits(said, dtype):
        return said
    return said if np.dtype(dtype).kind == "f" else None


def _kept_nodata(src_nodata: float | None, dtype: str) -> float | None:
    return src_nodata if src_nodata is not None and fits(src_nodata, dtype) else None
