"""How facilities are drawn: a colour and a width by type, the same on the map and in its legend."""

from __future__ import annotations

from typing import Any

from twin.facilities.types import TYPES
from twin.facilities.writing import kind_words

# colour; width of lines and size of points, as the map's generated styles count them
_LOOKS = {
    "weir": ("#0b4f9c", 5.0, 1.4),
    "sluice_gate": ("#c2185b", 6.0, 1.5),
    "culvert": ("#7b4b2a", 4.0, 1.2),
    "pump_station": ("#e65100", 2.0, 1.8),
    "levee": ("#6b8e23", 3.0, 1.0),
    "bridge": ("#5f6368", 7.0, 1.2),
    "retention_basin": ("#00838f", 2.0, 1.6),
}


def symbols() -> dict[str, Any]:
    """Return the layer's symbols by type, in the shape that `naru.symbols.parse` checks."""
    drawn = {
        kind_words(TYPES[name]): {
            "line_color": colour,
            "fill_color": colour,
            "point_color": colour,
            "line_width": width,
            "point_scale": scale,
            "fill_opacity": 0.45,
        }
        for name, (colour, width, scale) in _LOOKS.items()
    }
    return {"field": "kind", "symbols": drawn}
