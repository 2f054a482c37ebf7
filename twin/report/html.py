"""A report as one HTML page that needs nothing else: pictures lie in it."""

from __future__ import annotations

from base64 import b64encode
from html import escape

from twin.report.blocks import Block, Document, Heading, Picture, Points, Table, Text
from twin.report.classes import Both

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.6 system-ui, 'Apple SD Gothic Neo', 'Malgun Gothic', sans-serif; color: #1b1f24;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; margin-bottom: 0; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #c9d1d9; }
.en { color: #57606a; } .under { color: #57606a; margin-top: 0; }
img { max-width: 100%; height: auto; display: block; margin: 1rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-size: .92rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { border-bottom: 1px solid #d8dee4; padding: .3rem .6rem; text-align: right; vertical-align: top; }
thead th { font-weight: 500; color: #57606a; white-space: nowrap; vertical-align: bottom; }
tbody th { font-weight: 400; }
th:first-child { text-align: left; overflow-wrap: anywhere; min-width: 7rem; max-width: 22rem; }
table.wide { width: 100%; }
table.wide td, table.wide th { text-align: left; overflow-wrap: anywhere; min-width: 7rem; }
tr.strong td, tr.strong th { font-weight: 600; border-top: 1px solid #1b1f24; }
h1, p, li { overflow-wrap: anywhere; }
h1 .en { display: block; font-size: 1.1rem; font-weight: 500; }
@media (max-width: 40rem) {
  table { font-size: .8rem; }
  th, td { padding: .25rem .3rem; }
  thead th { white-space: normal; }
  th:first-child { min-width: 4.5rem; max-width: 9rem; }
  table.wide { table-layout: fixed; }
  table.wide td, table.wide th { min-width: 0; }
}
@media print { h2 { break-after: avoid; } img, table { break-inside: avoid; } }
"""


def render(document: Document) -> str:
    """Return the page."""
    ko, en = document.title
    body = "\n".join(_block(block) for block in document.blocks)
    return (
        f'<!doctype html>\n<html lang="ko">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(ko)}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{_both((ko, en))}</h1>\n"
        f'<p class="under">{escape(document.subtitle)}</p>\n{body}\n</main>\n</body>\n</html>\n'
    )


def _block(block: Block) -> str:
    match block:
        case Heading(text):
            return f"<h2>{_both(text)}</h2>"
        case Text(text):
            return f"<p>{_both(text, '<br>')}</p>"
        case Points(items):
            return "<ul>" + "".join(f"<li>{_both(item, '<br>')}</li>" for item in items) + "</ul>"
        case Table():
            return _table(block)
        case Picture(png, alt, width, height):
            data = b64encode(png).decode("ascii")
            words = escape(" · ".join(dict.fromkeys(alt)), quote=True)
            return f'<img src="data:image/png;base64,{data}" alt="{words}" width="{width}" height="{height}">'


def _table(table: Table) -> str:
    caption = f"<caption>{_both(table.caption)}</caption>" if any(table.caption) else ""
    head = "".join(f'<th scope="col">{_both(text, "<br>")}</th>' for text in table.head)
    rows = "".join(_row(row, number in table.strong) for number, row in enumerate(table.rows))
    kind = ' class="wide"' if table.wide else ""
    inner = f"{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
    return f'<div class="scroll"><table{kind}>{inner}</table></div>'


def _row(row: tuple[str, ...], is_strong: bool) -> str:
    first, rest = escape(row[0]), "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
    return f'<tr{" class=strong" if is_strong else ""}><th scope="row">{first}</th>{rest}</tr>'


def _both(text: Both, between: str = " ") -> str:
    ko, en = text
    if not en or en == ko:
        return escape(ko)
    return f'{escape(ko)}{between}<span class="en" lang="en">{escape(en)}</span>'
