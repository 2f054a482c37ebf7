"""The scenario file (design §6), read strictly: answers with a `Scenario` or names the field."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twin.scenario.spec import Scenario
from twin.strict_yaml import load_yaml


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
    raise NotImplementedError
