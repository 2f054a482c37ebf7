"""A river that does not exist, and its survey: what a terrain is made from, and the truth to measure it by."""
