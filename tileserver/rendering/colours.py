"""Colours as styles write them (CSS Color 4, the parts that MapLibre reads): red, green, blue, alpha in 0 … 1."""

from __future__ import annotations

import colorsys
import re
from functools import lru_cache

Colour = tuple[float, float, float, float]
_HEX = re.compile(r"#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})")
_CALL = re.compile(r"(rgb|hsl)a?\(([^()]*)\)")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(%|deg)?")
_NAMED = {"transparent": (0.0, 0.0, 0.0, 0.0)}


@lru_cache(maxsize=1024)
def parse(text: str) -> Colour:
    """Return the colour that `text` names.

    Raises ValueError for anything that names none.

    >>> parse("#ff0000"), parse("rgba(0, 0, 255, 0.5)")
    ((1.0, 0.0, 0.0, 1.0), (0.0, 0.0, 1.0, 0.5))
    """
    text = text.strip().lower()
    if found := _HEX.fullmatch(text):
        return _from_hex(found[1])
    if found := _CALL.fullmatch(text):
        return _from_call(found[1], found[2])
    return _NAMED.get(text) or _from_name(text)


def _from_hex(digits: str) -> Colour:
    if len(digits) <= 4:
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue, alpha = bytes.fromhex(digits.ljust(8, "f"))
    return red / 255, green / 255, blue / 255, alpha / 255


def _from_call(model: str, inside: str) -> Colour:
    words = [word for word in re.split(r"[\s,/]+", inside.strip()) if word]
    if len(words) not in (3, 4) or not all(_NUMBER.fullmatch(word) for word in words):
        raise ValueError(f"no colour: {model}({inside})"[:80])
    alpha = _clamped(_value(words[3], 1.0)) if len(words) == 4 else 1.0
    if model == "rgb":
        red, green, blue = (_clamped(_value(word, 255.0)) for word in words[:3])
    else:
        hue, saturation, light = float(words[0].removesuffix("deg").rstrip("%")), *words[1:3]
        red, green, blue = colorsys.hls_to_rgb(hue % 360 / 360, _share(light), _share(saturation))
    return red, green, blue, alpha


def _value(word: str, whole: float) -> float:
    return float(word[:-1]) / 100 if word.endswith("%") else float(word.removesuffix("deg")) / whole


def _share(word: str) -> float:
    return _clamped(float(word.rstrip("%").removesuffix("deg")) / 100)


def _clamped(value: float) -> float:
    return min(1.0, max(0.0, value))


def _from_name(text: str) -> Colour:
    from PIL import ImageColor

    named = ImageColor.colormap.get(text)
    if named is None:
        raise ValueError(f"no colour: {text}"[:80])
    digits = named[1:] if isinstance(named, str) else bytes(named).hex()
    return _from_hex(digits)
