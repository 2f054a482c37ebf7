"""Names and addresses as words that can be searched: Hangul in pairs of syllables, numbers and Latin words whole.

Pairs find a part of a word ("역삼" in 역삼동) without a dictionary; whole numbers keep 12 from finding 120.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

LONGEST_TEXT = 200  # characters of a name or an address that are looked at
APART = "ꀀ"  # a letter of no Korean or English text, between texts that must not run into each other
_RUNS = re.compile(r"[가-힣]+|[0-9]+|[^\W\d_가-힣]+")


def tokens(text: str) -> list[str]:
    """Return the words of a text, in order.

    >>> tokens("서울 역삼동 12-3"), tokens("Han R.")
    (['서울', '역삼', '삼동', '12', '3'], ['han', 'r'])
    """
    plain = unicodedata.normalize("NFKC", text[:LONGEST_TEXT]).casefold()
    return [token for run in _RUNS.findall(plain) for token in _split(run)]


def _split(run: str) -> list[str]:
    if "가" <= run[0] <= "힣" and len(run) > 2:
        return [run[at : at + 2] for at in range(len(run) - 1)]
    return [run]


def phrases(text: str) -> list[str]:
    """Return what a query asks for, each word of it as an FTS5 phrase; numbers whole, other words from their start.

    >>> phrases("강남구 역삼 12")
    ['"강남 남구" *', '"역삼" *', '"12"']
    """
    found = []
    for word in text.split():
        parts = tokens(word)
        if parts:
            found.append(f'"{" ".join(parts)}"' + ("" if parts[-1].isdigit() else " *"))
    return found


def likeness(one: str, other: str) -> float:
    """Return how alike two texts are, 0 to 1: Dice's coefficient of their letters and whole numbers.

    >>> likeness("강남구 역삼동", "역삼동, 강남구"), likeness("역삼", "역삼동"), likeness("12", "120")
    (1.0, 0.8, 0.0)
    """
    letters, others = _letters(one), _letters(other)
    total = letters.total() + others.total()
    return 2 * (letters & others).total() / total if total else 0.0


def _letters(text: str) -> Counter[str]:
    plain = unicodedata.normalize("NFKC", text[:LONGEST_TEXT]).casefold()
    return Counter(sign for run in _RUNS.findall(plain) for sign in ([run] if run.isdigit() else run))
