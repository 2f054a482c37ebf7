"""One export of features: what is wanted of which layer, checked, and the batches that its writer takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import shapely
from pyproj import CRS

from naru.errors import NoSuchExport
from naru.export.about import About
from naru.export.formats import Format
from naru.features.conditions import Field
from naru.features.selection import Selection
from naru.features.source import Batch, FeatureSource
from naru.features.systems import CRS84, normal_name, system
from naru.records import Progress

_DEGREE_DIGITS, _METRE_DIGITS = 9, 4  # a tenth of a millimetre: what a transformation is not sure of anyway


@dataclass(frozen=True)
class Wanted:
    """What the user said: which features, in which system, and the text encoding of a shapefile."""

    selection: Selection = field(default_factory=Selection)
    encoding: str = "utf-8"


@dataclass
class Tally:
    """How far an export has come."""

    features: int = 0


@dataclass(frozen=True)
class Export:
    """Features on their way out. `notes` counts, by reason, what the format could not hold as it was."""

    format: Format
    about: About
    source: FeatureSource
    selection: Selection  # its `crs` is set, unless the source's own has no code
    encoding: str
    progress: Progress
    notes: Counter[str] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)

    @cached_property
    def crs(self) -> CRS:
        """The system of the coordinates that come out, x before y."""
        return system(self.selection.crs) if self.selection.crs else self.source.crs

    @property
    def crs_label(self) -> str:
        """Its name for people."""
        return self.selection.crs or self.crs.name

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The attributes that come out, in order."""
        names = self.selection.fields
        return self.source.fields if names is None else tuple(self.source.field(n) for n in dict.fromkeys(names))

    @cached_property
    def moved(self) -> bool:
        """Whether coordinates are transformed on the way."""
        return not self.source.crs.equals(self.crs, ignore_axis_order=True)

    def batches(self) -> Iterator[Batch]:
        """Yield the features, coordinates rounded to a tenth of a millimetre where they are transformed."""
        digits = _DEGREE_DIGITS if self.crs.is_geographic else _METRE_DIGITS
        for batch in self.source.select(self.selection):
            yield batch._replace(geometries=_rounded(batch.geometries, digits)) if self.moved else batch
            self.tally.features += len(batch.ids)
            self.progress(float(batch.ids[-1]) / self.source.rows, f"{batch.ids[-1]} of {self.source.rows} rows")

    def rows(self) -> list[tuple[str, str]]:
        """Return what the download says of itself, for people."""
        return self.about.rows(("좌표계 / coordinates", self.crs_label))


def plan(chosen: Format, about: About, source: FeatureSource, wanted: Wanted, progress: Progress) -> Export:
    """Return the export, with everything checked that can be known beforehand.

    Raises:
        BadSelection: it cannot be asked so.
        NoSuchExport: the format is not for features, or not in that system.
    """
    if chosen.what != "features":
        raise NoSuchExport(f"'{chosen.name}' holds no features", layer=about.id, remedy="Choose shp or geojson.")
    crs = wanted.selection.crs
    crs = normal_name(crs) if crs else CRS84 if chosen.lonlat else source.crs_name
    if chosen.name == "kml" and crs not in (CRS84, "EPSG:4326"):
        raise NoSuchExport(
            f"KML is in longitude and latitude only, not in {crs}",
            layer=about.id,
            remedy="Leave crs out, or choose another format, such as gpkg.",
        )
    export = Export(chosen, about, source, replace(wanted.selection, crs=crs), wanted.encoding, progress)
    source.select(export.selection)  # raises what is wrong with it; reads nothing yet
    return export


def _rounded(geometries: np.typing.NDArray[np.object_], digits: int) -> np.typing.NDArray[np.object_]:
    """Round x, y (and heights, which were not moved, not at all); minus zero becomes zero."""

    def change(xyz: np.typing.NDArray[np.float64]) -> np.typing.NDArray[np.float64]:
        return np.column_stack([np.round(xyz[:, :2], digits) + 0.0, xyz[:, 2:]])

    solid = shapely.has_z(geometries)
    out = np.array(geometries, dtype=object)
    out[~solid] = shapely.transform(out[~solid], change)
    out[solid] = shapely.transform(out[solid], change, include_z=True)
    return out
