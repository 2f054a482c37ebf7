"""A layer's next version cuts only the tiles that change: which archive the others come from, and what is said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from naru.errors import ArchiveDamaged
from naru.house import House
from naru.records import Layer


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


def tiles_before(house: House, layer: Layer | None) -> TilesBefore | None:
    """Return the live version's vector tiles, if there are any; their archive is re-hashed before it is trusted."""
    if layer is None or layer.kind != "vector" or not layer.live.tilesets:
        return None
    archive, number = layer.live.tilesets[0].archive, layer.live.number
    try:
        house.storage.verify(archive)
    except ArchiveDamaged:
        return TilesBefore(number, None, damaged=True)
    return TilesBefore(number, house.storage.path(archive))
