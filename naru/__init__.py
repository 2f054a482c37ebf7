"""What all rooms share: errors, settings, records, grids, archives, storage, catalogue, jobs, the command."""

__version__ = "0.1.0"
