"""Water from above and beside: rain, infiltration, inflows, series at the boundaries."""
