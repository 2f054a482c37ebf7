"""Errors on the wire: the one place where an error's class becomes an HTTP status (RFC 9457).

Every failure of every route has the same shape: `application/problem+json` with `type`, `title`, `title_ko`,
`status`, `detail`, `code` (stable, for programs) and `request_id` (to be found again in the server's log).
"""

from __future__ import annotations

import json
import logging
import secrets
from http import HTTPStatus
from typing import NamedTuple

from naru import errors
from naru.errors import NaruError
from tileserver.keys.text import redact
from tileserver.quota.headers import limit, policy

log = logging.getLogger("naru.serve")
PROBLEM_MEDIA_TYPE = "application/problem+json"
_QUOTA_TYPE = "https://iana.org/assignments/http-problem-types#quota-exceeded"
_RETRY_SOON_S = "2"


class Kind(NamedTuple):
    """How one class of error is told to a caller."""

    status: HTTPStatus
    title: str
    title_ko: str
    remedy: str = ""  # instead of the error's own, where that is for who sits at the server


KINDS: dict[type[Exception], Kind] = {
    errors.BadRequest: Kind(HTTPStatus.BAD_REQUEST, "The request is malformed", "요청 형식이 잘못되었습니다"),
    errors.BadPointNumber: Kind(
        HTTPStatus.BAD_REQUEST, "The national point number is malformed", "국가지점번호가 올바르지 않습니다"
    ),
    errors.BadSelection: Kind(HTTPStatus.BAD_REQUEST, "Features cannot be chosen so", "선택 조건이 잘못되었습니다"),
    errors.UnknownFeature: Kind(
        HTTPStatus.NOT_FOUND,
        "There is no such feature",
        "객체를 찾을 수 없습니다",
        "Ask for …/items to see which there are.",
    ),
    errors.NoSuchExport: Kind(
        HTTPStatus.BAD_REQUEST, "The layer cannot be had so", "이 형식으로 내보낼 수 없는 레이어입니다"
    ),
    errors.ExportLimit: Kind(HTTPStatus.BAD_REQUEST, "It does not fit the format", "형식의 한계를 넘습니다"),
    errors.KeyMissing: Kind(HTTPStatus.UNAUTHORIZED, "A key is needed", "인증 키가 필요합니다"),
    errors.KeyInvalid: Kind(HTTPStatus.UNAUTHORIZED, "The key is not known", "알 수 없는 인증 키입니다"),
    errors.KeyExpired: Kind(HTTPStatus.FORBIDDEN, "The key has expired", "인증 키가 만료되었습니다"),
    errors.ScopeDenied: Kind(
        HTTPStatus.FORBIDDEN, "The key is not for this", "이 인증 키에 허용되지 않은 기능입니다"
    ),
    errors.ReferrerDenied: Kind(
        HTTPStatus.FORBIDDEN, "The key is bound to other sites", "허용되지 않은 웹사이트에서 온 요청입니다"
    ),
    errors.AddressDenied: Kind(
        HTTPStatus.FORBIDDEN, "The key is bound to other networks", "허용되지 않은 네트워크에서 온 요청입니다"
    ),
    errors.UnknownLayer: Kind(
        HTTPStatus.NOT_FOUND,
        "There is no such layer",
        "레이어를 찾을 수 없습니다",
        "/api/layers lists the layers that you may read.",
    ),
    errors.TileOutOfRange: Kind(HTTPStatus.NOT_FOUND, "There is no such tile", "타일 번호가 범위를 벗어났습니다"),
    errors.WrongTileType: Kind(
        HTTPStatus.NOT_FOUND, "The layer has no such tiles", "레이어에 없는 타일 형식입니다"
    ),
    errors.NoSuchAsset: Kind(
        HTTPStatus.NOT_FOUND, "The layer has nothing of this kind", "레이어에 이러한 자료가 없습니다"
    ),
    errors.RouteUnknown: Kind(HTTPStatus.NOT_FOUND, "Nothing is served here", "주소를 찾을 수 없습니다"),
    errors.MethodNotAllowed: Kind(
        HTTPStatus.METHOD_NOT_ALLOWED, "The method is not allowed here", "허용되지 않은 메서드입니다"
    ),
    errors.UnknownKey: Kind(
        HTTPStatus.NOT_FOUND,
        "There is no such key",
        "인증 키를 찾을 수 없습니다",
        "/api/keys lists the keys that reach no further than yours; one that is taken back cannot be rotated.",
    ),
    errors.Misdirected: Kind(
        HTTPStatus.MISDIRECTED_REQUEST, "It is served at another port", "다른 포트에서 제공되는 요청입니다"
    ),
    errors.UnknownVersion: Kind(HTTPStatus.NOT_FOUND, "There is no such version", "해당 버전이 없습니다"),
    errors.UnknownJob: Kind(
        HTTPStatus.NOT_FOUND,
        "There is no such job",
        "작업을 찾을 수 없습니다",
        "/api/jobs lists the jobs that you may see.",
    ),
    errors.UnknownRun: Kind(
        HTTPStatus.NOT_FOUND,
        "There is no such run",
        "침수 해석 결과를 찾을 수 없습니다",
        "/api/runs lists the runs that you may see.",
    ),
    errors.BadInput: Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY, "The scenario cannot be followed", "시나리오를 해석할 수 없습니다"
    ),
    errors.UnknownUpload: Kind(HTTPStatus.NOT_FOUND, "There is no such upload", "업로드를 찾을 수 없습니다"),
    errors.UploadOffset: Kind(
        HTTPStatus.CONFLICT, "The upload goes on elsewhere", "이어 올릴 위치가 맞지 않습니다"
    ),
    errors.PublishConflict: Kind(
        HTTPStatus.CONFLICT, "Another publication came first", "다른 게시가 먼저 이루어졌습니다"
    ),
    errors.TusVersion: Kind(
        HTTPStatus.PRECONDITION_FAILED, "This version of tus is not spoken here", "지원하지 않는 tus 버전입니다"
    ),
    errors.PreconditionFailed: Kind(
        HTTPStatus.PRECONDITION_FAILED, "There is another version now", "요청한 버전이 아닙니다"
    ),
    errors.RangeOutside: Kind(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        "The file ends before these bytes",
        "요청한 바이트 범위가 파일을 벗어났습니다",
    ),
    errors.UploadTooLarge: Kind(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The upload is too large", "업로드 용량이 한도를 넘었습니다"
    ),
    errors.AddressTooLong: Kind(
        HTTPStatus.REQUEST_URI_TOO_LONG, "The address is too long", "요청 주소가 너무 깁니다"
    ),
    errors.MediaType: Kind(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "The media type is not taken here", "지원하지 않는 미디어 형식입니다"
    ),
    errors.UploadBusy: Kind(
        HTTPStatus.LOCKED, "The upload is being written", "다른 요청이 같은 파일을 올리는 중입니다"
    ),
    errors.NoSpace: Kind(
        HTTPStatus.INSUFFICIENT_STORAGE, "There is no room for the upload", "서버에 저장 공간이 부족합니다"
    ),
    errors.StorageFailed: Kind(
        HTTPStatus.INSUFFICIENT_STORAGE,
        "What was asked for cannot be stored on the server",
        "서버에 저장할 수 없습니다",
        "The operator must make room (`naru doctor`, `naru gc`); the log says more.",
    ),
    errors.QuotaExceeded: Kind(HTTPStatus.TOO_MANY_REQUESTS, "The quota is used up", "사용 한도를 초과했습니다"),
    errors.TooManyRuns: Kind(HTTPStatus.TOO_MANY_REQUESTS, "Too many runs wait", "대기 중인 실행이 너무 많습니다"),
    errors.ArchiveDamaged: Kind(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The layer cannot be read now",
        "레이어를 지금 읽을 수 없습니다",
        "Other layers are served; the operator's log says more.",
    ),
    errors.NotReady: Kind(HTTPStatus.SERVICE_UNAVAILABLE, "Not ready", "아직 준비되지 않았습니다"),
    errors.ServerBusy: Kind(
        HTTPStatus.SERVICE_UNAVAILABLE, "Too much is being drawn now", "지금은 그릴 것이 너무 많습니다"
    ),
    errors.RenderingFailed: Kind(
        HTTPStatus.SERVICE_UNAVAILABLE, "The picture cannot be drawn now", "이미지를 지금 그릴 수 없습니다"
    ),
    errors.QuotaUnavailable: Kind(
        HTTPStatus.SERVICE_UNAVAILABLE, "Quotas cannot be checked now", "사용 한도를 확인할 수 없습니다"
    ),
}
FAULT = Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "The server failed", "서버 오류가 발생했습니다")


