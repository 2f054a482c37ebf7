"""The scenario file (design §6), read strictly: answers with a `Scenario` or names the field."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from naru.errors import NaruError
from twin.fields import Fields
from twin.forcing.read import read_forcing
from twin.scenario import read_ground, read_running
from twin.scenario.read_hazard import read_hazard
from twin.scenario.read_report import read_report
from twin.scenario.read_sources import raster
from twin.scenario.spec import Scenario
from twin.scenario.vary import members
from twin.strict_yaml import load_yaml
from twin.works.read import read_works


def read_scenario(path: Path) -> Scenario:
    """Read a scenario file. Raises what `read_mapping` raises, and FileMissing, TooLarge of the file itself."""
    path = path.resolve()
    return read_mapping(load_yaml(path), path)


def read_mapping(mapping: Mapping[str, Any], file: Path) -> Scenario:
    """Read a scenario; `file` is where it stands, or would: relative paths begin at its folder.

    With `vary` the scenario without it is returned; that every member can be read is looked at here.

    Raises:
        BadSpec: a field is unknown, missing, given twice, or has a value that it cannot have.
        FileMissing: a file that it names is not there.
        CrsRefused, DatumRefused: a coordinate system or a vertical datum is none that can be used.
    """
    scenario = _read({name: value for name, value in mapping.items() if name != "vary"}, file)
    if mapping.get("vary") is not None:
        for member in members(mapping, file):
            _read_member(member.mapping, member.name, file)
    return scenario


def _read_member(mapping: Mapping[str, Any], name: str, file: Path) -> None:
    try:
        _read(mapping, file)
    except NaruError as error:
        error.message = f"member '{name}' of `vary`: {error.message}"
        raise


def _read(mapping: Mapping[str, Any], file: Path) -> Scenario:
    top = Fields(mapping, file)
    name = read_running.scenario_id(top)
    duration_s = read_running.duration(top)
    output_s = read_running.output_every(top, duration_s)
    options = read_running.options(top)
    scenario = Scenario(
        name=name,
        file=file,
        given=mapping,
        terrain=raster(top, "terrain"),
        duration_s=duration_s,
        output_every_s=output_s,
        gauge_every_s=read_running.gauge_every(top, duration_s, output_s),
        domain=read_ground.domain(top),
        coordinates=read_running.coordinates(top),
        start=read_running.start_time(top),
        options=options,
        roughness=read_ground.roughness(top),
        buildings=read_ground.buildings(top),
        initial=read_ground.initial(top),
        gauges=read_ground.gauges(top),
        sections=read_ground.sections(top),
        forcing=read_forcing(top),
        works=read_works(top),
        threshold_m=cast(float, top.number("threshold_m", *read_running.LIMITS["threshold_m"], 0.05)),
        hazard=read_hazard(top),
        most_error=read_running.volume_error(top),
        outputs=read_running.outputs(top),
        publication=read_running.publication(top, name),
        report=read_report(top),
        warnings=tuple(read_running.idle_options(top, options)),
    )
    top.has("vary")  # known, though read elsewhere
    top.done()
    return scenario
