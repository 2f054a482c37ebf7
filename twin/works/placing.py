"""Structures on lines come to stand on faces: weirs, levees, bridges, basins. Gates: `placing_gates`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import shapely

from naru.errors import BadFacility
from twin.facilities.openings import Bridge, SluiceGate, Weir
from twin.facilities.records import Facility
from twin.facilities.storage import Levee, RetentionBasin
from twin.flood.records import Ints, Water
from twin.flood.world import World
from twin.grid import Floats
from twin.works.basins import Basin
from twin.works.breaches import Wall
from twin.works.bridges import BridgeDeck, Deck
from twin.works.crossings import Bucket, Layout, Owner, numbers_of, widths
from twin.works.faces import Chain, Flags, lay
from twin.works.laws.crossing import BRIDGE, WEIR
from twin.works.operating import Clock, Rules, check_rules
from twin.works.sharing import Holders, lowest_by_face
from twin.works.site import Site

VILLEMONTE = 0.385
NEAR_M = 0.3  # ground so little above a sill is no embankment
_LEVEL_M, _MOST_PARTS = 0.1, 50  # a crest that rises is followed in parts that differ by so much
_CUT = 0.25  # of a line: more outside the domain is told


@dataclass
class Standing:
    """A weir or a levee as it stands: gates and breaches take parts of it."""

    it: Facility
    chain: Chain
    wall: Wall
    crest: Floats  # EL m, by face


@dataclass
class Placer:
    """Lays structures one after the other: lines first, then what stands in them."""

    world: World
    site: Site
    layout: Layout
    standing: dict[str, Standing] = field(default_factory=dict)
    buckets: list[Bucket] = field(default_factory=list)
    basins: dict[str, tuple[RetentionBasin, Basin]] = field(default_factory=dict)
    crests: Holders = field(default_factory=Holders)  # faces of weirs and levees
    decks: Holders = field(default_factory=Holders)  # faces of bridges

    def chain(self, it: Facility) -> Chain:
        """Return the faces of a structure's line. Raises BadFacility where there are none."""
        whole = lay(self.world.domain.frame, it.plan.xy)
        out = whole.within(self.world.domain.frame, self.world.domain.active)
        if not len(out.face):
            raise BadFacility(
                "lies on no face between two cells of the domain",
                file=str(self.world.file),
                feature=it.id,
                field="geometry",
                remedy="Check its coordinates. A line along the edge of the domain holds nothing back: move it a "
                "cell inwards, or give that edge a rating curve.",
            )
        share = float((out.end - out.begin).sum()) / it.plan.length_m if it.plan.length_m else 1.0
        if it.plan.length_m > self.world.domain.frame.cell_m and share < 1 - _CUT:
            self.world.warnings.append(f"{it.id}: only {share:.0%} of its line lies in the domain")
        return out

    def high_bed(self, cells: Ints) -> Floats:
        """Return the higher bed of pairs of cells, EL m."""
        out: Floats = self.site.bed[cells].max(axis=1)
        return out

    def gauge(self) -> Callable[[Water, str], float]:
        """Return what reads the stage at a gauge."""
        cells, bed = self.world.gauges, self.site.bed

        def read(water: Water, name: str) -> float:
            cell = cells[name]
            return float(bed[cell] + water.depths(np.array([cell]))[0])

        return read

    def rules(self, it: SluiceGate) -> Rules:
        """Return a gate's rules, checked."""
        check_rules(it, it.rules, self.world)
        return Rules(it.rules, Clock.of(self.world))


def place_weir(placer: Placer, it: Weir) -> None:
    """Lay a weir: its own width over all its faces."""
    chain = placer.chain(it)
    width = widths(chain, it.width_m)
    crest = np.maximum(it.crest_elevation_m, placer.high_bed(chain.cells))
    law = {
        "OVER": it.discharge_coefficient,
        "EXPONENT": it.submergence_exponent,
        "MODULAR": it.modular_limit or 0.0,
        "ONE_WAY": float(it.one_way),
    }
    _stand(placer, it, chain, width, crest, law)


