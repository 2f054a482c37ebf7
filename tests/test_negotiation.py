"""`Accept`: which type a caller likes best."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tileserver.negotiation import best_type

TYPES = ["image/webp", "image/png", "image/jpeg"]


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", "image/webp"),
        ("*/*", "image/webp"),
        ("image/*", "image/webp"),
        ("image/png", "image/png"),
        ("IMAGE/PNG", "image/png"),
        ("image/png;q=0.5, image/jpeg;q=0.7", "image/jpeg"),
        ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", "image/webp"),  # Chromium
        ("image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5", "image/png"),  # Firefox
        ("image/webp;q=0, image/*", "image/png"),  # refused by name
        ("*/*;q=0.1, image/jpeg", "image/jpeg"),
        ("image/png ; q=1.000", "image/png"),
        ("image/png;version=1;q=0.9, image/webp;q=0.8", "image/png"),
        ("text/html, image/png;q=2, */*;q=0.1", "image/webp"),  # a weight beyond 1 is malformed
        (", ,image/png,,", "image/png"),
        ("text/html", None),
        ("image/png;q=0", None),
        ("*/png", None),
        ("image", None),
    ],
)
def test_the_best_type_is_chosen_by_weight_then_by_our_order(accept: str, wanted: str | None) -> None:
    assert best_type(accept, TYPES) == wanted


@given(st.text(max_size=200))
def test_any_header_gets_a_type_of_ours_or_none(accept: str) -> None:
    assert best_type(accept, TYPES) in {*TYPES, None}
