"""Attributions as maps show them: TileJSON and styles hold HTML there, and not every client cleans it.

Who may manage a layer, or made a file that says of itself whom to name, must not run scripts in other people's
pages. Links stay links, for that is what attributions are mostly made of; everything else becomes plain text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

_TAG = re.compile(r"<(/?)([a-zA-Z!][^<>]*)>")
_ADDRESS = re.compile(r"""^a\s[^<>]*?\bhref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"']+))""", re.IGNORECASE)
_SCHEMES = ("https://", "http://")


def credit(attributions: Iterable[str]) -> str:
    """Return attributions (plain text, or HTML of links) as HTML of text and links, each once.

    >>> credit(["© <a href='https://osm.org' onclick='x()'>OSM</a>", "A & B <script>"])
    '© <a href="https://osm.org">OSM</a>; A &amp; B '
    """
    return "; ".join(dict.fromkeys(_cleaned(text) for text in attributions if text))


def _cleaned(text: str) -> str:
    """Return the text with its links; other tags are left out, and what else means something in HTML is escaped."""
    written, inside, at = "", False, 0
    for tag in _TAG.finditer(text):
        written += _plain(text[at : tag.start()])
        at = tag.end()
        if tag[1] and inside:
            ends = tag[2].lower().split() == ["a"]
            written, inside = written + "</a>" * ends, not ends
        elif not tag[1] and not inside and (address := _address(tag[2])):
            written, inside = f'{written}<a href="{html.escape(address)}">', True
    return written + _plain(text[at:]) + "</a>" * inside


def _plain(text: str) -> str:
    return html.escape(html.unescape(text), quote=False)


def _address(tag: str) -> str:
    """Return the web address that a tag leads to, or nothing."""
    found = _ADDRESS.match(tag)
    address = html.unescape(next(filter(None, found.groups()), "")).strip() if found else ""
    return address if address.lower().startswith(_SCHEMES) else ""
