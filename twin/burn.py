"""The bed is burnt into the ground, and what stands beside it is put right: the order of the steps of `burning`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twin.bank_heights import beside_banks, surveyed_banks
from twin.bed.records import SURVEYED as BED_SURVEYED
from twin.bed.records import Bed
from twin.burning import provenance
from twin.burning.banks import BankStep, bank_gap_m, bank_step, blend
from twin.burning.bridges import Cleared, Deck, remove_decks
from twin.burning.buildings import footprint_cells, raise_buildings
from twin.burning.cells import Mask, neighbours
from twin.burning.levees import Levee, Raised, keep_crests
from twin.burning.roughness import roughness
from twin.burning.volume import VolumeChange, volume_changes
from twin.burning.water import water_depth
from twin.grid import Frame, Grid, Values
from twin.obstacles import Footprints
from twin.rasters import Surfaces
from twin.spec_records import TerrainSpec
from twin.stage import StageLine, stage_over
from twin.survey.records import Survey


@dataclass(frozen=True)
class Obstacles:
    """What stands beside and over the river."""

    levees: tuple[Levee, ...] = ()
    decks: tuple[Deck, ...] = ()
    footprints: Footprints | None = None


@dataclass(frozen=True)
class Burnt:
    """The finished surfaces, and what burning did."""

    surfaces: Surfaces
    frame: Frame
    step_before: BankStep | None  # the largest at the bank, before the blend
    step: BankStep | None  # and after it
    gap_before_m: float | None  # how far the ground beside the channel is off the surveyed bank, before the blend
    gap_m: float | None  # and after it
    volumes: tuple[VolumeChange, ...]  # by code of provenance
    warnings: tuple[str, ...]

    @property
    def volume(self) -> VolumeChange:
        """The earth that was moved: all but the buildings."""
        earth = [v for code, v in enumerate(self.volumes) if code != provenance.BUILDING]
        return sum(earth, VolumeChange())


def burn(
    ground: Grid, survey: Survey, bed: Bed, obstacles: Obstacles, stages: tuple[StageLine, ...], spec: TerrainSpec
) -> Burnt:
    """Return the ground with the bed in it, water depths, roughness and provenance. All heights are float32."""
    frame, channel, at_bank = ground.frame, bed.mask, beside_banks(survey, bed)
    before = ground.values.astype(np.float32, copy=False)
    lowered = bed.elevation.values.astype(np.float32, copy=False)
    cleared = remove_decks(before, lowered, obstacles.decks, frame)
    before_blend = bank_step(np.where(channel, lowered, cleared.values), channel, at_bank, frame)
    banks = surveyed_banks(survey, bed, at_bank)
    gaps = [bank_gap_m(cleared.values, at_bank, channel, banks, frame, spec.bank_blend_m)]
    surface, strip = blend(cleared.values, lowered, frame, spec.bank_blend_m, at_bank, banks)
    step = bank_step(surface, channel, at_bank, frame)
    gaps.append(bank_gap_m(surface, at_bank, channel, banks, frame, spec.bank_blend_m))
    raised = keep_crests(surface, cleared.values, obstacles.levees, channel, frame)
    surface, houses = _with_buildings(raised.values, obstacles.footprints, channel, frame, spec)
    surface = surface.astype(np.float32, copy=False)
    origin = _origins(bed, strip, cleared.cells, raised.cells, houses)
    surfaces = Surfaces(
        bed_elevation=surface,
        water_depth=water_depth(surface, stage_over(stages, bed, surface, at_bank), channel) if stages else None,
        manning_n=_manning(channel, surface, obstacles.footprints, frame, spec),
        provenance=origin,
    )
    volumes = volume_changes(before, surface, origin, frame.cell_m, len(provenance.ORIGINS))
    warnings = _warnings(surfaces, channel, at_bank, cleared, raised, obstacles, spec)
    return Burnt(surfaces, frame, before_blend, step, gaps[0], gaps[1], volumes, warnings)


def _with_buildings(
    values: Values, footprints: Footprints | None, channel: Mask, frame: Frame, spec: TerrainSpec
) -> tuple[Values, Mask]:
    if footprints is None or spec.buildings is None or spec.buildings.treatment != "raise":
        return values, np.zeros(values.shape, bool)
    return raise_buildings(values, footprints.shapes.tolist(), footprints.height_m, channel, frame)


def _manning(
    channel: Mask, surface: Values, footprints: Footprints | None, frame: Frame, spec: TerrainSpec
) -> npt.NDArray[np.float32]:
    n, over = spec.manning_n, None
    if footprints is not None and spec.buildings is not None and spec.buildings.treatment == "roughness":
        on = footprint_cells(footprints.shapes.tolist(), channel, frame)
        over = np.where(on, np.float32(n.buildings), np.float32(np.nan))
    return roughness(channel, ~np.isnan(surface), n.channel, n.floodplain, over)


def _origins(bed: Bed, strip: Mask, cleared: Mask, raised: Mask, houses: Mask) -> npt.NDArray[np.uint8]:
    """Return the codes of provenance; what comes later in the order of the work counts."""
    out = np.where(bed.mask, np.uint8(provenance.INTERPOLATED), np.uint8(provenance.TERRAIN))
    out[bed.mask & (bed.source == BED_SURVEYED)] = provenance.SURVEYED
    for cells, code in (
        (strip, provenance.BLENDED),
        (cleared, provenance.BRIDGE),
        (raised, provenance.LEVEE),
        (houses, provenance.BUILDING),
    ):
        out[cells] = code
    return out


def _warnings(
    surfaces: Surfaces,
    channel: Mask,
    at_bank: Mask,
    cleared: Cleared,
    raised: Raised,
    obstacles: Obstacles,
    spec: TerrainSpec,
) -> tuple[str, ...]:
    """Say what did not go as the terrain file wished."""
    out = [
        f"levee '{name}' crosses the channel at {x:.1f}, {y:.1f}: there the bed was kept, not the crest"
        for name, x, y in raised.crossings
    ]
    out += [f"bridge '{name}' was left: no ground is known beside it" for name in cleared.left]
    holes = int((neighbours(channel & at_bank) & ~channel & np.isnan(surfaces.bed_elevation)).sum())
    if holes:
        out.append(
            f"{holes} cells beside the channel have no ground: give a ground without holes, or widen the blend"
        )
    if 0 < spec.bank_blend_m < spec.cell_m:
        out.append(
            f"bank_blend_m ({spec.bank_blend_m:g} m) is less than a cell ({spec.cell_m:g} m): nothing is blended"
        )
    if obstacles.footprints is not None and obstacles.footprints.assumed:
        out.append(
            f"{obstacles.footprints.assumed} buildings say no height: 3 m is assumed (height_m sets another)"
        )
    if surfaces.water_depth is not None and not np.nanmax(surfaces.water_depth, initial=0) > 0:
        out.append("the stage lies below the bed everywhere: there is no water, and no layer of depths")
    return tuple(out)
