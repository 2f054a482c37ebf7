"""Names and addresses as words that can be searched: Hangul in pairs of syllables, numbers and Latin words whole.

Pairs find a part of a word ("역삼" in 역삼동) without a dictionary; whole numbers keep 12 from finding 120.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

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


class Phrase(NamedTuple):
    """A word of a query as the words that must follow each other; `open`: the last one may go on."""

    words: tuple[str, ...]
    open: bool

    @property
    def expression(self) -> str:
        """What asks FTS5 for it."""
        return f'"{" ".join(self.words)}"' + (" *" if self.open else "")

    def is_in(self, texts: Iterable[str]) -> bool:
        """Tell whether one of the texts holds it."""
        return any(self._begins(found[at:]) for found in map(tokens, texts) for at in range(len(found)))

    def _begins(self, found: Sequence[str]) -> bool:
        *whole, last = self.words
        if len(found) <= len(whole) or list(found[: len(whole)]) != whole:
            return False
        return found[len(whole)].startswith(last) if self.open else found[len(whole)] == last


def phrases(text: str) -> list[Phrase]:
    """Return what a query asks for: each word of it; Latin words and lone syllables may go on.

    >>> [phrase.expression for phrase in phrases("강남구 역 12 jong")]
    ['"강남 남구"', '"역" *', '"12"', '"jong" *']
    """
    found = (tuple(tokens(word)) for word in text.split())
    return [Phrase(words, _may_go_on(words)) for words in found if words]


def _may_go_on(words: Sequence[str]) -> bool:
    """Tell whether the last word may be the beginning of one; pairs of syllables need not, for they overlap."""
    last = words[-1]
    if "가" <= last[0] <= "힣":
        return len(words) == len(last) == 1
    return not last.isdigit()


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
