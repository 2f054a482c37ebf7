"""Runs `naru …` as a user would type it, and tells what became of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from naru.errors import SampleFailed
from naru.settings import Settings


def naru_command(*arguments: str) -> list[str]:
    """Return the argument list that runs `naru …` with this very Python."""
    return [sys.executable, "-m", "naru", *arguments]


def child_environment(settings: Settings) -> dict[str, str]:
    """Return the environment in which a child `naru` has these same settings and speaks UTF-8."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NARU_")}
    return {**kept, **settings.environ(), "PYTHONIOENCODING": "utf-8"}


def run_naru(settings: Settings, *arguments: str) -> dict[str, Any]:
    """Run a command with `--json` among its arguments and return the object that it prints.

    Raises:
        SampleFailed: it failed; says which, why, and what to do.
    """
    done = subprocess.run(
        naru_command(*arguments),
        env=child_environment(settings),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    answer = _parse(done.stdout)
    if done.returncode != 0 or answer is None:
        raise _failure(arguments, done, answer or {})
    return answer


def _parse(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _failure(
    arguments: tuple[str, ...], done: subprocess.CompletedProcess[str], answer: dict[str, Any]
) -> SampleFailed:
    step = " ".join(arguments[:2])
    error = answer.get("error") or {}
    said = error.get("message") or " ".join(done.stderr.split()) or "it said nothing"
    return SampleFailed(
        f"`naru {step}` ended with exit code {done.returncode}: {said}",
        file=error.get("file"),
        layer=error.get("layer"),
        remedy=error.get("remedy") or "`naru doctor` looks the installation over.",
    )
