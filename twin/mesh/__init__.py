"""Surfaces of triangles: terrain tiles for 3D globes, the river bed as a solid, surfaces for CAD."""
