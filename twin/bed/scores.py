"""How well each method finds a section again that was left out, and which method to use."""

from __future__ import annotations

from twin.bed.records import METHODS, Score
from twin.survey.records import Survey


def leave_one_out(survey: Survey, methods: tuple[str, ...] = METHODS) -> tuple[Score, ...]:
    """Return each method's errors at sections left out in turn; the first and last of a reach stay.

    Empty where no reach has three sections.
    """
    raise NotImplementedError


def choose(scores: tuple[Score, ...]) -> str:
    """Return the method to use; the simpler one unless a better one is clearly better."""
    raise NotImplementedError
