"""The tiling stage alone, in a process of its own: `python -m bench.stage SOURCE.parquet TARGET.pmtiles`."""

from __future__ import annotations

import sys
from pathlib import Path

from ingest.tiling import TilingOptions, build_tileset


def main() -> None:
    """Build z0–14 with all features kept."""
    options = TilingOptions(layer="buildings", maxzoom=14, keep_all=True)
    build_tileset(Path(sys.argv[1]), Path(sys.argv[2]), options, lambda share, message: None)


if __name__ == "__main__":
    main()
