"""Of what things are made, and which colour that has: models show what is known, not how things look."""

from __future__ import annotations

from typing import Any

_COLOURS = {  # kind: linear red, green, blue (glTF 2.0 §3.9.2), roughness, metalness
    "wall": (0.69, 0.66, 0.60, 0.9, 0.0),
    "roof": (0.55, 0.50, 0.45, 0.9, 0.0),
    "concrete": (0.52, 0.53, 0.52, 0.9, 0.0),
    "pier": (0.42, 0.43, 0.44, 0.9, 0.0),
    "footing": (0.30, 0.29, 0.27, 1.0, 0.0),
    "steel": (0.05, 0.19, 0.42, 0.5, 0.6),
    "failed": (0.62, 0.06, 0.04, 0.6, 0.2),
    "earth": (0.19, 0.29, 0.10, 1.0, 0.0),
    "deck": (0.22, 0.23, 0.25, 0.8, 0.0),
    "building": (0.72, 0.55, 0.30, 0.9, 0.0),
    "basin": (0.10, 0.32, 0.38, 0.9, 0.0),
}
KINDS = tuple(_COLOURS)


def material(kind: str) -> dict[str, Any]:
    """Return the glTF material of a kind; raises KeyError for one that there is not."""
    red, green, blue, rough, metal = _COLOURS[kind]
    surface = {"baseColorFactor": [red, green, blue, 1.0], "metallicFactor": metal, "roughnessFactor": rough}
    return {"name": kind, "pbrMetallicRoughness": surface}
