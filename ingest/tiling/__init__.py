"""Vector tilesets from GeoParquet sources."""

from ingest.tiling.engine import build_tileset
from ingest.tiling.options import TilingOptions, TilingResult, ZoomRules

__all__ = ["TilingOptions", "TilingResult", "ZoomRules", "build_tileset"]
