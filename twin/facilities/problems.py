"""What is wrong with facilities: every fault is noted with id and field, so that one run names them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from naru.errors import BadFacility


@dataclass(frozen=True)
class Problem:
    """One fault: of which facility (its id, or the line or feature it stands in), in which field, what to do."""

    facility: str
    field: str | None
    message: str
    remedy: str

    def error(self, file: str) -> BadFacility:
        """Return it as the error that the command prints."""
        return BadFacility(self.message, file=file, feature=self.facility, field=self.field, remedy=self.remedy)


class Problems:
    """Collects faults, and warnings that do not stop anything."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self.warnings: list[str] = []

    def add(self, facility: str, field: str | None, message: str, remedy: str) -> None:
        """Note a fault."""
        self.found.append(Problem(facility, field, message, remedy))

    def warn(self, facility: str, field: str | None, message: str) -> None:
        """Note what somebody should look at."""
        self.warnings.append(f"{facility}{', ' + field if field else ''}: {message}")


class FacilitiesRefused(BadFacility):
    """Raised when there are faults: the first is the error, `problems` are all."""

    def __init__(self, problems: Sequence[Problem], file: str) -> None:
        first, more = problems[0], len(problems) - 1
        said = f"{first.message} (and {more} more)" if more else first.message
        super().__init__(said, file=file, feature=first.facility, field=first.field, remedy=first.remedy)
        self.problems = tuple(problems)
        self.errors = [problem.error(file) for problem in problems]
