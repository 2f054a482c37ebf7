"""A layer goes out again: as shapefile, GeoJSON, KML, CSV, Excel, GeoPackage, GeoParquet, or its tiles and pixels.

`formats` is light; everything else here is imported on first use (pyarrow, shapely).
"""
