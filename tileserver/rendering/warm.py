"""Compile what draws pictures before anyone waits for it: `python -m tileserver.rendering.warm`."""

from __future__ import annotations

from tileserver.rendering.child import warm

if __name__ == "__main__":
    warm()
