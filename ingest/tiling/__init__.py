"""Vector tilesets from GeoParquet sources."""

from ingest.tiling.engine import Engine, build_tileset
from ingest.tiling.options import TilingOptions, TilingResult, ZoomRules

__all__ = ["Engine", "TilingOptions", "TilingResult", "ZoomRules", "build_tileset"]
