"""What was put right in a survey, gathered so that a hundred sections give one warning and not a hundred."""

from __future__ import annotations

from collections.abc import Iterator

_SHOWN = 6


class Notes:
    """Warnings, in order; those of the same words name their sections together."""

    def __init__(self) -> None:
        self._of: dict[str, list[str]] = {}

    def add(self, words: str, section: str | None = None) -> None:
        """Note a warning; `words` end so that ": A1, A2" may follow where it is about sections."""
        named = self._of.setdefault(words, [])
        if section is not None and section not in named:
            named.append(section)

    def __iter__(self) -> Iterator[str]:
        """Yield the warnings."""
        for words, named in self._of.items():
            more = f" … ({len(named)} in all)" if len(named) > _SHOWN else ""
            yield f"{words}: {', '.join(named[:_SHOWN])}{more}" if named else words
