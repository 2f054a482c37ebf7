"""Rain as a series of rasters, such as radar's: a cell of the domain takes what its place has in the raster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from naru.errors import CrsRefused, CrsUnknown, TooLarge
from twin.crs import usable_crs
from twin.fields import Fields, found_file, only_own_files
from twin.flood.world import World
from twin.forcing.falling import ByZone
from twin.forcing.hyetograph import MM_H, MOST_MM, MOST_MM_H
from twin.forcing.moments import Moment, rank, read_moment, seconds
from twin.forcing.raster_files import NETCDF, Frames, read_bands, read_netcdf
from twin.forcing.sections import number, shown
from twin.forcing.series import Series
from twin.grid import Floats

_KINDS = ("intensity_mm_h", "depth_mm")
_UNITS = {  # what NetCDF files write: kind, and what brings it to mm/h or mm
    "mm/h": ("intensity_mm_h", 1.0),
    "mm h-1": ("intensity_mm_h", 1.0),
    "mm/hr": ("intensity_mm_h", 1.0),
    "mm hr-1": ("intensity_mm_h", 1.0),
    "kg m-2 s-1": ("intensity_mm_h", 3600.0),
    "mm s-1": ("intensity_mm_h", 3600.0),
    "m s-1": ("intensity_mm_h", 3.6e6),
    "mm": ("depth_mm", 1.0),
    "kg m-2": ("depth_mm", 1.0),
}
_MOST_NUMBERS = 2**27


@dataclass(frozen=True)
class RasterRain:
    """A series of rasters as a scenario names it."""

    where: Fields
    files: tuple[Path, ...]
    variable: str | None
    crs: str | None
    kind: str | None
    times: tuple[Moment, ...] | None  # one a raster, or one more: the end of the last
    every_s: float | None
    start_s: float
    missing: str  # refuse | zero
    factor: float

    def build(self, world: World) -> ByZone:
        """Read the rasters. Raises BadSpec, CrsUnknown, CrsRefused, FileDamaged, TooLarge."""
        netcdf = self.files[0].suffix.casefold() in NETCDF
        frames = read_netcdf(self.files[0], self.variable) if netcdf else read_bands(self.files)
        edges = self._edges(frames, world)
        active = world.domain.active
        index = self._index(frames, world)
        if len(frames.values) * np.unique(index[active]).size > _MOST_NUMBERS:
            raise TooLarge(
                f"{len(frames.values)} rasters on these cells are more than {_MOST_NUMBERS} numbers",
                file=str(self.files[0]),
                field=self.where.path,
                remedy="Take fewer rasters, or coarser ones.",
            )
        used, zones = np.unique(index[active], return_inverse=True)
        values = frames.values.reshape(len(frames.values), -1)[:, used]
        rates = self._rates(values, frames, np.diff(edges)) * self.factor
        whole = np.zeros(active.shape, np.int32)
        whole[active] = zones.reshape(-1)
        return ByZone(whole, (Series.steps(edges + self.start_s, rates),))

    def _edges(self, frames: Frames, world: World) -> Floats:
        """Return when each raster begins, and when the last ends, s."""
        count = len(frames.values)
        times = self.times if self.times is not None else frames.times
        if self.every_s is not None:
            return np.asarray(np.arange(count + 1) * self.every_s, np.float64)
        if times is None or len(times) not in (count, count + 1) or len(times) < 2:
            said = "none" if times is None else str(len(times))
            raise self.where.wrong(
                "times",
                f"has {said} for {count} rasters",
                "Give `every_min`, or one time a raster and maybe one more: when the last one ends.",
            )
        try:
            at = np.array(seconds(times, world.start))
        except ValueError as error:
            raise self.where.wrong("times", str(error), "Give `start` at the top of the file.") from None
        if (np.diff(at) <= 0).any():
            raise self.where.wrong("times", "do not rise", "Put the rasters in order.")
        return at if len(at) > count else np.append(at, 2 * at[-1] - at[-2])

    def _index(self, frames: Frames, world: World) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        """Return the raster's flat cell in which each cell of the domain lies. Raises BadSpec: outside of it."""
        frame, active = world.domain.frame, world.domain.active
        x, y = np.meshgrid(frame.x, frame.y)
        claimed = self.crs or frames.crs
        if frame.crs:
            if claimed is None:
                raise CrsUnknown(
                    "the raster does not say its coordinate system",
                    file=str(self.files[0]),
                    field=self.where.where("crs"),
                    remedy="State it, as in `crs: EPSG:5179`.",
                )
            x, y = self._moved(x, y, frame.crs, claimed)
        row, column = frames.place(x, y)
        rows, columns = frames.values.shape[1:]
        inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        if not inside[active].all():
            share = 100 * (1 - inside[active].mean())
            raise self.where.wrong(
                "file",
                f"does not cover the domain: {share:.3g} % of it lie outside",
                "Check its `crs`, or take more.",
            )
        out: np.ndarray[tuple[int, ...], np.dtype[np.int64]] = np.where(inside, row * columns + column, 0).astype(
            np.int64
        )
        return out

    def _moved(self, x: Floats, y: Floats, source: str, target: str) -> tuple[Floats, Floats]:
        try:
            known = CRS.from_user_input(target)
        except CRSError as error:
            raise CrsRefused(
                f"'{target[:60]}' is no coordinate system that is known",
                file=str(self.where.file),
                field=self.where.where("crs"),
                remedy="Write it as in EPSG:5179.",
            ) from error
        if CRS.from_user_input(source) == known:
            return x, y
        moved = Transformer.from_crs(source, known, always_xy=True).transform(x, y)
        return moved[0], moved[1]

    def _rates(self, values: Floats, frames: Frames, spans: Floats) -> Floats:
        """Return rain rates, m/s. Raises BadSpec: no kind, no value, negative, impossible."""
        kind, unit = (self.kind, 1.0) if self.kind else _UNITS.get((frames.unit or "").strip(), (None, 1.0))
        if kind is None:
            raise self.where.wrong(
                "kind", f"is missing, and the unit of the file is '{frames.unit or ''}'", f"Give one of {_KINDS}."
            )
        if self.missing == "zero":
            values = np.where(np.isnan(values), 0.0, values)
        values = values * unit
        most, shown_unit = (MOST_MM_H, "mm/h") if kind == "intensity_mm_h" else (MOST_MM, "mm")
        bad = ~((values >= 0) & (values <= most))
        if bad.any():
            n, cell = (int(i[0]) for i in np.nonzero(bad))
            what = "no value" if np.isnan(values[n, cell]) else f"{values[n, cell]:g} {shown_unit}"
            raise self.where.wrong(
                "file",
                f"has {what} in the domain ({frames.names[n]}); 0 to {most:g} {shown_unit} is possible",
                "Correct it; where no value means no rain, say `missing: zero`.",
            )
        return values * MM_H if kind == "intensity_mm_h" else values / 1000.0 / spans[:, None]


