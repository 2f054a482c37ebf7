"""Styled vector layers as pictures, for clients that cannot draw them; in processes of their own."""
