"""Laws of structures: pure functions on numbers, each with its equation and where it comes from."""
