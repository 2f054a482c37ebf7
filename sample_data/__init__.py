"""The sample city: real boundaries of Seoul in the files that GIS staff really have, and tables of facts."""
