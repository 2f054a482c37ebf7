"""What is asked of a run: which scenario, what in it is changed, and how it is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

CHECKPOINT_S = 60.0  # seconds of work that a kill may cost


@dataclass(frozen=True)
class RunRequest:
    """A wish for a run, as the command line or a job has it; fit for JSON through `to_params`.

    The scenario is a file (`scenario`), or a text (`text`, or else `inputs/scenario.yaml` in the run's folder),
    which may name no files but those that it holds itself (`files:`).
    """

    scenario: str = ""  # absolute path
    text: str = ""
    changes: Mapping[str, Any] | None = None  # path in the scenario: value
    out: str = ""  # absolute path of the run's folder; "": in the home, under the job's id
    publish: bool = False
    resume: bool = False  # go on from what lies in `out`
    overwrite: bool = False  # remove an earlier run in `out`
    threads: int = 0  # of one run; 0: by its size
    workers: int = 0  # processes of an ensemble; 0: one a core
    keep_going: bool = False  # an ensemble goes on when a member fails
    keep_members: bool = False  # and keeps the results of each
    checkpoint_s: float = CHECKPOINT_S

    def to_params(self) -> dict[str, Any]:
        """Return it as a job's parameters carry it: without what stands as it stands by itself."""
        plain = RunRequest()
        return {name: value for name, value in asdict(self).items() if value != getattr(plain, name)}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> RunRequest:
        """Build it from a job's parameters; what is not about the run is left aside."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in params.items() if name in known})

    @property
    def file(self) -> Path | None:
        """The scenario's file, where there is one."""
        return Path(self.scenario) if self.scenario else None
