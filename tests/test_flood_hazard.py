"""The debris factor of the hazard rating: said in the scenario, held by both schemes, told in the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from naru.errors import BadSpec
from tests.flood_scenarios import mapping, write_raster
from twin.flood import advance as course
from twin.flood.records import Maxima
from twin.report import words
from twin.runs.run import start
from twin.scenario.assemble import assemble
from twin.scenario.read import read_mapping
from twin.scenario.read_hazard import LAND_USES

TABLE = {"debris": [{"depth_to_m": 0.6, "factor": 0.25}, {"depth_to_m": 2, "factor": 2}, {"factor": 3}]}


class Quiet:
    """A watcher that looks on."""

    def step(self, flood: course.Flood, dt_s: float) -> None: ...

    def output(self, flood: course.Flood, balance: Any) -> None: ...

    def track(self, flood: course.Flood) -> None: ...


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a flat terrain."""
    write_raster(tmp_path / "dem.tif", np.zeros((4, 5)))
    return tmp_path


@pytest.mark.parametrize("scheme", ["inertial", "full"])
@pytest.mark.parametrize(
    ("hazard", "depth_m", "factor"),
    [
        (None, 0.5, 0.5),
        ({"land_use": "urban"}, 0.5, 1.0),
        ({"land_use": "pasture"}, 0.5, 0.0),
        ({"land_use": "pasture"}, 0.9, 0.5),
        ({"land_use": "none"}, 0.9, 0.0),
        (TABLE, 0.5, 0.25),
        (TABLE, 1.5, 2.0),
        (TABLE, 2.5, 3.0),
    ],
)
def test_standing_water_has_the_rating_of_the_scenarios_debris_factor(
    folder: Path, scheme: str, hazard: dict[str, Any] | None, depth_m: float, factor: float
) -> None:
    given = mapping(duration_s=2, scheme=scheme, hazard=hazard, initial={"depth_m": depth_m})
    flood = start(assemble(read_mapping(given, folder / "scenario.yaml"), None))
    course.advance(flood, course.Plan(2.0, 2.0), Quiet())
    assert flood.maxima.hazard == pytest.approx(depth_m * 0.5 + factor, abs=1e-4)


def test_a_scenario_that_says_nothing_has_the_factors_of_woodland(folder: Path) -> None:
    found = read_mapping(mapping(), folder / "scenario.yaml").hazard
    assert found.debris == LAND_USES["woodland"] == Maxima.debris
    assert "0 up to 0.25 m, 0.5 up to 0.75 m, 1 deeper (Defra/EA FD2320, woodland)" in words.debris(found.told())[1]
    assert words.debris(None) == words.debris(found.told())  # of runs before it was told


@pytest.mark.parametrize(
    ("hazard", "field"),
    [
        ({"land_use": "moor"}, "hazard.land_use"),
        ({"land_use": "urban", **TABLE}, "hazard.debris"),
        ({"debris": []}, "hazard.debris"),
        ({"debris": [{"factor": 0}, {"factor": 1}]}, "hazard.debris[0].depth_to_m"),
        ({"debris": [{"depth_to_m": 1, "factor": 0}]}, "hazard.debris[0].depth_to_m"),
        ({"debris": [*TABLE["debris"][1:2], *TABLE["debris"]]}, "hazard.debris[1].depth_to_m"),
        ({"debris": [{"factor": -1}]}, "hazard.debris[0].factor"),
        ({"debri": []}, "hazard.debri"),
    ],
)
def test_debris_that_cannot_be_is_named(folder: Path, hazard: dict[str, Any], field: str) -> None:
    with pytest.raises(BadSpec) as caught:
        read_mapping(mapping(hazard=hazard), folder / "scenario.yaml")
    assert caught.value.field == field
