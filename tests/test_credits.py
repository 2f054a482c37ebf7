"""Attributions in documents whose readers take them for HTML."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tileserver.credits import credit

LINK = '<a href="https://osm.org/copyright">OSM</a>'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("© 서울특별시", "© 서울특별시"),
        ("A & B < C", "A &amp; B &lt; C"),
        ("&copy; A &amp; B", "© A &amp; B"),
        (f"© {LINK}", f"© {LINK}"),
        ("© <A class=x HREF='https://osm.org/copyright' onclick=x() >OSM</A >", f"© {LINK}"),
        ("<a href=https://osm.org/copyright>OSM", LINK),
        ('<a href="javascript:alert(1)">a</a>', "a"),
        ('<a href="&#106;avascript:alert(1)">a</a>', "a"),
        ("<img src=x onerror=alert(1)>서울<script>alert(1)</script>", "서울alert(1)"),
        ("&lt;img src=x onerror=alert(1)&gt;", "&lt;img src=x onerror=alert(1)&gt;"),
        ('<a href="https://x/&quot; onclick=&quot;y">a</a>', '<a href="https://x/&quot; onclick=&quot;y">a</a>'),
        ("<![x[ <!-- --> <<b>>", "&lt;![x[  &lt;&gt;"),
    ],
)
def test_links_and_text_are_left(text: str, shown: str) -> None:
    assert credit([text]) == shown


def test_each_is_named_once() -> None:
    assert credit(["서울", "", "서울", LINK]) == f"서울; {LINK}"


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, list[str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, [name for name, _ in attrs]))


_SCRAPS = st.lists(
    st.sampled_from(
        ["<", ">", "a", " ", "href=", "https://x", '"', "'", "/", "&lt;", "&#x3c;", "script", "onload=x", "!--"]
    )
)


@given(_SCRAPS.map("".join))
def test_no_tag_but_plain_links_comes_out(text: str) -> None:
    reader = _Tags()
    reader.feed(credit([text]))
    assert all(seen == ("a", ["href"]) for seen in reader.seen)
