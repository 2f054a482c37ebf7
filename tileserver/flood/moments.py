"""The raster of one moment, for who draws tiles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from naru.cog import Cog
from naru.errors import ArchiveDamaged
from naru.pmtiles import mapped
from tileserver.flood.times import moment
from tileserver.pyramids import LayerPyramid
from tileserver.rasters.looks import Subject
from tileserver.service import Service
from tileserver.twin.assets import opened


@dataclass(frozen=True)
class Moment:
    """What is drawn of a layer at a time, and what entity tags call it."""

    subject: Subject
    name: str


def moment_of(service: Service, pyramid: LayerPyramid, asked: str | None) -> Moment | None:
    """Return the raster of the time that `t` names, or of the deepest water; None where the layer has no times.

    Raises:
        BadRequest: see `tileserver.flood.times.moment`.
        ArchiveDamaged: the depths cannot be read.
    """
    found = moment(pyramid.layer, asked)
    if found is None:
        return None
    times, number = found
    path = service.house.storage.path(times.depths.archive)
    cog = opened(service, times.depths, lambda path: depths_at(path, number + 1))
    subject = Subject(path, cog, pyramid.facts, before=number)
    return Moment(subject, f"{times.depths.archive.sha256[:12]}t{number}")


@lru_cache(maxsize=128)
def depths_at(path: Path, band: int) -> Cog:
    """Return the tiles of a band, known once: archives never change, a name stands for its bytes.

    Raises:
        ArchiveDamaged: the raster is none, or has no such band.
    """
    cog = _opened(path)
    if not (cog.apart and 1 <= band <= cog.bands):
        raise ArchiveDamaged(f"the depths have no band {band}", file=str(path), remedy="Publish the run again.")
    return cog.of_band(band)


@lru_cache(maxsize=32)
def _opened(path: Path) -> Cog:
    return Cog(mapped(path), apart=True)
