"""What a run leaves: rasters, series, the balance, frames; and their way onto the map."""
