"""From a survey to the bed elevation of every cell of a frame."""

from __future__ import annotations

from twin.bed.records import Bed
from twin.grid import Frame, Grid
from twin.survey.records import Survey


def interpolate_bed(survey: Survey, frame: Frame, method: str = "auto", *, ground: Grid | None = None) -> Bed:
    """Return the bed elevation between the banks, from each reach's first section to its last.

    `frame.crs` is that of the survey. `ground` gives the height at the bank where a section ends short of it;
    without it the last surveyed height goes on to the bank. `method` is one of `METHODS` or `auto`: the best by
    leave-one-section-out. Raises `BadSurvey` where a reach has fewer than two sections.
    """
    raise NotImplementedError
