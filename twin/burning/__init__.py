"""The bed is burnt into the ground: banks, levees, bridges, buildings, roughness, water, and what came from where.

Plain functions on arrays: none opens a file, keeps a state or says a word.
"""
