"""Common functions: heights, coordinates, national point numbers, regions and addresses, for keys with `common`.

They answer from every layer that the key may know of, whatever the layer's own function: what is told is a height
or a name at a place, not the layer.
"""
