"""Numbers become the colours of a picture: by the raster's role, or as a caller asks."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from naru import shading
from naru.ramps import ramp_classes, ramp_marks
from naru.raster_facts import BandRange
from naru.shading import PixelSides
from tileserver.rasters.expression import Band, Node, Number
from tileserver.rasters.looks import Look, Subject
from tileserver.rasters.patches import Patch

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
_SLOPES = BandRange(0.0, 90.0, 0.0, 45.0)  # degrees: what a ramp is spread over unless a caller says otherwise


def needs_margin(subject: Subject, look: Look) -> bool:
    """Tell whether a pixel's colour depends on its neighbours."""
    if look.encoding or look.expression or look.bands:
        return False
    return subject.facts.role == "elevation"


def bands_for(subject: Subject, look: Look) -> list[int]:
    """Return which bands are to be read, the first is 1."""
    if look.expression:
        return list(look.expression.bands)
    if look.bands:
        return list(look.bands)
    count = subject.cog.bands - subject.cog.has_alpha
    return [1, 2, 3] if subject.facts.role == "imagery" and count >= 3 else [1]


def paint(patch: Patch, subject: Subject, look: Look, pixel_m: PixelSides) -> Pixels:
    """Return a patch's colours with their alpha: four channels, or grey with two.

    `pixel_m` is a pixel's width and height on the ground. Where `needs_margin` says so the patch has a margin of
    one pixel, and the picture has none.

    Raises:
        ArchiveDamaged: between which values the raster lies is not known.
    """
    if look.expression:
        return _computed(patch, look)
    if look.algorithm:
        return _derived(patch, look, pixel_m)
    if subject.facts.role == "elevation" and not look.bands:
        ramp = look.colormap or "elevation"
        relief = shading.shaded_relief(patch.first, _span(subject, look, 0), pixel_m, ramp)
        return _with_holes(relief, patch.inner().alpha)
    return _PAINTERS[subject.facts.role](patch, subject, look)


def _span(subject: Subject, look: Look, place: int) -> BandRange:
    """Return between which values the band shown in a place is spread: as asked, else as is known."""
    if look.rescale:
        low, high = look.rescale[min(place, len(look.rescale) - 1)]
        return BandRange(low, high, low, high)
    return subject.facts.span(look.bands[place] - 1 if look.bands else place)


# --- what a caller has computed ------------------------------------------------------------------


def _computed(patch: Patch, look: Look) -> Pixels:
    assert look.expression is not None
    bands = {number: patch.known(place) for place, number in enumerate(look.expression.bands)}
    with np.errstate(all="ignore"):  # 0/0 and the like are no values: they are left transparent
        values = evaluate(look.expression.root, bands)
    low, high = look.rescale[0]
    return _single(
        values, np.where(np.isfinite(values), patch.alpha, 0), BandRange(low, high, low, high), look.colormap
    )


def evaluate(node: Node, bands: dict[int, Floats]) -> Floats:
    """Return an expression's values, float32; `bands` by number, all of one shape."""
    if isinstance(node, Band):
        return bands[node.number]
    if isinstance(node, Number):
        return np.full_like(next(iter(bands.values())), node.value)
    arguments = [evaluate(argument, bands) for argument in node.arguments]
    if len(arguments) == 1:
        return np.asarray(_UNARY[node.name](arguments[0]), "f4")
    return np.asarray(reduce(_BINARY[node.name], arguments), "f4")


_UNARY: dict[str, Callable[[Floats], Any]] = {"-": np.negative, "abs": np.abs, "sqrt": np.sqrt}
_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "min": np.minimum,
    "max": np.maximum,
}


def _derived(patch: Patch, look: Look, pixel_m: PixelSides) -> Pixels:
    """Paint a patch of heights, with its margin, as a grey hillshade or as slopes."""
    heights, alpha = patch.first * np.float32(look.exaggeration), patch.inner().alpha
    if look.algorithm == "hillshade":
        lit = shading.hillshade(heights, pixel_m, look.sun)
        return _with_holes(np.rint(lit * 255).astype("u1")[None], alpha)
    slope = shading.slope(heights, pixel_m)
    low, high = look.rescale[0] if look.rescale else _SLOPES.stretch
    visible = np.where(np.isfinite(slope), alpha, 0)
    return _single(slope, visible, BandRange(low, high, low, high), look.colormap or "slope")


# --- by role -------------------------------------------------------------------------------------


def _imagery(patch: Patch, subject: Subject, look: Look) -> Pixels:
    if look.colormap:
        return _single(patch.first, patch.alpha, _span(subject, look, 0), look.colormap)
    if patch.values.dtype == np.uint8 and not look.rescale:
        return np.concatenate([shading.as_rgb(list(patch.values)), patch.alpha[None]])
    bands = [shading.stretched(band, _span(subject, look, place)) for place, band in enumerate(patch.values)]
    return np.concatenate([shading.as_rgb(bands), patch.alpha[None]])


def _classes(patch: Patch, subject: Subject, look: Look) -> Pixels:
    colours = shading.classed(patch.values[0], subject.facts.colormap)
    colours[3] = np.where(patch.valid, colours[3], 0)
    return colours


def _data(patch: Patch, subject: Subject, look: Look) -> Pixels:
    if len(patch.values) > 1:
        bands = [shading.stretched(patch.known(k), _span(subject, look, k)) for k in range(len(patch.values))]
        return _with_holes(shading.as_rgb(bands), patch.alpha)
    ramp = look.colormap or subject.facts.ramp
    if ramp_marks(ramp) and not look.rescale:
        return _with_holes(shading.marked(patch.first, ramp), patch.alpha)
    if ramp_classes(ramp) and not look.rescale:
        return _with_holes(shading.stepped(patch.first, ramp), patch.alpha)
    return _single(patch.first, patch.alpha, _span(subject, look, 0), ramp)


_PAINTERS: dict[str, Callable[[Patch, Subject, Look], Pixels]] = {
    "imagery": _imagery,
    "elevation": _data,  # single bands as they are: the relief is painted above
    "classes": _classes,
    "data": _data,
}


def _single(values: Floats, alpha: NDArray[np.uint8], span: BandRange, ramp: str) -> Pixels:
    """Return one band in the colours of a ramp, or in greys."""
    colours = shading.tinted(values, span, ramp) if ramp else shading.stretched(values, span)[None]
    return _with_holes(colours, alpha)


def _with_holes(colours: Pixels, alpha: NDArray[np.uint8]) -> Pixels:
    """Return colours with their alpha; in holes the mean colour, for WebP and magnifying mix it into the edges."""
    hole = alpha == 0
    if hole.any() and not hole.all():
        colours[:, hole] = colours[:, ~hole].mean(axis=1, dtype="f4").astype("u1")[:, None]
    return np.concatenate([colours, alpha[None]])
