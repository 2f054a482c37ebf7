"""Runs: one scenario from file to result, kept so that a killed one goes on; and ensembles of them."""
