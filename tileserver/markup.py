"""XML, written as text that is escaped by construction."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from flask import Response
from markupsafe import Markup, escape

from tileserver.documents import bytes_document

DECLARATION = Markup('<?xml version="1.0" encoding="UTF-8"?>\n')
XML = "application/xml"
_NEVER = re.compile(
    "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)  # XML 1.0 §2.2 has no word for these


def element(name: str, inside: object = None, /, **attributes: object) -> Markup:
    """Return an element. `inside` is text, markup or several of either; `xlink_href` is the attribute `xlink:href`.

    >>> element("ows:Title", "A & B")
    Markup('<ows:Title>A &amp; B</ows:Title>')
    >>> element("ows:Get", xlink_href="/wmts?")
    Markup('<ows:Get xlink:href="/wmts?"/>')
    """
    told = "".join(f' {key.replace("_", ":", 1)}="{_text(value)}"' for key, value in attributes.items())
    content = _content(inside)
    written = f"<{name}{told}>{content}</{name}>" if content else f"<{name}{told}/>"
    return Markup(written)  # noqa: S704 (all that is in it has been escaped)


def document(root: Markup, *, shared: bool, media_type: str = XML) -> Response:
    """Return a whole XML document; `shared` when every caller would get the same."""
    return bytes_document((DECLARATION + root).encode(), shared=shared, media_type=media_type)


def _content(inside: object) -> str:
    if inside is None:
        return ""
    if isinstance(inside, Iterable) and not isinstance(inside, str | Mapping):
        return "".join(_text(part) for part in inside)
    return _text(inside)


def _text(value: object) -> str:
    return value if isinstance(value, Markup) else escape(_NEVER.sub("�", str(value)))
