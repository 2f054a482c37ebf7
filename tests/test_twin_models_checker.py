"""The checker of tilesets finds what the validator's own cases have, and nothing in those that are sound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tiles3d_checks import check_tileset

# sound by themselves: what is wrong with them lies in other files, or (the first) nothing is
_SOUND = {
    "tileContentBoundingVolumeWithRotationTransform.json",
    "tileRefineMissingInRootOfExternal.json",
    "tilesetWithCycleB.json",
    "tilesetWithMultipleExternal.json",
    "tilesetWithMultipleExternalA0.json",
    "tilesetWithMultipleExternalB.json",
}


def test_sample_tilesets_have_no_faults(shared: Callable[[str], Path]) -> None:
    samples = sorted(shared("data/tiles3d").rglob("tileset*.json"))
    assert len(samples) >= 5
    assert {str(path): faults for path in samples if (faults := check_tileset(path.read_bytes()))} == {}


def test_cases_of_the_validator_are_told_apart(shared: Callable[[str], Path]) -> None:
    cases = sorted(shared("data/tiles3d_cases/tilesets").glob("*.json"))
    assert len(cases) > 60
    for path in cases:
        sound = path.name.startswith("valid") or path.name.endswith("Valid.json") or path.name in _SOUND
        faults = check_tileset(path.read_bytes())
        assert bool(faults) != sound, (path.name, faults)


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"asset": {"version": "1.1"}}', b"\xef\xbb\xbf{}"])
def test_what_is_no_tileset_has_faults(raw: bytes) -> None:
    assert check_tileset(raw)
