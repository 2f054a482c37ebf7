"""Tilesets that come ready-made (MBTiles, PMTiles) become layers: every tile looked at, renamed, kept as it is.

`sources` opens them, `tiles` looks at one tile, `taking` is what runs in the confined child.
"""
