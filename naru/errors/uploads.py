"""What is handed in over HTTP, and parts of files that are fetched."""

from __future__ import annotations

from naru.errors.root import NaruError


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
