"""Where breaches are: along a levee, or through an embankment that the terrain has."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np
import shapely

from naru.errors import BadSpec
from twin.facilities.shape import Shape
from twin.facilities.storage import Levee
from twin.grid import Floats
from twin.works.breaches import Breach, BreachPlace, Wall
from twin.works.crossings import Owner, numbers_of
from twin.works.faces import Chain, Flags, lay
from twin.works.laws.crossing import WEIR
from twin.works.placing import NEAR_M, Placer, Standing
from twin.works.spec import BreachSpec, Growth

_BROAD = 0.577  # 1/√3: critical depth over a broad crest
_VILLEMONTE = 0.385
_AWAY_M = 50.0  # a place so far from the line is no place on it


def place_breaches(placer: Placer, specs: Sequence[BreachSpec]) -> None:
    """Lay the scenario's breaches, and those of levees that have failed. Raises BadSpec."""
    said = {spec.levee for spec in specs}
    for name, standing in list(placer.standing.items()):
        if isinstance(standing.it, Levee) and standing.it.status == "failed" and name not in said:
            _failed(placer, standing, standing.it)
    names: list[str] = []
    for spec in specs:
        name = spec.name or f"breach-{spec.levee or len(names) + 1}"
        while name in names or name in placer.standing:
            name += "+"
        names.append(name)
        _place(placer, name, spec)


def _failed(placer: Placer, standing: Standing, it: Levee) -> None:
    if it.breach_width_m is None or it.breach_bottom_elevation_m is None:
        placer.world.warnings.append(
            f"{it.id}: has failed, but breach_width_m or breach_bottom_elevation_m is missing: it stands unbroken"
        )
        return
    spec = BreachSpec(f"structures ({it.id})", levee=it.id, start_s=0.0, growth=Growth(duration_s=0.0))
    _lay(placer, f"breach-{it.id}", spec, standing)


def _place(placer: Placer, name: str, spec: BreachSpec) -> None:
    if spec.levee is None:
        _lay(placer, name, spec, _embankment(placer, name, spec))
        return
    standing = placer.standing.get(spec.levee)
    if standing is None or not isinstance(standing.it, Levee):
        levees = [key for key, each in placer.standing.items() if isinstance(each.it, Levee)]
        near = get_close_matches(spec.levee, levees, n=1, cutoff=0.4)
        known = f"Levees in the domain are: {', '.join(levees[:20])}." if levees else "The domain has no levees."
        hint = f"Did you mean '{near[0]}'? " if near else ""
        raise _wrong(placer, f"{spec.where}.levee", f"is '{spec.levee}', and there is no such levee", hint + known)
    _lay(placer, name, spec, standing)


def _embankment(placer: Placer, name: str, spec: BreachSpec) -> Standing:
    """Return the terrain's own ridge under a line as if it were a levee; its faces stay open."""
    xy = placer.world.place([list(p) for p in spec.line], f"{spec.where}.line", inside=False)
    shape = Shape("line", tuple((float(x), float(y)) for x, y in xy))
    it = Levee(id=name, geometry=shape)
    domain = placer.world.domain
    chain = lay(domain.frame, shape.xy).within(domain.frame, domain.active)
    if not len(chain.face):
        what = "lies on no face between two cells of the domain"
        raise _wrong(placer, f"{spec.where}.line", what, "Check its coordinates.")
    return Standing(it, chain, Wall(np.empty(0, np.int64), np.empty(0)), placer.high_bed(chain.cells))


def _lay(placer: Placer, name: str, spec: BreachSpec, standing: Standing) -> None:
    it, chain = standing.it, standing.chain
    assert isinstance(it, Levee)
    bottom = spec.bottom_m if spec.bottom_m is not None else it.breach_bottom_elevation_m
    if bottom is None:
        what = f"is missing, and {it.id} does not say it either"
        raise _wrong(placer, f"{spec.where}.bottom_elevation_m", what, "Say how deep the breach goes, EL m.")
    middle, width = _extent(placer, spec, it)
    pairs = np.array([placer.site.beyond(pair, bottom + NEAR_M) for pair in chain.cells])
    near = np.abs((chain.begin + chain.end) / 2 - middle) <= width / 2 + 2 * placer.world.domain.frame.cell_m
    if not near.any():
        what = "lies on a part of the levee that is outside the domain"
        raise _wrong(placer, f"{spec.where}.at", what, "Move it, or make the domain larger.")
    crest = standing.crest[near]
    if bottom >= crest.max():
        what = f"is EL {bottom:g}, not below the crest of EL {crest.max():.2f}"
        raise _wrong(placer, f"{spec.where}.bottom_elevation_m", what, "A breach is lower than the crest.")
    numbers = numbers_of(int(near.sum()), CREST=crest, OVER=_BROAD, EXPONENT=_VILLEMONTE)
    rows = placer.layout.add(pairs[near], WEIR, numbers)
    place = BreachPlace(rows, *_part(chain, near), crest, placer.high_bed(pairs[near]), middle, width, bottom)
    part = Breach(name, spec, place, _Part(standing.wall, near))
    placer.layout.owners.append(Owner(name, rows, part))


def _part(chain: Chain, which: Flags) -> tuple[Floats, Floats, Floats]:
    return chain.begin[which], chain.end[which], np.ones(int(which.sum()))


class _Part(Wall):
    """A wall seen by a breach that knows some of its faces only."""

    def __init__(self, wall: Wall, which: Flags) -> None:
        super().__init__(wall.rows, wall.width)
        self._wall, self._which = wall, which

    def take(self, numbers: Floats, who: str, width: Floats) -> None:
        """Take the part out of the whole wall."""
        if len(self._wall.rows):
            whole = np.zeros(len(self._which))
            whole[self._which] = width
            self._wall.take(numbers, who, whole)


def _extent(placer: Placer, spec: BreachSpec, it: Levee) -> tuple[float, float]:
    """Return the middle along the line and the width, m."""
    length = it.geometry.length_m
    if spec.between:
        ends = zip(spec.between, ("from", "to"), strict=True)
        first, last = (_along(placer, it, point, spec, name) for point, name in ends)
        between = abs(last - first)
        return (first + last) / 2, spec.width_m or between or _no_width(placer, spec, it)
    middle = _along(placer, it, spec.at[0], spec, "at") if spec.at else length / 2
    width = spec.width_m if spec.width_m is not None else it.breach_width_m
    return middle, width if width is not None else _no_width(placer, spec, it)


def _no_width(placer: Placer, spec: BreachSpec, it: Levee) -> float:
    what = f"is missing, and {it.id} does not say it either"
    raise _wrong(placer, f"{spec.where}.width_m", what, "Say how wide the breach becomes, m.")


def _along(placer: Placer, it: Levee, point: tuple[float, float], spec: BreachSpec, name: str) -> float:
    x, y = placer.world.place([list(point)], f"{spec.where}.{name}", inside=False)[0]
    line, place = shapely.LineString(it.geometry.points), shapely.Point(float(x), float(y))
    away = float(line.distance(place))
    if away > max(_AWAY_M, 2 * placer.world.domain.frame.cell_m):
        what = f"is {away:.0f} m away from {it.id}"
        raise _wrong(placer, f"{spec.where}.{name}", what, "Give a place on the levee.")
    return float(line.project(place))


def _wrong(placer: Placer, where: str, what: str, remedy: str) -> BadSpec:
    return BadSpec(f"field '{where}' {what}", file=str(placer.world.file), field=where, remedy=remedy)
