"""The report of a run, for planners: HTML and PDF."""
