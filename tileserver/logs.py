"""Logging of the server: plain lines on stderr, with every key in them cut short, wherever it came from."""

from __future__ import annotations

import logging
from typing import Any

from tileserver.keys.text import redact

_ADVICE = ("Configuration allows spawning up to", "Configured number of workers appears to be higher")
FORMAT = "%(asctime)s %(levelname)s %(name)s[%(process)d] %(message)s"


class RedactingFormatter(logging.Formatter):
    """Formats as usual (tracebacks included), then redacts keys."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line(s) of a record without any whole key."""
        return redact(super().format(record))


class NoAdvice(logging.Filter):
    """Drops granian's advice on numbers of threads and workers: most threads are kept aside, on purpose."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is to be shown."""
        return not record.getMessage().startswith(_ADVICE)


def log_config() -> dict[str, Any]:
    """Return the `logging.config` dictionary of the server's processes."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"()": RedactingFormatter, "fmt": FORMAT}},
        "filters": {"no advice": {"()": NoAdvice}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "plain",
                "filters": ["no advice"],
                "stream": "ext://sys.stderr",
            }
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {"_granian": {"level": "WARNING"}, "naru": {"level": "INFO"}},
    }
