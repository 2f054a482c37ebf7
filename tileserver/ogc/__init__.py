"""OGC APIs under /ogc/."""
