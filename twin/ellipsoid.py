"""The ellipsoid of WGS 84, and places on it in earth-centred coordinates."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

A_M = 6_378_137.0  # semi-major axis, metres: NGA.STND.0036
_F = 1 / 298.257223563
B_M = A_M * (1 - _F)  # semi-minor axis
_E2 = _F * (2 - _F)


def geocentric(lon: Any, lat: Any, height: Any) -> npt.NDArray[np.float64]:
    """Return earth-centred, earth-fixed metres (EPSG:4978), (…, 3), of degrees and ellipsoidal metres (EPSG:4979).

    EPSG Guidance Note 7-2 §4.1.1, method 9602.

    >>> geocentric(0.0, 0.0, 10.0).tolist()
    [6378147.0, 0.0, 0.0]
    """
    lam, phi = np.radians(lon), np.radians(lat)
    normal = A_M / np.sqrt(1 - _E2 * np.sin(phi) ** 2)
    flat = (normal + height) * np.cos(phi)
    return np.stack([flat * np.cos(lam), flat * np.sin(lam), (normal * (1 - _E2) + height) * np.sin(phi)], axis=-1)