def place_levee(placer: Placer, it: Levee) -> Standing:
    """Lay a levee: its crest by distance along the line, however coarse the cells are."""
    chain = placer.chain(it).split(_level_parts(it))
    middle = (chain.begin + chain.end) / 2
    crest = np.maximum([it.crest_at(float(at)) for at in middle], placer.high_bed(chain.cells))
    return _stand(
        placer, it, chain, widths(chain, None), crest, {"OVER": it.discharge_coefficient, "EXPONENT": VILLEMONTE}
    )


def _level_parts(it: Levee) -> Floats:
    """Return where along a levee its crest bends, or has risen or fallen by so much: a low spot may be short."""
    if not it.crest_profile:
        return np.empty(0)
    run, crest = np.transpose(it.crest_profile)
    count = np.clip(np.ceil(np.abs(np.diff(crest)) / _LEVEL_M), 1, _MOST_PARTS).astype(np.int64)
    parts = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(run[:-1], run[1:], count, strict=True)]
    return np.concatenate([*parts, run[-1:]])


def _stand(
    placer: Placer, it: Facility, chain: Chain, width: Floats, crest: Floats, law: Mapping[str, float]
) -> Standing:
    width = width.copy()
    lower = np.zeros(len(width), bool)
    lowest = lowest_by_face(chain, crest)
    for name, (own, theirs) in placer.crests.others(chain).items():
        lower[own] = _share(placer, (it, own, width, lowest), placer.standing[name], theirs)
    width[lower] = 0.0
    placer.crests.hold(chain, it.id, np.flatnonzero(~lower))
    numbers = numbers_of(len(width), CREST=crest, WIDTH=width, **law)
    rows = placer.layout.add(chain.cells, WEIR, numbers)
    placer.layout.close(chain)
    placer.layout.owners.append(Owner(it.id, rows))
    out = Standing(it, chain, Wall(rows, width.copy()), crest)
    placer.standing[it.id] = out
    return out


def _share(
    placer: Placer, new: tuple[Facility, Ints, Floats, Floats], host: Standing, theirs: Ints
) -> Flags | np.bool_:
    """Settle which of two lines counts on faces that both lie on; return where it is not the new one.

    A weir that lies along a levee is a spillway in it: the levee gives up its width there. Else the water has to
    pass both, one behind the other: the higher crest counts, and the lower one passes nothing there.
    """
    it, own, width, crest = new
    other = lowest_by_face(host.chain, host.crest)[theirs]
    there, common = host.wall.width[theirs], np.unique(own)
    if isinstance(it, Weir) and isinstance(host.it, Levee) and 2 * len(common) >= len(width):
        whole = np.bincount(own, there, len(width))[own]  # a levee's face may have several parts
        share = np.where(whole > 0, np.minimum(width[own] / np.maximum(whole, 1e-12), 1.0), 0.0)
        lower: Flags = np.zeros(len(own), bool)
    else:
        lower = crest[own] < other
        share = np.where(lower, 0.0, 1.0)
        placer.world.warnings.append(
            f"{it.id}: {len(common)} of its {len(width)} faces between cells are those of {host.it.id}, too: the "
            "higher crest counts there"
        )
    gone = np.zeros(len(host.wall.width))
    np.maximum.at(gone, theirs, there * share)
    placer.layout.later.append(lambda numbers: host.wall.take(numbers, it.id, gone))
    return lower


