"""Weirs, gates, culverts, pump stations, levees, bridges and basins: typed, checked, and drawn on the map."""
