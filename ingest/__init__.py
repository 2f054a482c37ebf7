"""A file becomes a map: receive, read, normalise, plan, encode, pack, publish."""
