"""Gates come to stand on faces: in a weir or a levee, or by themselves."""

from __future__ import annotations

import numpy as np
import shapely

from twin.facilities.openings import SluiceGate
from twin.facilities.storage import Levee
from twin.flood.records import Ints
from twin.grid import Floats
from twin.works.crossings import Owner, numbers_of, widths
from twin.works.faces import Chain, Flags
from twin.works.gates import Gate, Leaves
from twin.works.laws.crossing import GATE, WEIR
from twin.works.placing import NEAR_M, VILLEMONTE, Placer, Standing

_BESIDE_M = 5.0  # a gate within this (or a cell) of a weir's or a levee's line stands in it


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
        "EXPONENT": VILLEMONTE,
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
