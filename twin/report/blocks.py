"""What a report is made of, whatever it is printed as. Texts are pairs: Korean, English."""

from __future__ import annotations

from dataclasses import dataclass

from twin.report.classes import Both


@dataclass(frozen=True)
class Heading:
    """A heading of a section."""

    text: Both


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: Both


@dataclass(frozen=True)
class Points:
    """A list of points."""

    items: tuple[Both, ...]


@dataclass(frozen=True)
class Table:
    """A table; numbers are texts already, and stand at the right. The first column names the row."""

    caption: Both
    head: tuple[Both, ...]
    rows: tuple[tuple[str, ...], ...]
    strong: tuple[int, ...] = ()  # rows that are sums
    wide: bool = False  # the texts are long: columns share the width by their content


@dataclass(frozen=True)
class Picture:
    """A picture: PNG, and what it shows in words."""

    png: bytes
    alt: Both
    width_px: int
    height_px: int


Block = Heading | Text | Points | Table | Picture


@dataclass(frozen=True)
class Document:
    """A report: its title, what stands under it, and its blocks in order."""

    title: Both
    subtitle: str
    blocks: tuple[Block, ...]
