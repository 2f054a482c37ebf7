"""What reading one file may cost; the sandbox itself, in which it is read, is `naru.sandbox`."""

from __future__ import annotations

from dataclasses import dataclass

from naru.sandbox import Allowance, Answer, Sandbox, Task

__all__ = ["Answer", "Limits", "Sandbox", "Task"]


@dataclass(frozen=True)
class Limits(Allowance):
    """What reading one file may cost. Bytes, seconds and counts."""

    unpacked_bytes: int = 2 * 2**30  # of a zip
    entries: int = 1000  # of a zip or a folder
    ratio: int = 100  # unpacked to packed, of a zip beyond its first 64 MiB
    layers: int = 100
    vertices_per_feature: int = 1_000_000
    vertices_per_layer: int = 50_000_000
    raster_bytes: int = 16 * 2**30  # of a raster's pixels, unpacked
