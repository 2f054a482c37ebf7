"""Counts what a raster's values are while they pass by: exact extremes and mean, percentiles of a sample."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[Any]
_SAMPLE = 200_000  # values a band
_EACH = 4096  # values a window; every odd-numbered one, so that no column is always met


class Tally:
    """Statistics of each band over the valid pixels. Thread-safe."""

    def __init__(self, bands: int, nodata: float | None) -> None:
        self.bands, self.nodata = bands, nodata
        self._lock = threading.Lock()
        self._low, self._high = [np.inf] * bands, [-np.inf] * bands
        self._sum, self._count = [0.0] * bands, [0] * bands
        self._samples: list[list[Pixels]] = [[] for _ in range(bands)]

    @property
    def valid(self) -> int:
        """How many pixels of the first band have a value."""
        return self._count[0]

    def add(self, pixels: Pixels) -> None:
        """Count a window; a fourth band beyond `bands` is alpha."""
        seen = pixels[3] > 0 if len(pixels) > self.bands else None
        found = [self._of(band, seen) for band in pixels[: self.bands]]
        with self._lock:
            for number, values in enumerate(found):
                if values.size:
                    self._take(number, values)

    def _of(self, band: Pixels, seen: Pixels | None) -> Pixels:
        if seen is not None:
            return band[seen]
        return band.ravel() if self.nodata is None else band[band != self.nodata]

    def _take(self, number: int, values: Pixels) -> None:
        self._low[number] = min(self._low[number], float(values.min()))
        self._high[number] = max(self._high[number], float(values.max()))
        self._sum[number] += float(values.sum(dtype=np.float64))
        self._count[number] += values.size
        self._samples[number].append(values[:: values.size // _EACH | 1].copy())

    def result(self) -> list[dict[str, float | None]]:
        """Return min, max, mean, p2, p98 of each band; None where no pixel has a value."""
        return [self._result(number) for number in range(self.bands)]

    def _result(self, number: int) -> dict[str, float | None]:
        if not self._count[number]:
            return dict.fromkeys(("min", "max", "mean", "p2", "p98"))
        sample = np.concatenate(self._samples[number])
        p2, p98 = np.percentile(sample[:: sample.size // _SAMPLE | 1].astype(np.float64), [2, 98])
        mean = self._sum[number] / self._count[number]
        return {
            "min": self._low[number],
            "max": self._high[number],
            "mean": mean,
            "p2": float(p2),
            "p98": float(p98),
        }
