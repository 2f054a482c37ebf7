"""How a scenario runs: how long, what is written when, by which scheme, and how it is shown."""

from __future__ import annotations

import re
from datetime import datetime
from typing import cast

from naru.catalogue import check_layer_id
from naru.errors import BadLayerId
from twin.crs import usable_crs
from twin.fields import Fields
from twin.flood.records import Options
from twin.flood.schemes import BACKENDS, SCHEMES
from twin.scenario.read_sources import group
from twin.scenario.records import Publication

LONGEST_S = 366 * 86_400.0
MOST_OUTPUTS = 10_000
OUTPUTS = (
    "max_depth",
    "max_velocity",
    "max_hazard",
    "arrival_time",
    "duration",
    "peak_time",
    "final_stage",
    "netcdf",
    "gauges",
    "sections",
    "structures",
    "balance",
    "frames",
    "scenario",
    "report",
)
LIMITS = {  # number fields: lowest, highest, unit
    "cfl": (0.01, 1.0, ""),
    "theta": (0.0, 1.0, ""),
    "dry_m": (1e-9, 0.1, "m"),
    "eddy_viscosity": (0.0, 20.0, "times shear velocity and depth"),
    "threads": (0, 1024, "threads (0: as many as are worth it)"),
    "longest_step_s": (1e-4, 3600.0, "s"),
    "threshold_m": (1e-6, 10.0, "m"),
    "gauge_every_s": (1e-6, LONGEST_S, "s"),
    "volume_error": (1e-15, 1.0, "of all water"),
}
_PER = {"h": 3600.0, "min": 60.0, "s": 1.0}
_FIRST_YEAR, _LAST_YEAR = 1800, 2500
_LONGEST_ID = 40  # the layers' ids have up to 13 characters more


def scenario_id(top: Fields) -> str:
    """Return the scenario's id. Raises BadSpec where it cannot stand in an address."""
    value = top.text("scenario", str(top.needed("scenario"))) or ""
    try:
        check_layer_id(value)
    except BadLayerId as error:
        raise top.wrong("scenario", f"is '{value[:60]}', which is no id", error.remedy) from error
    if len(value) > _LONGEST_ID:
        raise top.wrong("scenario", f"has {len(value)} characters", f"Take at most {_LONGEST_ID}.")
    return value


def duration(top: Fields) -> float:
    """Return how long the run is, s. Raises BadSpec."""
    value = _time(top, "duration", 1e-3)
    if value is None:
        raise top.wrong("duration_h", "is missing", "Give one of: duration_h, duration_min, duration_s.")
    return value


def output_every(top: Fields, duration_s: float) -> float:
    """Return after how many seconds each the state is written; 5 min, or a twelfth of a run under an hour."""
    value = _time(top, "output_every", 1e-6)
    if value is None:
        return min(300.0, duration_s / 12)
    if duration_s / value > MOST_OUTPUTS:
        name = next(f"output_every_{unit}" for unit in _PER if top.has(f"output_every_{unit}"))
        raise top.wrong(
            name,
            f"makes {duration_s / value:.0f} output times where at most {MOST_OUTPUTS} are written",
            f"Take {duration_s / MOST_OUTPUTS:.6g} s or more.",
        )
    return value


def _time(top: Fields, name: str, shortest_s: float) -> float | None:
    given = [unit for unit in _PER if top.has(f"{name}_{unit}")]
    if len(given) > 1:
        names = " and ".join(f"'{name}_{unit}'" for unit in given)
        raise top.wrong(f"{name}_{given[1]}", f"says again what another does: {names}", "Keep one of them.")
    if not given:
        return None
    unit, seconds = given[0], _PER[given[0]]
    value = top.number(f"{name}_{unit}", shortest_s / seconds, LONGEST_S / seconds, unit, needed=True)
    return cast(float, value) * seconds


def gauge_every(top: Fields, duration_s: float, output_s: float) -> float:
    """Return after how many seconds each gauges are written; a minute, or a sixtieth of a shorter run."""
    value = top.number("gauge_every_s", *LIMITS["gauge_every_s"])
    return value if value is not None else min(60.0, output_s, duration_s / 60)


