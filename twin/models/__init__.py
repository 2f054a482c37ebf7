"""Buildings and facilities become 3D models: 3D Tiles 1.1 in one archive, made of glTF 2.0 with feature ids."""
