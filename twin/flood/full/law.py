"""What the scheme's equations are told: its numbers. One for all back-ends."""

from __future__ import annotations

from naru.errors import BadSpec
from twin.flood.records import Options

GRAVITY = 9.81  # m/s²
DRY_M = 1e-5
CFL = 0.45
MOST_EDDIES = 20.0  # eddy viscosity by shear velocity and depth: the largest found in rivers, and some
THETA = 1.3  # of the limiter: 1 minmod … 2 monotonised central
STEEP = 2.0  # rise by run of a bed beyond the reach of the water that reflects it; gentler ones are beaches


def check(options: Options) -> None:
    """Refuse what is out of its range.

    Raises:
        BadSpec: it names the field and its range.
    """
    limits = {"cfl": (0.0, 1.0), "dry_m": (0.0, 0.1)}
    for name, (least, most) in limits.items():
        value = getattr(options, name)
        if value is not None and not least < value <= most:
            raise BadSpec(f"field '{name}' is {value}, not in ({least:g}, {most:g}]", field=name)
    if not 0 <= options.eddy_viscosity <= MOST_EDDIES:
        text = f"field 'eddy_viscosity' is {options.eddy_viscosity}, not from 0 to {MOST_EDDIES:g}"
        raise BadSpec(text, field="eddy_viscosity")
    if options.order not in (1, 2):
        raise BadSpec(f"field 'order' is {options.order}", field="order", remedy="Give 1 or 2.")
    if options.precision not in ("float32", "float64"):
        raise BadSpec(
            f"field 'precision' is '{options.precision}'", field="precision", remedy="Give float32 or float64."
        )
