"""Structures on lines come to stand on faces: weirs, levees, gates, bridges, breaches, basins."""

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
from twin.works.gates import Gate, Leaves
from twin.works.laws.crossing import BRIDGE, GATE, WEIR
from twin.works.operating import Clock, Rules, check_rules
from twin.works.site import Site

_BESIDE_M = 5.0  # a gate within this (or a cell) of a weir's or a levee's line stands in it
_VILLEMONTE = 0.385
NEAR_M = 0.3  # ground so little above a sill is no embankment
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
                remedy="Check its coordinates; a line along the edge of the domain holds nothing back.",
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
            return float(bed[cell] + water.depth[divmod(cell, water.depth.shape[1])])

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
    """Lay a levee: its crest by distance along the line."""
    chain = placer.chain(it)
    middle = (chain.begin + chain.end) / 2
    crest = np.maximum([it.crest_at(float(at)) for at in middle], placer.high_bed(chain.cells))
    return _stand(
        placer, it, chain, widths(chain, None), crest, {"OVER": it.discharge_coefficient, "EXPONENT": _VILLEMONTE}
    )


def _stand(
    placer: Placer, it: Facility, chain: Chain, width: Floats, crest: Floats, law: Mapping[str, float]
) -> Standing:
    numbers = numbers_of(len(width), CREST=crest, WIDTH=width, **law)
    rows = placer.layout.add(chain.cells, WEIR, numbers)
    placer.layout.close(chain)
    placer.layout.owners.append(Owner(it.id, rows))
    out = Standing(it, chain, Wall(rows, width.copy()), crest)
    placer.standing[it.id] = out
    return out


def place_bridge(placer: Placer, it: Bridge) -> None:
    """Lay a bridge: open until the deck is touched; piers close the nearest whole number of faces."""
    chain = placer.chain(it)
    width = widths(chain, None)
    blocked = float(it.derived()["blocked_width_m"])
    share = 1.0 - min(blocked / it.geometry.length_m, 0.95)
    top = it.low_chord_elevation_m + it.deck_thickness_m + it.parapet_height_m
    bed = placer.high_bed(chain.cells)
    opening = np.maximum(it.low_chord_elevation_m - bed, 0.0)
    numbers = numbers_of(
        len(width),
        CREST=bed,
        OVER=it.weir_coefficient,
        EXPONENT=_VILLEMONTE,
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


# --- gates ------------------------------------------------------------------------------------------


def place_gate(placer: Placer, it: SluiceGate) -> None:
    """Lay a gate: in the weir or levee that it stands in, else on faces of its own."""
    host = _host(placer, it)
    chain, wall = _in_host(placer, it, host) if host else (placer.chain(it), None)
    width = widths(chain, it.width_m * it.units)
    level = it.sill_elevation_m
    pairs = np.array([placer.site.beyond(pair, level + NEAR_M) for pair in chain.cells])
    sill = np.maximum(level, placer.high_bed(pairs))
    placer.layout.close(chain)
    share = it.working
    stuck = _leaves(placer, it, (pairs, sill, width * (1 - share), wall)) if share < 1 else None
    moving = _leaves(placer, it, (pairs, sill, width * share, wall)) if share > 0 else None
    rows = np.concatenate([leaves.rows for leaves in (moving, stuck) if leaves])
    part = Gate(it, moving, rows, placer.rules(it), placer.gauge())
    placer.layout.owners.append(Owner(it.id, rows, part))


def _leaves(placer: Placer, it: SluiceGate, laid: tuple[Ints, Floats, Floats, Floats | None]) -> Leaves:
    pairs, sill, width, wall = laid
    none = np.full(len(width), -np.inf)
    values: dict[str, Floats | float] = {
        "WIDTH": width,
        "OVER": it.weir_coefficient,
        "EXPONENT": _VILLEMONTE,
        "FREE": it.contraction_coefficient,
        "DROWNED": it.submerged_coefficient,
        "ONE_WAY": float(it.one_way),
    }
    kind = GATE if it.gate_kind in {"vertical_lift", "radial"} else WEIR
    rows = placer.layout.add(pairs, kind, numbers_of(len(width), CREST=sill, **values))
    if it.gate_kind == "land":
        top = np.maximum(sill, it.sill_elevation_m + it.height_m)
        rows = np.concatenate([rows, placer.layout.add(pairs, WEIR, numbers_of(len(width), CREST=top, **values))])
    out = Leaves(rows, width, sill, none if wall is None else wall)
    placer.layout.later.append(lambda numbers: out.set(numbers, it, it.opening_m))
    return out


def _host(placer: Placer, it: SluiceGate) -> Standing | None:
    """Return the weir or levee whose line the gate's middle is beside."""
    middle = shapely.Point(it.plan.middle)
    near = max(_BESIDE_M, placer.world.domain.frame.cell_m)
    found = []
    for name, each in placer.standing.items():
        line = shapely.LineString(each.it.plan.points)
        if 0 < line.project(middle) < line.length:  # a gate that goes on where a weir ends stands beside it
            found.append((float(line.distance(middle)), name))
    away, nearest = min(found, default=(np.inf, ""))
    return placer.standing[nearest] if away <= near else None


def _in_host(placer: Placer, it: SluiceGate, host: Standing) -> tuple[Chain, Floats | None]:
    """Return the faces of the host that the gate takes, turned as the gate is; and the crest over it."""
    line = shapely.LineString(host.it.plan.points)
    at, half = float(line.project(shapely.Point(it.plan.middle))), it.width_m * it.units / 2
    chain = host.chain
    part = np.minimum(chain.end, at + half) - np.maximum(chain.begin, at - half)
    which: Flags = part > 1e-9
    if not which.any():
        which = np.arange(len(part)) == int(np.abs((chain.begin + chain.end) / 2 - at).argmin())
    gone = np.zeros(len(part))
    gone[which] = np.minimum(np.maximum(part[which], 0.0), host.wall.width[which])
    placer.layout.later.append(lambda numbers: host.wall.take(numbers, it.id, gone))
    out = chain.keep(which)
    if _against(it, host, at):
        out = Chain(out.vertical, out.face, out.cells[:, ::-1], out.begin, out.end, out.length_m)
    over = host.crest[which] if isinstance(host.it, Levee) else None
    return out, over


def _against(it: SluiceGate, host: Standing, at: float) -> bool:
    """Tell whether the gate's flow runs against the host's."""
    own = it.plan.xy[-1] - it.plan.xy[0]
    step = host.it.plan.at(min(at + 0.5, host.it.plan.length_m)), host.it.plan.at(max(at - 0.5, 0.0))
    return bool(np.dot(own, np.subtract(*step)) < 0)


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
        EXPONENT=_VILLEMONTE,
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
