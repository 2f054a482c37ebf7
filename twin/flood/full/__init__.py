"""The full shallow-water equations: a well-balanced, positivity-preserving finite-volume scheme on square cells."""
