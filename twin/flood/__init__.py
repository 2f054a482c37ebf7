"""The flood: water on a raster of square cells, moved by a scheme, fed by actors, counted in a ledger."""
