"""Styles as data: the palette of generated defaults and the empty map. `naru/style.py` reads them."""
