"""Where a server listens, and the address that people are told."""

from __future__ import annotations

import pytest

from naru.listen import Listen


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8131/"),
        ("0.0.0.0", "http://127.0.0.1:8131/"),
        ("::1", "http://[::1]:8131/"),
        ("::", "http://[::1]:8131/"),
        ("map.example", "http://map.example:8131/"),
    ],
)
def test_the_address_can_be_typed_into_a_browser(host: str, url: str) -> None:
    assert Listen(host, 8131).url == url
