"""The font of reports: the one that the map page ships, as TrueType, which printers and plots read."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from naru.font_file import font_path


@cache
def truetype() -> Path:
    """Return the shipped font unpacked into a file that is removed when the process ends."""
    from fontTools.ttLib import TTFont

    folder = Path(tempfile.mkdtemp(prefix="naru-font-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    font = TTFont(font_path())
    font.flavor = None
    path = folder / "report.ttf"
    font.save(path)
    return path


@cache
def family() -> str:
    """Make the font known to plots; return its name there."""
    from matplotlib import font_manager

    font_manager.fontManager.addfont(str(truetype()))
    name: str = font_manager.FontProperties(fname=str(truetype())).get_name()
    return name
