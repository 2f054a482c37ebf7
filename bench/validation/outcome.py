"""What a case showed: figures beside what they should be, and pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One number beside its limit. A limit of None is not judged: the number is shown for comparison."""

    name: str
    value: float
    unit: str = ""
    most: float | None = None
    least: float | None = None
    reference: str = ""  # what it is held against, in words

    @property
    def met(self) -> bool | None:
        """Whether it lies within its limits; None where it has none."""
        if self.most is None and self.least is None:
            return None
        return (self.most is None or self.value <= self.most) and (self.least is None or self.value >= self.least)


@dataclass
class Outcome:
    """A case, run."""

    name: str
    title: str
    source: str  # who published it
    words: str  # what it is, what is seen
    figures: list[Figure] = field(default_factory=list)
    pictures: list[tuple[Path, str]] = field(default_factory=list)  # file, what it shows
    skipped: str = ""  # why it was not run

    @property
    def met(self) -> bool:
        """Whether all figures with limits are within them."""
        return all(figure.met is not False for figure in self.figures)
