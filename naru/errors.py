"""Errors with names. Each says what was found, where, and what to do about it.

HTTP status codes are decided in one place only, `tileserver/problems.py`; exit codes in `naru/cli.py`.
"""

from __future__ import annotations

from typing import ClassVar


class NaruError(Exception):
    """Root of every error a user may see.

    `code` is stable and for machines; `message` is one plain sentence for people; `remedy` says what to do.
    `file`, `layer`, `feature` and `field` say where, as far as it is known.
    """

    code: ClassVar[str] = "ERROR"

    def __init__(
        self,
        message: str,
        *,
        remedy: str = "",
        file: str | None = None,
        layer: str | None = None,
        feature: str | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.file = file
        self.layer = layer
        self.feature = feature
        self.field = field

    def to_dict(self) -> dict[str, str | None]:
        """Return the `error` member of the JSON contract (design §4)."""
        return {
            "code": self.code,
            "message": self.message,
            "file": self.file,
            "layer": self.layer,
            "feature": self.feature,
            "field": self.field,
            "remedy": self.remedy,
        }

    def one_line(self) -> str:
        """Return place, message and remedy as one line for a terminal."""
        places = {"file": self.file, "layer": self.layer, "feature": self.feature, "field": self.field}
        where = ", ".join(f"{name} {value}" for name, value in places.items() if value)
        text = (f"{where}: {self.message}" if where else self.message).rstrip(".")
        return " ".join(f"{text}. {self.remedy}".split())


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


# --- reading files (ingest) -----------------------------------------------------------------------


class BadInput(NaruError):
    """A file that cannot become a layer; the subclasses say why."""

    code = "BAD_INPUT"


class FileMissing(BadInput):
    """No such file, or not readable."""

    code = "FILE_MISSING"


class UnknownFormat(BadInput):
    """The content is of no format that we read, or not of the one its name claims."""

    code = "FORMAT"


class FileDamaged(BadInput):
    """Truncated, malformed, or contradicting itself."""

    code = "FILE_DAMAGED"


class BadZip(BadInput):
    """A zip that is damaged, dangerous, encrypted, or holds nothing to read."""

    code = "ZIP"


class CrsUnknown(BadInput):
    """No coordinate reference system claimed, or several fit: the user must say which."""

    code = "CRS_UNKNOWN"


class CrsRefused(BadInput):
    """The coordinates cannot belong to the claimed coordinate reference system."""

    code = "CRS_REFUSED"


class ColumnsUnknown(BadInput):
    """Several columns of a table may hold the coordinates, or the one named is not there: the user must say."""

    code = "COLUMNS_UNKNOWN"


class EncodingUnknown(BadInput):
    """The text is in none of the encodings we know, or not in the one given."""

    code = "ENCODING"


class NoFeatures(BadInput):
    """Nothing with a geometry to draw."""

    code = "NO_FEATURES"


class TooLarge(BadInput):
    """Over a limit on size, memory, time, entries or vertices."""

    code = "TOO_LARGE"


class BadOption(BadInput):
    """An option that this file cannot follow."""

    code = "OPTION"


class ParserDied(BadInput):
    """The sandboxed parser was killed (memory, time, forbidden call) or crashed."""

    code = "PARSER_DIED"


# --- river terrains -------------------------------------------------------------------------------


class BadSpec(BadInput):
    """A terrain file that cannot be followed: a field unknown, missing, or with a value that it cannot have."""

    code = "SPEC"


class BadSurvey(BadInput):
    """A survey that contradicts itself, its river or its ground: says which section, line or row."""

    code = "SURVEY"


class DatumRefused(BadInput):
    """Heights above different zeros (or none that is known) would be mixed, and nothing converts them."""

    code = "DATUM"


class BadFacility(BadInput):
    """A facility (weir, gate, pump …) that cannot be as it is said to be: says which, and in which field."""

    code = "FACILITY"


class BadModels(BadInput):
    """A layer that cannot become 3D models: no outlines, no heights, or no ground under them."""

    code = "MODELS"


# --- places ---------------------------------------------------------------------------------------


class BadPointNumber(NaruError):
    """No national point number, or a position outside their grid."""

    code = "POINT_NUMBER"


# --- features and exports -------------------------------------------------------------------------


class BadSelection(NaruError):
    """What is wanted of a layer's features cannot be asked so: a box, a field, a value, a system."""

    code = "SELECTION"


class UnknownFeature(NaruError):
    """The layer has no feature of that number."""

    code = "FEATURE_NOT_FOUND"


class NoSuchExport(NaruError):
    """The layer cannot be had in that format: no features in a raster, no pixels in a vector layer."""

    code = "EXPORT_FORMAT"


class ExportLimit(NaruError):
    """What was selected does not fit into the format: too large, too many, or in letters that it has not."""

    code = "EXPORT_LIMIT"


# --- requests (tileserver) ------------------------------------------------------------------------


class BadRequest(NaruError):
    """The request is malformed: says which parameter."""

    code = "BAD_REQUEST"


class ParameterMissing(BadRequest):
    """A parameter without which the request means nothing."""

    code = "PARAMETER_MISSING"


class OperationUnknown(BadRequest):
    """An operation that the standard may have and this server has not."""

    code = "OPERATION"


class VersionUnknown(BadRequest):
    """None of the versions that the caller speaks is spoken here."""

    code = "PROTOCOL_VERSION"


class TileOutOfRange(NaruError):
    """z/x/y are not canonical, or outside the tile matrix set."""

    code = "TILE_RANGE"


class WrongTileType(NaruError):
    """The layer's tiles cannot be had in this type: pictures of a vector layer, or vector tiles of a raster."""

    code = "TILE_TYPE"


class NoSuchAsset(NaruError):
    """The layer has no such thing beside its tiles: no mesh, no models, no river, no heights to cut through."""

    code = "ASSET"


class KeyMissing(NaruError):
    """A key is needed here and none came."""

    code = "KEY_MISSING"


class KeyInvalid(NaruError):
    """Unknown, malformed or revoked key."""

    code = "KEY_INVALID"


class KeyExpired(NaruError):
    """The key was good once."""

    code = "KEY_EXPIRED"


class ScopeDenied(NaruError):
    """The key may not use this function."""

    code = "SCOPE"


class ReferrerDenied(NaruError):
    """The key is bound to other web sites."""

    code = "REFERRER"


class AddressDenied(NaruError):
    """The key is bound to other networks."""

    code = "IP"


class QuotaExceeded(NaruError):
    """A quota is used up: the day's, or (the subclass) the month's.

    `limit` is in requests, `window_s` the length of the window and `resets_in_s` what is left of it, in seconds.
    """

    code = "QUOTA_DAY"
    period = "day"

    def __init__(self, limit: int, *, window_s: int, resets_in_s: int) -> None:
        super().__init__(
            f"the key's quota of {limit} requests a {self.period} is used up",
            remedy=f"It begins anew in {resets_in_s} s; for more, ask whoever gave you the key.",
        )
        self.limit, self.window_s, self.resets_in_s = limit, window_s, resets_in_s


class MonthQuotaExceeded(QuotaExceeded):
    """The month's quota is used up."""

    code = "QUOTA_MONTH"
    period = "month"


class RateExceeded(QuotaExceeded):
    """More requests a second than the key may make (on this server process: its share of the rate)."""

    code = "RATE"
    period = "second"


class RouteUnknown(NaruError):
    """Nothing is served under this address."""

    code = "NOT_FOUND"


class Misdirected(NaruError):
    """The request came to a port that does not serve what it asks for."""

    code = "MISDIRECTED"


class MethodNotAllowed(NaruError):
    """The address is served, but not with this method."""

    code = "METHOD"


class NotReady(NaruError):
    """The server runs, but cannot answer yet, or no longer knows that what it answers is current."""

    code = "NOT_READY"


class ServeFailed(NaruError):
    """The server could not be started."""

    code = "SERVE"


class QuotaUnavailable(NaruError):
    """The quota store did not answer."""

    code = "QUOTA_UNAVAILABLE"


class ServerBusy(NaruError):
    """More pictures are asked for than can be drawn just now."""

    code = "BUSY"


class RenderingFailed(NaruError):
    """A picture of a vector layer could not be drawn, or took too long."""

    code = "RENDERING"


# --- uploads --------------------------------------------------------------------------------------


class UploadTooLarge(NaruError):
    """More bytes than are taken in, or than were announced."""

    code = "UPLOAD_SIZE"


class NoSpace(NaruError):
    """The disk has no room for what is sent."""

    code = "NO_SPACE"


class UnknownUpload(NaruError):
    """No upload of that id, or it was given up for so long that it is gone."""

    code = "UPLOAD_NOT_FOUND"


class UploadOffset(NaruError):
    """A resumable upload goes on at another byte."""

    code = "UPLOAD_OFFSET"


class UploadBusy(NaruError):
    """Another request is writing the same upload."""

    code = "UPLOAD_BUSY"


class TusVersion(NaruError):
    """A version of the tus protocol that is not spoken here, or none named."""

    code = "TUS_VERSION"
    spoken = "1.0.0"


class RangeOutside(NaruError):
    """Bytes were asked for beyond the end of a file (RFC 9110 §15.5.17)."""

    code = "RANGE"
    size = 0  # bytes, of the file


class PreconditionFailed(NaruError):
    """The request is for another version than the one there is (RFC 9110 §13.1.1)."""

    code = "PRECONDITION"


class AddressTooLong(NaruError):
    """The request's address is longer than is read here."""

    code = "ADDRESS_LENGTH"


class MediaType(NaruError):
    """The request's body is of another media type than the address takes."""

    code = "MEDIA_TYPE"


# --- the sample city ------------------------------------------------------------------------------


class SampleFailed(NaruError):
    """The sample city could not be made: something it needs is missing, or a step of the demo failed."""

    code = "SAMPLE"
