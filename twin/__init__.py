"""A raindrop becomes a flood map: the river's terrain is here, the flood model moves in.

The way of a survey to a terrain, in the order of `terrain.make_terrain`: `spec` (the file that planners write) →
`survey/` (cross-sections, centre lines, banks) and `ground` → `obstacles` → `bed/` (between the sections) →
`burn`, with the steps in `burning/` → `parts` and `rasters` (files) → published by the job of kind "together".
Beside it: `datum` and `crs` (no height or place without them), `facilities/` (gates, pumps, levees), `mesh/`
(quantized-mesh, closed solids), `models/` (3D Tiles). What ends in `_command` is typed, and runs as a job.
"""