def read_raster_rain(where: Fields, factor: float) -> RasterRain:
    """Read `file` or `files` (or a pattern of names), `variable`, `crs`, `kind`, `times` or `every_min`, `start_h`,
    `missing`. Raises BadSpec, FileMissing."""
    files = _files(where)
    if len(files) > 1 and any(f.suffix.casefold() in NETCDF for f in files):
        raise where.wrong("files", "are several NetCDF files; one is read", "Join them along their time first.")
    times = where.get("times")
    if times is not None and where.has("every_min"):
        raise where.wrong("every_min", "is given beside 'times'", "Give one of them.")
    unit, crs = where.text("time_unit"), where.text("crs")
    out = RasterRain(
        where,
        files,
        where.text("variable"),
        None if crs is None else usable_crs(crs, str(where.file), where.where("crs")),
        where.choice("kind", _KINDS) if where.has("kind") else None,
        None if times is None else _times(where, times, unit),
        None if not where.has("every_min") else 60 * number(where, "every_min", (0.01, 10_000), "min"),
        number(where, "start_h", (-1e5, 1e5), "h", 0.0) * 3600,
        where.choice("missing", ("refuse", "zero"), "refuse"),
        factor,
    )
    where.done()
    return out


def _files(where: Fields) -> tuple[Path, ...]:
    named = where.get("files")
    if named is None:
        return (where.source_file("file"),)
    if isinstance(named, str):
        found = [path for path in _fitting(where, named) if found_file(where.file, str(path))]  # what may be read
        if not found:
            raise where.wrong(
                "files", f"is '{named}', which no file fits", "Such as radar_*.tif, in order of time."
            )
        return tuple(found)
    if not isinstance(named, list) or not named or not all(isinstance(n, str) for n in named):
        raise where.wrong("files", f"is {shown(named)} where names of files are expected", "[a.tif, b.tif].")
    paths: Sequence[Any] = [found_file(where.file, name) for name in named]
    for name, path in zip(named, paths, strict=True):
        if path is None or not path.is_file():
            raise where.wrong("files", f"names '{name}', which is not there", "Paths begin at the file's folder.")
    return tuple(paths)


def _fitting(where: Fields, pattern: str) -> list[Path]:
    """Return the files that fit a pattern, which begins at the folder of the scenario. Raises BadSpec."""
    if Path(pattern).is_absolute() or (only_own_files() and ".." in Path(pattern).parts):
        return []  # of strangers not even looked for: all of the disk may lie there
    try:
        return sorted(path for path in where.file.parent.glob(pattern) if path.is_file())
    except (ValueError, OSError) as error:  # such as no pattern at all
        raise where.wrong("files", f"is '{pattern[:60]}', no pattern ({error})", "Such as radar_*.tif.") from error


def _times(where: Fields, given: Any, unit: str | None) -> tuple[Moment, ...]:
    if not isinstance(given, list):
        raise where.wrong("times", f"is {shown(given)} where a list is expected", "[0, 600, 1200], time_unit: s.")
    try:
        times = tuple(read_moment(str(t), unit) for t in given)
        if sorted(map(rank, times)) != [rank(t) for t in times]:
            raise ValueError("do not rise")
    except ValueError as error:
        raise where.wrong("times", str(error), "Write moments like 2022-08-08T18:00+09:00, or numbers.") from None
    return times
