"""`make bench`: every measurement, one after the other; exits 1 when one misses its limit."""

from __future__ import annotations

import subprocess
import sys

PARTS = (
    "bench.vector",
    "bench.delta",
    "bench.grids",
    "bench.raster",
    "bench.mesh",
    "bench.raster_serve",
    "bench.rendering",
    "bench.export",
    "bench.quota",
    "bench.identify",
    "bench.serve",
    "bench.bed",
    "bench.flood",
    "bench.flood_ensemble",
)


def main() -> int:
    """Run each part in a process of its own, so that none warms the next."""
    missed = []
    for part in PARTS:
        print(f"\n## {part}\n", flush=True)
        if subprocess.run([sys.executable, "-m", part], check=False).returncode:
            missed.append(part)
    if missed:
        print(f"\nbeyond its limit: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