def place_bridge(placer: Placer, it: Bridge) -> None:
    """Lay a bridge: open until the deck is touched; piers close the nearest whole number of faces.

    Where another structure has closed a face, or another bridge's deck is lower, that one counts.
    """
    whole = placer.chain(it)
    free = ~placer.site.closes(whole)
    for own, _ in placer.decks.others(whole).values():
        free[own] = False
    if not free.all():
        placer.world.warnings.append(
            f"{it.id}: {(~free).sum()} of its {len(free)} faces between cells are those of other structures: the "
            "water passes there as they let it, and this deck does not count"
        )
    if not free.any():
        return
    chain, width = whole.keep(free), widths(whole, None)[free]
    placer.decks.hold(chain, it.id, np.arange(len(chain.face)))
    blocked = float(it.derived()["blocked_width_m"])
    share = 1.0 - min(blocked / it.geometry.length_m, 0.95)
    top = it.low_chord_elevation_m + it.deck_thickness_m + it.parapet_height_m
    bed = placer.high_bed(chain.cells)
    opening = np.maximum(it.low_chord_elevation_m - bed, 0.0)
    numbers = numbers_of(
        len(width),
        CREST=bed,
        OVER=it.weir_coefficient,
        EXPONENT=VILLEMONTE,
        OPENING=opening,
        TOP=top,
        DROWNED=it.orifice_coefficient,
    )
    rows = placer.layout.add(chain.cells, BRIDGE, numbers)
    piers = _piers(width, blocked, it.piers)
    deck = Deck(rows, chain, width * share, piers, it.low_chord_elevation_m)
    placer.layout.owners.append(Owner(it.id, rows, BridgeDeck(deck), chain))


def _piers(width: Floats, blocked_m: float, piers: int) -> Flags:
    """Return the faces that piers take: as many as come nearest to their width, evenly spread."""
    out: Flags = np.zeros(len(width), bool)
    mean = float(width.mean())
    count = min(round(blocked_m / mean) if mean > 0 and piers else 0, len(width) - 1)
    if count:
        out[((np.arange(count) + 0.5) * len(width) / count).astype(int)] = True
    return out


# --- basins -----------------------------------------------------------------------------------------


def place_basin(placer: Placer, it: RetentionBasin) -> None:
    """Lay a basin as a bucket beside the ground, unless the terrain holds it."""
    cells = _cells_in(placer, it)
    if not it.stage_volume:
        return  # the terrain's own cells hold the water
    bed = placer.site.bed[cells]
    if bed.mean() < (it.floor_elevation_m + it.crest_elevation_m) / 2:
        placer.world.warnings.append(
            f"{it.id}: the terrain has this basin (its cells lie at EL {bed.mean():.2f} on average, its crest at "
            f"EL {it.crest_elevation_m:g}): the cells hold the water, and stage_volume is not used"
        )
        return
    basin = Basin(it)
    placer.buckets.append(basin)
    placer.basins[it.id] = (it, basin)
    around = it.geometry.length_m or placer.world.domain.frame.cell_m * 4
    pairs = np.column_stack([cells, np.full(len(cells), -len(placer.buckets))]).astype(np.int64)
    numbers = numbers_of(
        len(cells),
        CREST=np.maximum(it.crest_elevation_m, bed),
        WIDTH=around / len(cells),
        OVER=it.discharge_coefficient,
        EXPONENT=VILLEMONTE,
    )
    placer.layout.owners.append(Owner(it.id, placer.layout.add(pairs, WEIR, numbers), basin))


def _cells_in(placer: Placer, it: RetentionBasin) -> Ints:
    """Return the cells whose centres lie in an outline; of a point, or where there are none, the middle's."""
    frame = placer.world.domain.frame
    if it.geometry.kind == "polygon":
        x, y = np.meshgrid(frame.x, frame.y)
        inside = shapely.contains_xy(shapely.Polygon(it.geometry.points), x.ravel(), y.ravel())
        cells = np.flatnonzero(inside & placer.site.active)
        if len(cells):
            return cells.astype(np.int64)
    cell = placer.site.cells_at(np.array([it.geometry.middle]))
    if cell[0] < 0:
        raise BadFacility(
            "lies on no cell of the domain",
            file=str(placer.world.file),
            feature=it.id,
            field="geometry",
            remedy="Check its coordinates.",
        )
    return cell
