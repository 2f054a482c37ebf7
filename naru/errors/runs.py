"""Errors of flood runs."""

from __future__ import annotations

from naru.errors.root import NaruError


class FloodStopped(NaruError):
    """A run that was stopped because its numbers can no longer be believed; it says when and where."""

    code = "FLOOD_STOPPED"


class ExtraMissing(NaruError):
    """Something asks for a part of the software that is not installed."""

    code = "EXTRA_MISSING"


class MemberDied(NaruError):
    """A process or a cluster that ran an ensemble's members is gone; what they did is kept."""

    code = "MEMBER_DIED"


class TooManyRuns(NaruError):
    """As many runs of a key wait, or go on, as may."""

    code = "RUNS_WAITING"


class UnknownRun(NaruError):
    """No run of that id, or none that has what is asked for."""

    code = "RUN_NOT_FOUND"
