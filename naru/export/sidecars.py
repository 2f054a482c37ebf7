"""Small files beside those formats that cannot say themselves whose they are, as the field's programs read them."""

from __future__ import annotations

import json
from collections.abc import Callable
from xml.sax.saxutils import escape

from naru.export import table
from naru.export.about import About
from naru.export.order import Goods, Order

_CSVW = "http://www.w3.org/ns/csvw"
_TYPES = {"integer": "integer", "number": "double", "boolean": "boolean", "date": "date", "datetime": "dateTime"}


def sidecar(order: Order, goods: Goods, name: str) -> tuple[str, str] | None:
    """Return name and text of the file that belongs beside `name`; None where the format says it all itself."""
    write = _WRITERS.get(order.format.name)
    return write(order, goods, name) if write else None


def _csv(order: Order, goods: Goods, name: str) -> tuple[str, str]:
    """Return the table's metadata (W3C Metadata Vocabulary for Tabular Data, 2015, §5.3)."""
    if goods.export is None:
        raise TypeError("a table is made of features")
    about, export = order.layer, goods.export
    kinds = [_TYPES.get(field.kind, "string") for field in export.fields]
    header = table.header(export).to_pylist()
    kinds += ["string"] if header[-1:] == ["WKT"] else ["double"] * (len(header) - len(kinds))
    columns = [{"titles": title, "datatype": kind} for title, kind in zip(header, kinds, strict=True)]
    texts = {"dc:title": about.title_ko, "dc:license": about.licence, "dc:source": about.attribution}
    document = {
        "@context": _CSVW,
        "url": name,
        **{key: text for key, text in texts.items() if text},
        "dc:identifier": f"{about.id} {order.version.number}",
        "dc:spatial": export.crs_label,
        "tableSchema": {"columns": columns},
    }
    return f"{name}-metadata.json", json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _tif(order: Order, _goods: Goods, name: str) -> tuple[str, str]:
    """Return GDAL's auxiliary metadata (gdal.org, PAM), which GIS programs show with the picture."""
    about = About.of(order.layer, order.version)
    items = {
        "TIFFTAG_IMAGEDESCRIPTION": about.title_ko,
        "TIFFTAG_COPYRIGHT": " ".join(text for text in (about.attribution, about.licence) if text),
        **{f"NARU_{key.upper()}": str(value) for key, value in about.members().items()},
    }
    inner = "".join(f'<MDI key="{key}">{escape(text)}</MDI>\n' for key, text in items.items() if text)
    return f"{name}.aux.xml", f"<PAMDataset>\n<Metadata>\n{inner}</Metadata>\n</PAMDataset>\n"


_WRITERS: dict[str, Callable[[Order, Goods, str], tuple[str, str]]] = {"csv": _csv, "tif": _tif}
