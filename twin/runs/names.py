"""A scenario's id begins the ids of its layers: they must not be those of layers that are no floods."""

from __future__ import annotations

from naru.errors import BadSpec, UnknownLayer
from naru.house import House
from naru.records import Layer
from twin.results.layers import layer_ids


def check_ids(scenario: str, house: House) -> None:
    """See before the water moves that the layers of a run would replace none but those of an earlier run.

    A scenario called like its terrain would else put the flood in the place of the river's own depths.

    Raises:
        BadSpec: there is a layer of such an id that is no result of a run.
    """
    there = [layer for name in layer_ids(scenario) if (layer := _found(name, house)) is not None]
    if there and not any("run" in layer.live.assets for layer in there):
        raise BadSpec(
            f"field 'scenario' is '{scenario}', whose results would replace the layer '{there[0].id}', "
            "which is no flood",
            layer=there[0].id,
            field="scenario",
            remedy="Give the scenario another id, such as one that says which storm it is.",
        )


def _found(name: str, house: House) -> Layer | None:
    try:
        return house.catalogue.layer(name)
    except UnknownLayer:
        return None
