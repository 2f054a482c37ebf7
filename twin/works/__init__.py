"""Structures in the water: weirs, gates, culverts, pumps, levees and their breaches, drains."""
