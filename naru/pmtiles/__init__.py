"""PMTiles version 3 archives: read through one callable, written aside in one pass."""

from naru.pmtiles.header import Header
from naru.pmtiles.hilbert import tile_id, tile_of
from naru.pmtiles.reader import PMTilesReader, mapped
from naru.pmtiles.writer import About, PMTilesWriter, Written

__all__ = ["About", "Header", "PMTilesReader", "PMTilesWriter", "Written", "mapped", "tile_id", "tile_of"]
