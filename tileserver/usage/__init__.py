"""Usage: who asked for what, counted minute by minute, summed up by hour, day and month."""
