"""A raindrop becomes a flood map. The river terrain and the flood model move in here."""
