"""Quotas and rates: how often a key may ask."""