class Reply(NamedTuple):
    """An answer before it meets WSGI or Flask."""

    status: str  # "404 Not Found"
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def code(self) -> int:
        """The status as a number."""
        return int(self.status[:3])


def kind_of(error: Exception) -> Kind:
    """Return how `error` is told; anything without a kind is the server's own fault."""
    for cls in type(error).__mro__:
        if cls in KINDS:
            return KINDS[cls]
    return FAULT


def problem(error: Exception, request_id: str = "") -> Reply:
    """Return the answer to a request that failed with `error`; faults of the server are logged, not shown."""
    kind, request_id = kind_of(error), request_id or secrets.token_hex(8)
    body = {
        "type": _QUOTA_TYPE if isinstance(error, errors.QuotaExceeded) else "about:blank",
        "title": kind.title,
        "title_ko": kind.title_ko,
        "status": kind.status.value,
        **_told(error, kind, request_id),
        "request_id": request_id,
    }
    headers = [
        ("Content-Type", PROBLEM_MEDIA_TYPE),
        ("Cache-Control", "no-store"),
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Expose-Headers", "RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Request-Id", request_id),
        *_special_headers(error, kind),
    ]
    encoded = json.dumps(body, ensure_ascii=False).encode(errors="backslashreplace")  # \ud800 as JSON has it
    return Reply(f"{kind.status.value} {kind.status.phrase}", headers, encoded)


