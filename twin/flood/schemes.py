"""The schemes by name, and the back-ends that run them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from naru.errors import BadSpec, ExtraMissing
from twin.flood.records import Boundary, Domain, Options, Water
from twin.grid import Values

Start = Callable[[Domain, Values, Boundary, Options], Water]
_WHERE = {  # scheme, back-end: where its `start` is
    ("inertial", "numba"): "twin.flood.inertial.scheme",
    ("full", "numba"): "twin.flood.full.scheme",
    ("inertial", "warp"): "twin.flood.warped.inertial",
    ("full", "warp"): "twin.flood.warped.full",
}
SCHEMES = tuple(dict.fromkeys(scheme for scheme, _ in _WHERE))
BACKENDS = tuple(dict.fromkeys(backend for _, backend in _WHERE))


def start(domain: Domain, depth: Values, boundary: Boundary, options: Options) -> Water:
    """Return the water of a scheme: `depth` (rows × columns, m, NaN or 0 outside) at rest.

    Raises:
        BadSpec: no back-end of that name runs that scheme.
        ExtraMissing: the back-end is not installed.
    """
    where = _WHERE.get((options.scheme, options.backend))
    if where is None:
        raise BadSpec(
            f"field 'backend' is '{options.backend}', which does not run the scheme '{options.scheme}'",
            field="backend",
            remedy=f"Known are: {', '.join(BACKENDS)}.",
        )
    if options.backend == "warp" and options.eddy_viscosity:
        raise BadSpec(
            "field 'eddy_viscosity' is set, which the back-end 'warp' has not",
            field="eddy_viscosity",
            remedy="Take the back-end numba, or leave it out.",
        )
    try:
        module = import_module(where)
    except ModuleNotFoundError as error:
        if error.name != "warp":
            raise
        raise ExtraMissing(
            "the back-end 'warp' is not installed", field="backend", remedy="pip install 'naru-city[gpu]'"
        ) from error
    begin: Start = module.start
    return begin(domain, depth, boundary, options)
