"""What the twin makes, served: terrain meshes, 3D models, river-bed solids, cross-sections."""
