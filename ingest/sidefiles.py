"""Groups rasters with the small files beside them: world files, .prj, .aux.xml, .msk. Looks at names only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

RASTER_FILES = (".tif", ".tiff", ".asc", ".grd", ".dt0", ".dt1", ".dt2", ".png", ".jpg", ".jpeg")
TILE_ARCHIVES = (".mbtiles", ".pmtiles")
WORLD_FILES = (".tfw", ".tifw", ".tiffw", ".pgw", ".pngw", ".jgw", ".jpgw", ".jpegw", ".wld")
_DOUBLE = (".aux.xml", ".msk")  # stand behind the whole name: ortho.tif.aux.xml
_SIDES = (*WORLD_FILES, *_DOUBLE, ".prj")
Member = tuple[str, Path]  # name for people, where it lies


def suffix_of(name: str) -> str:
    """Return a name's suffix in small letters; `.aux.xml` is one.

    >>> suffix_of("Ortho.tif.AUX.XML")
    '.aux.xml'
    """
    low = name.lower()
    return next((d for d in _DOUBLE if low.endswith(d)), PurePosixPath(low).suffix)


def belongs_to_raster(name: str) -> bool:
    """Whether a file of that name is a raster or lies beside one."""
    return suffix_of(name) in (*RASTER_FILES, *TILE_ARCHIVES, *_SIDES)


def _key(name: str) -> str:
    """Return what a raster's name and those of its side files have in common."""
    suffix = suffix_of(name)
    stem = name[: len(name) - len(suffix)].casefold()
    inner = PurePosixPath(stem).suffix
    return stem.removesuffix(inner) if suffix in _DOUBLE and inner in RASTER_FILES else stem


def beside(path: Path) -> list[Path]:
    """Return a raster and the files that belong to it, in its folder; of a link, those beside what it leads to."""
    found = _beside(path)
    return _beside(path.resolve()) if path.is_symlink() and len(found) == 1 else found


def _beside(path: Path) -> list[Path]:
    key = _key(path.name)
    others = sorted(p for p in path.parent.iterdir() if suffix_of(p.name) in _SIDES and _key(p.name) == key)
    return [path, *(p for p in others if p.is_file())]


def group_rasters(members: Sequence[Member]) -> tuple[list[tuple[str, dict[str, Path]]], list[Member]]:
    """Return each raster's name and parts by suffix, its own file first; and the members that are no raster's.

    A .prj stays among the others too: a shapefile of the same name may own it.
    """
    mains = [m for m in members if suffix_of(m[0]) in (*RASTER_FILES, *TILE_ARCHIVES)]
    if not mains:
        return [], list(members)
    sides: dict[str, dict[str, Path]] = {}
    for shown, path in members:
        if suffix_of(shown) in _SIDES:
            sides.setdefault(_key(shown), {})[suffix_of(shown)] = path
    grouped = [(shown, {suffix_of(shown): path} | sides.get(_key(shown), {})) for shown, path in mains]
    rest = [m for m in members if suffix_of(m[0]) == ".prj" or not belongs_to_raster(m[0])]
    return grouped, rest
