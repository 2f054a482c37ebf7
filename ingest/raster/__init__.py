"""Rasters become layers: looked at, placed, cut into a pyramid of blocks and laid out as a COG on the tile grid.

Everything here except `ingest.raster.published` runs in the confined child (`ingest.sandbox`): `looking` is its
first visit (what is it, where does it lie, is it small enough), `convert` its second (the pixels).
"""
