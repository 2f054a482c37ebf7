"""The 127-byte header of a PMTiles archive (PMTiles v3 specification §3)."""

from __future__ import annotations

import struct
from dataclasses import astuple, dataclass

from naru.errors import ArchiveDamaged

LENGTH = 127
_LAYOUT = struct.Struct("<7sB 11Q B B B B B B iiii B ii")
_MAGIC = b"PMTiles"
REMEDY = "Build or fetch the archive anew."

COMPRESSION_NONE, COMPRESSION_GZIP = 1, 2
TILE_TYPES = {1: "mvt", 2: "png", 3: "jpg", 4: "webp", 5: "avif", 6: "mlt"}


@dataclass(frozen=True)
class Header:
    """Where things lie in the archive (bytes) and what its tiles are; positions in degrees × 10^7."""

    root_offset: int
    root_length: int
    metadata_offset: int
    metadata_length: int
    leaves_offset: int
    leaves_length: int
    data_offset: int
    data_length: int
    addressed_tiles: int
    tile_entries: int
    tile_contents: int
    clustered: int
    internal_compression: int
    tile_compression: int
    tile_type: int
    minzoom: int
    maxzoom: int
    west_e7: int
    south_e7: int
    east_e7: int
    north_e7: int
    center_zoom: int
    center_lon_e7: int
    center_lat_e7: int

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees (WGS 84)."""
        return self.west_e7 / 1e7, self.south_e7 / 1e7, self.east_e7 / 1e7, self.north_e7 / 1e7

    def pack(self) -> bytes:
        """Return the 127 bytes."""
        return _LAYOUT.pack(_MAGIC, 3, *astuple(self))


def unpack(data: bytes) -> Header:
    """Return the header in the first 127 bytes; raises ArchiveDamaged where they are none."""
    if len(data) < LENGTH or data[:7] != _MAGIC:
        raise ArchiveDamaged("not a PMTiles archive: its first bytes are others", remedy=REMEDY)
    magic_version, *fields = _LAYOUT.unpack(data[:LENGTH])[1:]
    if magic_version != 3:
        raise ArchiveDamaged(f"PMTiles version {magic_version}; only version 3 is read", remedy=REMEDY)
    header = Header(*fields)
    if not header.minzoom <= header.maxzoom <= 31:
        raise ArchiveDamaged(f"zooms {header.minzoom} to {header.maxzoom} cannot be", remedy=REMEDY)
    if header.internal_compression not in (COMPRESSION_NONE, COMPRESSION_GZIP):
        raise ArchiveDamaged(
            f"directories are compressed by method {header.internal_compression}; only none and gzip are read",
            remedy=REMEDY,
        )
    return header
