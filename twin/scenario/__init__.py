"""The scenario file: read strictly, assembled into a domain, actors and a plan."""
