"""Tile Map Service 1.0.0 (OSGeo): the same tiles with rows counted from the south."""
