"""Where the sun of shaded reliefs stands. Light to import; `naru/relief.py` computes with it."""

from __future__ import annotations

from typing import NamedTuple


class Sun(NamedTuple):
    """From where ground is lit: by default from the north-west, as on printed maps."""

    azimuth: float = 315.0  # degrees clockwise from north
    altitude: float = 45.0  # degrees above the horizon


SUN = Sun()
