"""Features of a layer, read from its source archive: chosen, counted, moved into another coordinate system.

Nothing heavy is imported here: `selection` and `systems` are light, `source` loads pyarrow and shapely.
"""
