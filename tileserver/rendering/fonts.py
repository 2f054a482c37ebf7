"""Text as masks, in the font that the map page ships too: Pretendard (OFL 1.1), all Hangul syllables and Latin."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from naru.font_file import font_path

Mask = NDArray[np.uint8]
_STEP = 0.25  # pixels: sizes are rounded, so that zooms share their glyphs
_LONGEST = 200  # letters of a label
_PAD = 2  # pixels around a mask


@lru_cache(maxsize=16)
def face(size: float) -> ImageFont.FreeTypeFont:
    """Return the font at a size in pixels. The plain layout engine: the other one is not in every build."""
    return ImageFont.truetype(font_path(), size, layout_engine=ImageFont.Layout.BASIC)


def rounded(size: float) -> float:
    """Return the size that is drawn for one that is asked for."""
    return max(4.0, round(size / _STEP) * _STEP)


def plain(text: str) -> str:
    """Return what of a text can be drawn: composed letters, one line break for each, nothing that has no form."""
    return _plain(text[: 4 * _LONGEST])  # cut before it is remembered: it may have millions of letters


@lru_cache(maxsize=8192)
def _plain(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    kept = "".join(sign for sign in text if sign in " \n" or unicodedata.category(sign)[0] != "C")
    return kept.strip()[:_LONGEST]


@lru_cache(maxsize=8192)
def width(text: str, size: float) -> float:
    """Return how wide a text is, pixels."""
    return float(face(size).getlength(text))


@lru_cache(maxsize=8192)
def lines(text: str, size: float, most: float, utmost: float) -> tuple[tuple[str, ...], float]:
    """Break a text at spaces where a line would be wider than `most`, and anywhere where it is than `utmost`.

    Return the lines, and how wide the widest one is, pixels.
    """
    broken: list[str] = []
    for line in text.split("\n"):
        current = ""
        for word in line.split():
            longer = f"{current} {word}" if current else word
            if current and width(longer, size) > most:
                broken.append(current)
                current = word
            else:
                current = longer
        broken += [current] if current else []
    pieces = tuple(piece for line in broken for piece in _pieces(line, size, utmost))
    return pieces, max((width(piece, size) for piece in pieces), default=0.0)


def _pieces(line: str, size: float, utmost: float) -> list[str]:
    """Return a line in pieces of at most `utmost` pixels, as equal as may be."""
    whole = width(line, size)
    if whole <= utmost or len(line) < 2:
        return [line]
    count = -int(-whole // utmost)
    long = -(-len(line) // count)
    return [line[at : at + long].strip() for at in range(0, len(line), long)]


@dataclass(frozen=True)
class Stamp:
    """A text as two masks of one size: the letters, and these widened by the halo (None: no halo).

    `left`, `top`: where the masks' corner lies, pixels from the middle of the text.
    """

    letters: Mask
    halo: Mask | None
    left: int
    top: int


@lru_cache(maxsize=4096)
def stamp(texts: tuple[str, ...], size: float, line_height: float, halo: float) -> Stamp:
    """Return lines of text, centred, as masks; all sizes in pixels."""
    half = max(width(line, size) for line in texts) / 2
    tall = line_height * len(texts)
    margin = _PAD + int(np.ceil(halo + size * 0.3))
    columns, rows = 2 * (int(np.ceil(half)) + margin), 2 * (int(np.ceil(tall / 2)) + margin)
    letters = _mask(texts, size, line_height, 0.0, (columns, rows))
    widened = _mask(texts, size, line_height, halo, (columns, rows)) if halo > 0 else None
    return Stamp(letters, widened, -columns // 2, -rows // 2)


def _mask(texts: tuple[str, ...], size: float, line_height: float, halo: float, shape: tuple[int, int]) -> Mask:
    image = Image.new("L", shape)
    pen = ImageDraw.Draw(image)
    middle = shape[1] / 2 - line_height * (len(texts) - 1) / 2
    for number, line in enumerate(texts):
        at = (shape[0] / 2, middle + number * line_height)
        pen.text(at, line, fill=255, font=face(size), anchor="mm", stroke_width=halo)
    return np.asarray(image)


def turned(mask: Mask, degrees: float) -> Mask:
    """Return a mask turned around its middle, clockwise as seen."""
    image = Image.fromarray(mask).rotate(-degrees, Image.Resampling.BICUBIC, expand=True)
    return np.asarray(image)
