"""The tiling stage alone, in a process of its own.

python -m bench.stage SOURCE.parquet TARGET.pmtiles [PREVIOUS.pmtiles]
"""

from __future__ import annotations

import sys
from pathlib import Path

from ingest.tiling import TilingOptions, build_tileset


def main() -> None:
    """Build z0–14 with all features kept; print how many tiles there are and how many come from PREVIOUS."""
    source, target, *previous = map(Path, sys.argv[1:])
    options = TilingOptions(layer="buildings", maxzoom=14, keep_all=True)
    result = build_tileset(source, target, options, lambda share, message: None, *previous)
    print(result.tiles, result.kept)


if __name__ == "__main__":
    main()
