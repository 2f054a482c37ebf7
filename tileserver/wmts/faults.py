"""Refusals in WMTS's words: an exception report (OGC 06-121r3 §8) made from the problem that everybody else gets.

A key-value request gets 400 where a RESTful one gets 404; what is about keys, quotas and the server keeps its
status.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from tileserver.access import Environ
from tileserver.markup import DECLARATION, XML, element
from tileserver.problems import PROBLEM_MEDIA_TYPE
from tileserver.pyramids import Answer
from tileserver.spelling import ASKED
from tileserver.wmts.addresses import KVP

_OWS = "http://www.opengis.net/ows/1.1"
_BEYOND = "TileOutOfRange"
_CODES = {
    "PARAMETER_MISSING": "MissingParameterValue",
    "OPERATION": "OperationNotSupported",
    "PROTOCOL_VERSION": "VersionNegotiationFailed",
    "BAD_REQUEST": "InvalidParameterValue",
    "LAYER_NOT_FOUND": "InvalidParameterValue",
    "TILE_TYPE": "InvalidParameterValue",
    "TILE_RANGE": _BEYOND,
}
_INVALID = ("TileMatrixSet", "TileMatrix")  # parameters that cannot be out of range, only wrong
_LOCATORS = {"LAYER_NOT_FOUND": "Layer", "TILE_TYPE": "Format", "TILE_RANGE": "TileMatrix"}
_KVP_STATUS = {404: 400}
_REST_STATUS = {400: 404}


def retell(answer: Answer, environ: Environ) -> Answer:
    """Return an answer with its problem, if it is one, as an exception report."""
    status, headers, body = answer
    if ("Content-Type", PROBLEM_MEDIA_TYPE) not in headers:
        return answer
    code = int(status[:3])
    told = HTTPStatus((_KVP_STATUS if environ[ASKED] == KVP else _REST_STATUS).get(code, code))
    report = exception_report(json.loads(body)) if body else b""
    kept = [(name, value) for name, value in headers if name not in ("Content-Type", "Content-Length")]
    return f"{told.value} {told.phrase}", [*kept, ("Content-Type", XML)], report


def exception_report(problem: dict[str, Any]) -> bytes:
    """Return what a problem says as an `ows:ExceptionReport`."""
    field, code = problem.get("field") or _LOCATORS.get(problem["code"]), _CODES.get(problem["code"])
    if code == _BEYOND and problem.get("field") in _INVALID:
        code = "InvalidParameterValue"
    located = {"locator": field} if code and field else {}
    text = f"{problem['detail']} ({problem['code']}, request {problem['request_id']})"
    exception = element(
        "ows:Exception", element("ows:ExceptionText", text), exceptionCode=code or "NoApplicableCode", **located
    )
    root = element("ows:ExceptionReport", exception, **{"xmlns_ows": _OWS, "version": "1.0.0", "xml_lang": "en"})
    return (DECLARATION + root).encode()
