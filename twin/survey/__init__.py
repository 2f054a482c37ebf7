"""What was measured of a river: cross-sections, centre line, banks, soundings; read, put in order, checked."""
