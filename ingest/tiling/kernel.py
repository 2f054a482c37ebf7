"""How the numeric loops of the tiling engine are compiled."""

from __future__ import annotations

from naru.kernel import Function, inner, kernel

__all__ = ["Function", "inner", "kernel"]
