"""What is asked of the server: addresses, keys, quotas, features, exports."""

from __future__ import annotations

from naru.errors.root import NaruError

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
