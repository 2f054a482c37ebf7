"""The font of pictures and of `/fonts/`: the file that the map page ships. Light: nothing is loaded here."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

NAME = "Pretendard Regular"
_FONT = "assets/Pretendard-Regular-"


@cache
def font_path() -> str:
    """Return where the font lies: among the page's files, under a name that changes with its content."""
    return str(files("tileserver") / "static" / _font()[0])


@cache
def font_version() -> str:
    """Return what the font's content is called."""
    return _font()[1]


def _font() -> tuple[str, str]:
    manifest = (files("tileserver") / "static" / "manifest.json").read_text("utf-8")
    shipped = json.loads(manifest)["files"]
    return next((name, facts["sha256"][:12]) for name, facts in shipped.items() if name.startswith(_FONT))
