"""Pictures from a raster's numbers."""
