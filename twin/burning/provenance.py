"""Where each cell's height comes from: the codes of the provenance raster, their names and their colours."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """One way in which a cell can have come by its height."""

    code: int
    name: str  # as `about` of the asset "grid" says it
    title_ko: str
    title_en: str
    colour: tuple[int, int, int]


TERRAIN, SURVEYED, INTERPOLATED, LEVEE, BRIDGE, BUILDING, BLENDED = range(7)
ORIGINS: tuple[Origin, ...] = (
    Origin(TERRAIN, "terrain", "지형 자료", "Terrain", (226, 217, 190)),
    Origin(SURVEYED, "surveyed", "측량", "Surveyed", (19, 58, 124)),
    Origin(INTERPOLATED, "interpolated", "보간", "Interpolated", (91, 166, 220)),
    Origin(LEVEE, "levee", "제방 마루", "Levee or structure kept", (178, 94, 30)),
    Origin(BRIDGE, "bridge_removed", "교량 제거", "Bridge removed", (138, 79, 168)),
    Origin(BUILDING, "building", "건물", "Building", (110, 110, 110)),
    Origin(BLENDED, "blended", "둔치 접합", "Blended at the bank", (190, 202, 120)),
)
