"""What every kind of layer is cut into: archives in the work folder, of which the pipeline knows only this much."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from naru.errors import ArchiveDamaged
from naru.pmtiles import PMTilesReader, mapped
from naru.records import Archive, Draft, IngestReport, Tileset
from naru.style import Style

Put = Callable[[Path], Archive]  # moves a file into storage
REMEDY = "Check the disk (`naru doctor`), then run again."


class Made(Protocol):
    """One layer's archives, verified, ready to be published. Each kind of layer has a class of its own."""

    @property
    def pending(self) -> tuple[str, ...]:
        """The grids in which the layer is cut after it is published."""

    def reported(self, report: IngestReport) -> IngestReport:
        """Return the report with what became of the layer."""

    def drawn(self, draft: Draft, styles: Mapping[str, Style]) -> Draft:
        """Return the draft with a generated style; `styles` are the other layers', whose colours are taken."""

    def stored(self, put: Put) -> tuple[Archive | None, tuple[Tileset, ...]]:
        """Move the archives into storage; return the source, and the tilesets, the one to be shown first."""


def verify_tiles(path: Path, tiles: int) -> None:
    """Re-open a PMTiles archive as a server will. Raises ArchiveDamaged unless it is whole with `tiles` tiles."""
    with mapped(path) as file:
        reader = PMTilesReader(file)
        reader.check()
        if reader.header.addressed_tiles != tiles:
            message = f"{reader.header.addressed_tiles} of {tiles} tiles were written"
            raise ArchiveDamaged(message, file=path.name, remedy=REMEDY)
