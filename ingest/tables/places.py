"""Decides which columns of a table say where its rows lie, by name and by value.

What is certain is taken, and said; what could be otherwise is asked for with the options that answer it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ingest.crs import Claim, candidates, fits, in_degrees
from ingest.korea import COUNTRY
from ingest.tables.coordinates import Axis, read_axis, stated_srid
from ingest.tables.names import Role, names_address, names_geometry, names_point_number, role
from ingest.tables.spool import Spool
from naru.errors import ColumnsUnknown, NoFeatures
from naru.point_number import CRS as POINT_NUMBERS

Floats = npt.NDArray[np.float64]
Family = Literal["geometry", "degrees", "projected", "number"]
_POINT_NUMBER = r"^[가-사][가-아]\s*[0-9]{4}[\s-]*[0-9]{4}$"
_GEOMETRY = (
    r"(?i)^\s*(?:SRID\s*=\s*\d+\s*;\s*)?"
    r"(?:(?:MULTI)?(?:POINT|LINESTRING|POLYGON)|GEOMETRYCOLLECTION)\s*(?:Z|M|ZM)?\s*(?:\(|EMPTY)"
    r'|^\s*\{\s*"(?:type|coordinates|geometries|crs)"|^0[01][0-9A-Fa-f]{40,}$'
)
_TWO_NUMBERS = r"^[\[(]?-?[0-9]+\.[0-9]+\s*[,;/\s]\s*-?[0-9]+\.[0-9]+[\])]?$"
_LOOK = 20_000  # rows in which a column's kind is looked for


@dataclass(frozen=True)
class Wanted:
    """What the user said: the columns of x and y, and the coordinate reference system."""

    x: str | None = None
    y: str | None = None
    crs: str | None = None


@dataclass(frozen=True)
class Place:
    """How rows are located. `x` and `y` are columns, or three of them: degrees, minutes, seconds.

    Geometries and point numbers stand in one column: `y` is ().
    """

    family: Family
    x: tuple[int, ...]
    y: tuple[int, ...]
    claim: Claim
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[int, ...]:
        """All columns with coordinates."""
        return (*self.x, *self.y)


@dataclass(frozen=True)
class _Pair:
    """Two columns, or two times three, that may hold x and y."""

    x: tuple[int, ...]
    y: tuple[int, ...]
    stem: str
    degrees: bool  # named longitude and latitude
    epsg: str | None = None


def find_place(table: Spool, wanted: Wanted) -> Place:
    """Return how the rows of a table are located.

    Raises ColumnsUnknown (several columns may be meant), NoFeatures (none holds coordinates).
    """
    return _Search(table, wanted).run()


class _Search:
    def __init__(self, table: Spool, wanted: Wanted) -> None:
        self._table = table
        self._wanted = wanted
        self._names = table.header.names
        self._filled = table.filled
        self._sample = table.sample()

    def run(self) -> Place:
        if self._wanted.x is not None or self._wanted.y is not None:
            return self._place(self._chosen())
        pairs = self._pairs()
        good = [pair for pair in pairs if self._viable(pair)]
        found = self._by_rule(good)
        if found is not None:
            return found
        if (by_value := self._by_value()) is not None:
            return by_value
        if pairs:
            return self._place(pairs[0])  # every row will say why it has no place
        raise self._nowhere()

    # --- candidates ---

    def _by_rule(self, pairs: Sequence[_Pair]) -> Place | None:
        """Geometries go before degrees, degrees before metres (unless --crs is in metres), then point numbers."""
        geometries = self._matching(_GEOMETRY, names_geometry)
        numbers = self._matching(_POINT_NUMBER, names_point_number)
        groups = {
            "geometry": [self._of_geometry(n) for n in geometries[:1]],
            "degrees": [self._place(p) for p in self._one([p for p in pairs if p.degrees])],
            "projected": [self._place(p) for p in self._one([p for p in pairs if not p.degrees])],
            "number": [self._of_number(n) for n in numbers[:1]],
        }
        order = ["geometry", "degrees", "projected", "number"]
        if self._wanted.crs is not None and not in_degrees(self._wanted.crs):
            order = ["geometry", "projected", "degrees", "number"]
        found = [place for key in order for place in groups[key]]
        if not found:
            return None
        others = [self._said(place) for place in found[1:]]
        note = f"positions are taken from {self._said(found[0])}; also there: {'; '.join(others)}"
        return replace(found[0], notes=(*found[0].notes, note)) if others else found[0]

    def _one(self, pairs: Sequence[_Pair]) -> list[_Pair]:
        """Return the one pair meant: a name without addition goes first. Raises ColumnsUnknown."""
        plain = [pair for pair in pairs if not pair.stem]
        chosen = plain if len(plain) == 1 else list(pairs)
        if len(chosen) > 1:
            raise self._ambiguous(chosen)
        return chosen

    def _ambiguous(self, pairs: Sequence[_Pair]) -> ColumnsUnknown:
        said = " or ".join(f"'{self._name(p.x[0])}' and '{self._name(p.y[0])}'" for p in pairs[:4])
        first = pairs[0]
        return ColumnsUnknown(
            f"{len(pairs)} pairs of columns may hold the positions: {said}",
            remedy=f'Say which: --x "{self._name(first.x[0])}" --y "{self._name(first.y[0])}".',
        )

    def _pairs(self) -> list[_Pair]:
        """Return the pairs of columns whose names belong together."""
        roles = [(n, r) for n, given in enumerate(self._table.header.given) if (r := role(given)) is not None]
        degrees = {(r.axis, r.stem) for _, r in roles if r.piece == "degrees"}
        roles = [(n, r if (r.axis, r.stem) in degrees else _unpieced(r, self._name(n))) for n, r in roles]
        out = _paired([(n, r) for n, r in roles if r.axis in ("lon", "lat")], "lon", "lat")
        return out + _paired([(n, r) for n, r in roles if r.axis in ("x", "y")], "x", "y")

    def _chosen(self) -> _Pair:
        """Return the columns that the user named. Raises ColumnsUnknown."""
        wanted = self._wanted
        if wanted.x is None or wanted.y is None:
            raise ColumnsUnknown("--x and --y go together", remedy='Give both: --x "경도" --y "위도".')
        x, y = self._index(wanted.x), self._index(wanted.y)
        if x == y:
            raise ColumnsUnknown("--x and --y name the same column", field=wanted.x, remedy="Name two columns.")
        roles = [role(self._names[n]) for n in (x, y)]
        return _Pair((x,), (y,), "", all(r is not None and r.axis in ("lon", "lat") for r in roles))

    def _index(self, name: str) -> int:
        plain = _plain(name)
        for n, own in enumerate(self._names):
            if _plain(own) == plain:
                return n
        there = ", ".join(f"'{own}'" for own in self._names[:20])
        raise ColumnsUnknown(f"there is no column '{name}'", field=name, remedy=f"The columns are {there}.")

    def _matching(self, pattern: str, named: object) -> list[int]:
        """Return the columns whose values all are of a pattern, those with a telling name first."""
        out = []
        for n in self._filled:
            name, values = self._names[n], self._values(n).drop_null()
            if len(values) and pc.any(found := pc.match_substring_regex(values, pattern)).as_py():
                telling = callable(named) and named(name)
                share = pc.sum(found).as_py() / len(values)
                if share == 1 or (telling and share >= 0.5):
                    out.append((not telling, n))
        return [n for _, n in sorted(out)]

    def _by_value(self) -> Place | None:
        """Return the columns that can only be longitude and latitude in Korea, or the only two of a bare list."""
        numbers = {n: a.values for n in self._filled if (a := self._numeric(n)) is not None}
        lon = [n for n, v in numbers.items() if _within(v, COUNTRY[0], COUNTRY[2])]
        lat = [n for n, v in numbers.items() if _within(v, COUNTRY[1], COUNTRY[3])]
        if len(lon) == 1 and len(lat) == 1:
            place = self._place(_Pair((lon[0],), (lat[0],), "", degrees=True))
            how = f"columns '{self._name(lon[0])}' and '{self._name(lat[0])}' were taken for longitude and latitude"
            return replace(place, notes=(*place.notes, f"{how}: their values lie in Korea"))
        if self._table.header.found or len(numbers) != 2 or len(self._names) != 2:
            return None
        place = self._place(_Pair((0,), (1,), "", degrees=False))
        return None if place.family == "degrees" else place  # two bare small numbers may be anything

    def _numeric(self, column: int) -> Axis | None:
        """Return a column as numbers when all its values are."""
        axis = read_axis([self._values(column)], self._table.decimal_comma)
        good = int((axis.codes == 0).sum())
        return axis if good and good == len(axis.codes) - int(self._values(column).null_count) else None

    def _values(self, column: int) -> pa.Array:
        chunk = self._sample.column(column + 1).slice(0, _LOOK).combine_chunks()
        return chunk.combine_chunks() if isinstance(chunk, pa.ChunkedArray) else chunk

    def _viable(self, pair: _Pair) -> bool:
        """Whether some row has a number in both columns."""
        x, y = self._read(pair)
        return bool((np.isfinite(x.values) & np.isfinite(y.values)).any())

    def _read(self, pair: _Pair) -> tuple[Axis, Axis]:
        comma = self._table.decimal_comma
        x, y = (read_axis([self._values(n) for n in columns], comma) for columns in (pair.x, pair.y))
        return x, y

    # --- a place for a pair ---

    def _place(self, pair: _Pair) -> Place:
        """Decide what is x, what is y, and what the file thereby claims."""
        x, y = self._read(pair)
        good = np.isfinite(x.values) & np.isfinite(y.values) & ~((x.values == 0) & (y.values == 0))
        extent = _extent(x.values[good], y.values[good])
        place = Place("projected", pair.x, pair.y, Claim(None, "the table"))
        if len(extent) and (why := self._exchange(pair, x, y, extent)):
            pair, extent = replace(pair, x=pair.y, y=pair.x), extent[[1, 0, 3, 2]]
            what = "latitudes" if pair.degrees else "northings"
            note = f"x and y were exchanged, as '{self._name(pair.y[0])}' holds {what}: {why}"
            place = replace(place, x=pair.x, y=pair.y, notes=(note,))
        names = f"'{self._name(pair.x[0])}' and '{self._name(pair.y[0])}'"
        if pair.epsg is not None:
            return replace(place, claim=Claim(pair.epsg, f"the names of columns {names}"))
        if _are_degrees(extent) if len(extent) else pair.degrees:
            claim = Claim("EPSG:4326", f"columns {names} hold degrees; without a datum they are taken as WGS 84")
            return replace(place, family="degrees", claim=claim)
        if len(extent) and self._wanted.crs is None:
            place = replace(place, notes=(*place.notes, *self._doubt(extent, pair)))
        return place

    def _exchange(self, pair: _Pair, x: Axis, y: Axis, extent: Floats) -> str:
        """Say why x and y must be exchanged; "" when they need not."""
        if self._wanted.x is not None:
            return ""
        if x.axes["lat"] and y.axes["lon"]:
            return "the letters N and E say so"
        swapped = extent[[1, 0, 3, 2]]
        system = self._wanted.crs or pair.epsg
        if system is not None:
            wrong = not fits(system, extent) and fits(system, swapped)
            return f"the values fit {system} only so" if wrong else ""
        if not candidates(extent) and candidates(swapped):
            return "the values fit a coordinate reference system only so"
        return ""

    def _doubt(self, extent: Floats, pair: _Pair) -> tuple[str, ...]:
        """Warn when x and y might as well be exchanged: in Korean survey tables X is often the northing."""
        if not candidates(extent) or not candidates(extent[[1, 0, 3, 2]]):
            return ()
        x, y = self._name(pair.x[0]), self._name(pair.y[0])
        return (f'x and y could also be exchanged; if the places are wrong, give --x "{y}" --y "{x}"',)

    def _of_geometry(self, column: int) -> Place:
        texts = self._values(column).drop_null()
        srids = {stated_srid(t) for t in texts.slice(0, 100).to_pylist()} - {0}
        name = self._name(column)
        claim = Claim(f"EPSG:{srids.pop()}" if len(srids) == 1 else None, f"the SRID in column '{name}'")
        if claim.text is None and texts[0].as_py().lstrip().startswith("{"):
            claim = Claim("EPSG:4326", f"column '{name}' holds GeoJSON, which is on WGS 84 (RFC 7946 §4)")
        return Place("geometry", (column,), (), claim)

    def _of_number(self, column: int) -> Place:
        how = f"column '{self._name(column)}' holds national point numbers; points are the middles of their cells"
        return Place("number", (column,), (), Claim(POINT_NUMBERS, how))

    def _said(self, place: Place) -> str:
        return " and ".join(f"'{self._name(n)}'" for n in (place.x[:1] + place.y[:1]))

    def _name(self, column: int) -> str:
        return self._names[column]

    # --- nothing found ---

    def _nowhere(self) -> ColumnsUnknown | NoFeatures:
        """Return the error that says what is there instead of coordinates."""
        geometries = [n for n, name in enumerate(self._names) if names_geometry(name)]
        addresses = [n for n, name in enumerate(self._names) if names_address(name)]
        numbers = [n for n in self._filled if self._numeric(n) is not None]
        rows = f"none of its {self._table.rows} rows has a geometry"
        if geometries:
            return NoFeatures(
                f"{rows}: column '{self._name(geometries[0])}' is blank or holds no geometry",
                field=self._name(geometries[0]),
                remedy="Fill it with WKT or GeoJSON, or add columns with longitude and latitude.",
            )
        if addresses:
            return NoFeatures(
                f"{rows}: column '{self._name(addresses[0])}' holds addresses, and a map needs coordinates",
                field=self._name(addresses[0]),
                remedy="Have the addresses geocoded first, and add columns such as 경도 and 위도.",
            )
        twins = [n for n in self._filled if _all_match(self._values(n), _TWO_NUMBERS)]
        if twins:
            name = self._name(twins[0])
            return NoFeatures(
                f"{rows}: column '{name}' holds two numbers in each cell",
                field=name,
                remedy="Part them into two columns, such as 경도 and 위도.",
            )
        if not self._table.header.found and len(numbers) >= 2:
            shown = ", ".join(f"'{self._name(n)}'" for n in numbers[:10])
            return ColumnsUnknown(
                f"the columns have no names, and which of {shown} hold the coordinates is not certain",
                remedy=f"Say which: --x {self._name(numbers[0])} --y {self._name(numbers[1])}.",
            )
        there = ", ".join(f"'{name[:30]}'" for name in self._names[:8])
        return NoFeatures(
            f"{rows}: no column is named or looks like coordinates (the columns are {there})",
            remedy="If two columns hold them, name them: --x COLUMN --y COLUMN; else add 경도 and 위도.",
        )


def _paired(roles: Sequence[tuple[int, Role]], first: str, second: str) -> list[_Pair]:
    """Pair columns of two axes that share the rest of their names; a lone one of each is a pair anyway."""
    stems = dict.fromkeys(r.stem for _, r in roles)
    lone = all(len({r.stem for _, r in roles if r.axis == axis}) == 1 for axis in (first, second))
    groups = [roles] if lone else [[(n, r) for n, r in roles if r.stem == stem] for stem in stems]
    out = []
    for group in groups:
        sides = [[(n, r) for n, r in group if r.axis == axis] for axis in (first, second)]
        for x, y in zip(_whole(sides[0]), _whole(sides[1]), strict=False):
            epsg = next((r.epsg for _, r in group if r.epsg), None)
            out.append(_Pair(x, y, "" if lone else group[0][1].stem, first == "lon", epsg))
    return out


def _unpieced(found: Role, name: str) -> Role:
    """Without degrees beside it, lat_min is the least latitude, and no minutes (분, 초)."""
    if found.piece not in ("minutes", "seconds") or any(word in name for word in "분초"):
        return found
    return replace(found, piece="", stem=f"{found.stem} {found.piece}".strip())


def _whole(side: Sequence[tuple[int, Role]]) -> list[tuple[int, ...]]:
    """Return the columns of one axis: each by itself, or degrees, minutes and seconds together."""
    pieces = {r.piece: n for n, r in reversed(side)}
    if "minutes" in pieces and "degrees" in pieces:
        order = ("degrees", "minutes", "seconds")
        return [(n,) for n, r in side if not r.piece] or [tuple(pieces[p] for p in order if p in pieces)]
    return [(n,) for n, r in side if r.piece not in ("minutes", "seconds")]


def _extent(x: Floats, y: Floats) -> Floats:
    """Return the bounds of positions, a tenth at each end left out; empty without any.

    Where half of them can be degrees, the others are mistakes and do not count.
    """
    if not len(x):
        return np.array([])
    small = (np.abs(x) <= 180) & (np.abs(y) <= 180)
    if small.mean() >= 0.5:
        x, y = x[small], y[small]
    low, high = ([np.percentile(v, p, method="nearest") for v in (x, y)] for p in (10, 90))
    return np.array([*low, *high])


def _are_degrees(extent: Floats) -> bool:
    return bool(np.abs(extent[[0, 2]]).max() <= 180 and np.abs(extent[[1, 3]]).max() <= 90)


def _all_match(values: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(values.drop_null(), pattern)).as_py())


def _within(values: Floats, low: float, high: float) -> bool:
    """Whether all values lie in a range and some are no whole numbers."""
    finite = values[np.isfinite(values)]
    inside = bool(len(finite)) and bool(((finite >= low) & (finite <= high)).all())
    return inside and bool((finite != np.round(finite)).any())


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
