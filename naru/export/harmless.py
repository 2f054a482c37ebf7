"""Texts that stay texts in Excel: no formulas in CSV, no markup in XLSX. Light: loads no pyarrow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

FORMULA = "^[=+\\-@\\t\\r\\n＝＋－＠]"  # how a text begins that a spreadsheet may take for a formula


def harmless(text: str) -> str:
    """Return a text as a cell of CSV that is no formula (OWASP, CSV injection).

    >>> harmless("=1+1"), harmless("강남구")
    ("'=1+1", '강남구')
    """
    return f"'{text}" if re.match(FORMULA, text) else text


def put_text(sheet: Worksheet, at: tuple[int, int], text: str, style: Format | None = None) -> None:
    """Write a text and nothing else, whatever it looks like.

    XlsxWriter takes `<r>…</r>` for markup of its own and would not escape it; handed over in pieces, it does.
    It escapes control characters, but not the two others that XML 1.0 §2.2 forbids: those become U+FFFD.
    """
    if "\ufffe" in text or "\uffff" in text:
        text = text.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
    if text.startswith("<r>") and text.endswith("</r>"):
        sheet.write_rich_string(*at, text[:1], text[1:2], text[2:], *([style] if style else []))
    else:
        sheet.write_string(*at, text, style)