def _told(error: Exception, kind: Kind, request_id: str) -> dict[str, object]:
    if kind is FAULT or not isinstance(error, NaruError):
        log.error("request %s failed", request_id, exc_info=error)
        return {"code": "FAULT", "detail": f"The operator's log tells more under {request_id}."}
    if isinstance(error, errors.ArchiveDamaged | errors.StorageFailed):
        log.error("request %s: %s", request_id, error)
    told: dict[str, object] = {
        "code": error.code,
        "detail": redact(f"{error.message}. {kind.remedy or error.remedy}".strip()),
    }
    told |= {name: text for name in ("layer", "field") if (text := getattr(error, name))}
    if isinstance(error, errors.QuotaExceeded):
        told["violated-policies"] = [error.period]
    return told


def _special_headers(error: Exception, kind: Kind) -> list[tuple[str, str]]:
    if isinstance(error, errors.QuotaExceeded):
        return _quota_headers(error)
    if isinstance(error, errors.TusVersion):
        return [("Tus-Version", error.spoken)]
    if isinstance(error, errors.RangeOutside):
        return [("Content-Range", f"bytes */{error.size}")]
    if kind.status == HTTPStatus.UNAUTHORIZED:
        return [("WWW-Authenticate", 'Bearer realm="naru"')]
    if kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return [("Retry-After", _RETRY_SOON_S)]
    return []


def _quota_headers(error: errors.QuotaExceeded) -> list[tuple[str, str]]:
    """Return the fields of `tileserver/quota/headers.py`, and Retry-After (RFC 9110 §10.2.3)."""
    return [
        ("Retry-After", str(error.resets_in_s)),
        ("RateLimit", limit(error.period, 0, error.resets_in_s)),
        ("RateLimit-Policy", policy(error.period, error.limit, error.window_s)),
    ]
