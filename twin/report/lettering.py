"""The font of reports: the one that the map page ships, as TrueType, which printers and plots read."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from naru.font_file import font_path, font_version

_UNKNOWN = "□"


@cache
def truetype() -> Path:
    """Return the shipped font, unpacked once into Matplotlib's cache of the user: unpacking takes two seconds."""
    import matplotlib as mpl

    path = Path(mpl.get_cachedir()) / f"naru-report-{font_version()}.ttf"
    if not path.exists():
        from fontTools.ttLib import TTFont

        font = TTFont(font_path())
        font.flavor = None
        aside = path.with_name(f".{path.name}.{os.getpid()}.part")
        font.save(aside)
        aside.replace(path)
    return path


@cache
def family() -> str:
    """Make the font known to plots; return its name there."""
    from matplotlib import font_manager

    font_manager.fontManager.addfont(str(truetype()))
    name: str = font_manager.FontProperties(fname=str(truetype())).get_name()
    return name


def ready() -> Path:
    """Load all that letters need, for a process that will not be able to; return the one file that stays needed."""
    family()
    _known()
    return truetype()


@cache
def _known() -> frozenset[int]:
    from fontTools.ttLib import TTFont

    with TTFont(truetype(), lazy=True) as font:
        return frozenset(font.getBestCmap())


def printable(text: str) -> str:
    """Return a text as the font can print it: characters that it lacks are boxes, breaks are spaces.

    >>> printable("수위 5 m\\n")
    '수위 5 m'
    """
    known = _known()
    words = " ".join(text.split())
    return "".join(each if ord(each) in known else _UNKNOWN for each in words)


def label(text: str, most: int = 28) -> str:
    """Return a name for a legend or a map: printable, and short; plots would leave out one that begins with _."""
    words = printable(text)
    words = words if len(words) <= most else f"{words[: most - 1]}…"
    return f" {words}" if words.startswith("_") else words
