"""A layer's next version cuts only the tiles that change: which archive the others come from, and what is said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from naru.errors import ArchiveDamaged
from naru.house import House
from naru.records import Archive, Version


@dataclass(frozen=True)
class TilesBefore:
    """The archive of the live version, and that version's number. `archive` is None where it cannot be used."""

    number: int
    archive: Path | None
    damaged: bool = False

    @property
    def warnings(self) -> list[str]:
        """What an operator should look at."""
        if not self.damaged:
            return []
        return [f"all tiles were cut: the archive of version {self.number} is damaged, see `naru verify`"]


def nothing_before(grid: str) -> TilesBefore | None:
    """Return None: there is no version before."""
    return None


def tiles_before(house: House, version: Version | None, grid: str) -> TilesBefore | None:
    """Return a version's vector tiles in a grid, if it has any; the archive is re-hashed before it is trusted."""
    if version is None:
        return None
    for tileset in version.tilesets:
        if tileset.tile_matrix_set == grid and tileset.tile_type == "mvt":
            return _verified(house, version.number, tileset.archive)
    return None


def _verified(house: House, number: int, archive: Archive) -> TilesBefore:
    try:
        house.storage.verify(archive)
    except ArchiveDamaged:
        return TilesBefore(number, None, damaged=True)
    return TilesBefore(number, house.storage.path(archive))
