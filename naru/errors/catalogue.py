"""What is kept and worked on: settings, archives, layers, versions, keys, jobs; and the sample."""

from __future__ import annotations

from naru.errors.root import NaruError

# --- settings and storage -------------------------------------------------------------------------


class BadSetting(NaruError):
    """A setting has a value that it cannot have."""

    code = "SETTING"


class StorageFailed(NaruError):
    """Bytes could not be kept: disk full, not writable, or not what was written."""

    code = "STORAGE"


class ArchiveDamaged(NaruError):
    """An archive is not what its format or its hash says."""

    code = "ARCHIVE_DAMAGED"


# --- catalogue ------------------------------------------------------------------------------------


class UnknownLayer(NaruError):
    """No layer of that id (or none that the caller may know of)."""

    code = "LAYER_NOT_FOUND"

    def __init__(self, layer: str) -> None:
        super().__init__(
            f"there is no layer '{layer}'",
            layer=layer,
            remedy="`naru layers list` names the layers there are.",
        )


class UnknownVersion(NaruError):
    """The layer has no such version, or none to go back to."""

    code = "VERSION_NOT_FOUND"


class BadLayerId(NaruError):
    """A layer id that cannot stand in a URL."""

    code = "LAYER_ID"


class LayerExists(NaruError):
    """The id is taken, and a new version was not wanted."""

    code = "LAYER_EXISTS"


class PublishConflict(NaruError):
    """Another publication of the same layer came first."""

    code = "PUBLISH_CONFLICT"


class UnknownKey(NaruError):
    """No key of that id."""

    code = "KEY_NOT_FOUND"


class UnknownJob(NaruError):
    """No job of that id."""

    code = "JOB_NOT_FOUND"


class JobLost(NaruError):
    """The job was taken over by another worker, or cancelled: what this worker did no longer counts."""

    code = "JOB_LOST"


# --- the sample city ------------------------------------------------------------------------------


class SampleFailed(NaruError):
    """The sample city could not be made: something it needs is missing, or a step of the demo failed."""

    code = "SAMPLE"