def start_time(top: Fields) -> datetime | None:
    """Return the clock time of second 0. Raises BadSpec where it is none, or without a zone."""
    text = top.text("start")
    if text is None:
        return None
    try:
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise top.wrong(
            "start", f"is '{text[:40]}', no time", "Write it like 2022-08-08T18:00:00+09:00."
        ) from error
    if value.tzinfo is None:
        raise top.wrong("start", f"is '{text}', without a zone", f"Write {text}+09:00 for Korean time.")
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise top.wrong(
            "start", f"is in the year {value.year}, where {_FIRST_YEAR} to {_LAST_YEAR} is expected", "Check it."
        )
    return value


def coordinates(top: Fields) -> str:
    """Return what numbers in the file are: auto, lonlat, terrain, or EPSG:code. Raises CrsRefused."""
    text = top.text("coordinates", "auto") or "auto"
    if text in ("auto", "lonlat", "terrain"):
        return text
    return usable_crs(text, str(top.file), top.where("coordinates"))


def options(top: Fields) -> Options:
    """Return how the scheme works. Raises BadSpec."""
    plain = Options()
    order = top.number("order", 1, 2, "(1 or 2)", plain.order)
    threads = top.number("threads", *LIMITS["threads"], plain.threads)
    for name, value in (("order", order), ("threads", threads)):
        if cast(float, value) % 1:
            raise top.wrong(name, f"is {value:g} where a whole number is expected", "Take a whole number.")
    return Options(
        scheme=top.choice("scheme", SCHEMES, plain.scheme),
        precision=top.choice("precision", ("float32", "float64"), plain.precision),
        order=int(cast(float, order)),
        eddy_viscosity=cast(float, top.number("eddy_viscosity", *LIMITS["eddy_viscosity"], plain.eddy_viscosity)),
        cfl=top.number("cfl", *LIMITS["cfl"]),
        theta=top.number("theta", *LIMITS["theta"]),
        dry_m=top.number("dry_m", *LIMITS["dry_m"]),
        longest_step_s=cast(float, top.number("longest_step_s", *LIMITS["longest_step_s"], plain.longest_step_s)),
        threads=int(cast(float, threads)),
        backend=top.choice("backend", BACKENDS, plain.backend),
    )


def idle_options(top: Fields, chosen: Options) -> list[str]:
    """Return warnings of options that the chosen scheme does not look at."""
    other = {"inertial": ("order", "eddy_viscosity"), "full": ("theta",)}[chosen.scheme]
    return [f"'{name}' is of another scheme: '{chosen.scheme}' has none" for name in other if top.has(name)]


def volume_error(top: Fields) -> float:
    """Return the share of all water whose loss stops the run. Raises BadSpec."""
    given = top.get("limits")
    if given is None:
        return 1e-6
    fields = group(top, given, "limits")
    value = cast(float, fields.number("volume_error", *LIMITS["volume_error"], 1e-6))
    fields.done()
    return value


def outputs(top: Fields) -> tuple[str, ...]:
    """Return what is written; none: everything. Raises BadSpec."""
    given = top.get("outputs")
    if given is None:
        return ()
    if not isinstance(given, list):
        raise top.wrong("outputs", "is no list", f"Write a list of: {', '.join(OUTPUTS)}.")
    each = Fields({f"outputs[{n}]": value for n, value in enumerate(given)}, top.file, top.path)
    return tuple(dict.fromkeys(each.choice(f"outputs[{n}]", OUTPUTS) for n in range(len(given))))


def publication(top: Fields, name: str) -> Publication:
    """Return how results are shown. Raises BadSpec."""
    visibility = top.text("visibility", "public") or "public"
    if not re.fullmatch(r"public|private|group:\S+", visibility):
        raise top.wrong("visibility", f"is '{visibility[:60]}'", "Say public, private or group:NAME.")
    title = top.text("title")
    title_ko, title_en = top.text("title_ko"), top.text("title_en")
    return Publication(
        title_ko=title_ko or title or title_en or name,
        title_en=title_en or title or title_ko or name,
        visibility=visibility,
        licence=top.text("licence", "") or "",
        attribution=top.text("attribution", "") or "",
    )
