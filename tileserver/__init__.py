"""A request becomes a tile: parse, identify, admit, resolve, fetch, respond."""
