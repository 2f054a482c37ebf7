"""A scenario becomes a domain, water, actors and a plan: numbers on the cells that it runs on."""

from __future__ import annotations

from naru.house import House
from twin.scenario.records import Assembled
from twin.scenario.spec import Scenario


def assemble(scenario: Scenario, house: House | None) -> Assembled:
    """Return all that a run needs. `house` holds the layers that the scenario names; None where it names none.

    Raises:
        BadSpec: a value, named by its field, does not fit the terrain.
        FileMissing, FileDamaged, CrsRefused, CrsUnknown, DatumRefused: of files that the scenario names.
        UnknownLayer: a layer is not there.
        TooLarge: more cells than the machine can hold.
    """
    raise NotImplementedError
