"""How a breach of a levee grows: by a given time, or by the flow that erodes it."""

from __future__ import annotations

import math

GRAVITY = 9.80665  # m/s²
_F1, _F2 = 1.3, 0.04  # of B(t) with t in hours
_HOUR_S = 3600.0


def even(elapsed_s: float, duration_s: float) -> float:
    """Return how far a breach has grown, 0 to 1, evenly over a time; at once where that is 0.

    >>> even(1800.0, 3600.0), even(0.0, 0.0), even(-1.0, 0.0)
    (0.5, 1.0, 0.0)
    """
    if elapsed_s < 0:
        return 0.0
    return 1.0 if elapsed_s >= duration_s else elapsed_s / duration_s


def widening(head_m: float, elapsed_s: float, critical_velocity_m_s: float) -> float:
    """Return how fast a breach widens under a head, m/s, so long after its bottom was reached.

    dB/dt = (f1·f2/ln 10) · (g·ΔH)^1.5 / uc² / (1 + f2·g·t/uc) in metres an hour, t in hours: the time derivative of
    B = f1·g^0.5·ΔH^1.5/uc · log10(1 + f2·g·t/uc), f1 = 1.3, f2 = 0.04 (Verheij & Van der Knaap 2003, Modification
    breach growth model in HIS-OM, WL | Delft Hydraulics Q3299). The formula is no equation of units: its hours are
    those of Deltares' D-Flow FM (Dambreak.f90, `hoursToSeconds`), against which the numbers were held. uc is the
    soil's critical velocity: sand 0.2, good clay 0.5–0.7 m/s.

    >>> round(3600.0 * widening(3.0, 0.0, 0.2), 1)
    90.1
    """
    if head_m <= 0:
        return 0.0
    drive = math.pow(GRAVITY * head_m, 1.5) / (critical_velocity_m_s * critical_velocity_m_s)
    slower = 1 + _F2 * GRAVITY * max(elapsed_s, 0.0) / _HOUR_S / critical_velocity_m_s
    return _F1 * _F2 / math.log(10) * drive / slower / _HOUR_S


def width_after(head_m: float, elapsed_s: float, critical_velocity_m_s: float) -> float:
    """Return by how much a breach has widened under a head that stays the same, m: `widening`, integrated.

    >>> round(width_after(3.0, 3600.0, 0.2), 1)
    49.9
    """
    drive = _F1 * math.sqrt(GRAVITY) * math.pow(max(head_m, 0.0), 1.5) / critical_velocity_m_s
    return drive * math.log10(1 + _F2 * GRAVITY * elapsed_s / _HOUR_S / critical_velocity_m_s)
