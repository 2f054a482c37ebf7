"""Floods over time: tiles of a moment, frames for a player, the depth at a place, series and reports."""
