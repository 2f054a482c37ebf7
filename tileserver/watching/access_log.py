"""The access log: one JSON object a line, one line a request. Keys stand in it by their id, never by their text."""

from __future__ import annotations

import json
import logging
import logging.handlers
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from naru.errors import BadSetting
from tileserver.keys.text import redact

_SECRET = re.compile(r"(?i)(key)=[^&#]*")  # of whatever name ends so: part of it may be percent-encoded
_LONGEST = 2048  # characters of a text that a caller chose


class AccessLog:
    """Writes to a file that may be moved away (logrotate), or to stderr (`-`)."""

    def __init__(self, target: str) -> None:
        """Open the log.

        Raises:
            BadSetting: the file cannot be written.
        """
        try:
            self._handler = (
                logging.StreamHandler(sys.stderr)
                if target == "-"
                else logging.handlers.WatchedFileHandler(target, encoding="utf-8")
            )
        except OSError as error:
            raise BadSetting(
                f"NARU_ACCESS_LOG is '{target}', which cannot be written: {error.strerror}",
                remedy="Name a file in a folder that exists, or - for stderr.",
            ) from error

    def write(self, environ: Mapping[str, Any], *, status: int, size: int, seconds: float, **more: str) -> None:
        """Write one line: what was asked, by whom, and how it was answered."""
        told: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            **more,
            "method": environ["REQUEST_METHOD"],
            "path": _shown(environ.get("naru.path") or environ["PATH_INFO"]),
            "query": _shown(_SECRET.sub(r"\1=…", environ.get("QUERY_STRING", ""))),
            "status": status,
            "bytes": size,
            "ms": round(seconds * 1000, 3),
            "referrer": _shown(_SECRET.sub(r"\1=…", environ.get("HTTP_REFERER", ""))),
            "agent": _shown(environ.get("HTTP_USER_AGENT", "")),
        }
        line = json.dumps(told, ensure_ascii=False).encode(errors="backslashreplace").decode()
        self._handler.handle(logging.LogRecord("naru.access", logging.INFO, "", 0, line, None, None))

    def close(self) -> None:
        """Close the file."""
        self._handler.close()


def _shown(text: str) -> str:
    return redact(text[:_LONGEST])
