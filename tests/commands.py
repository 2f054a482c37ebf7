"""The `naru` command without a process of its own: what it prints, its exit code, its signals put back."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import Any
from unittest.mock import patch

from naru.cli import main
from tests.conftest import clean_environ


def naru_here(*words: str, home: os.PathLike[str]) -> subprocess.CompletedProcess[str]:
    """Run the `naru` command in this process, from the words to the exit code."""
    argv = ["naru", "--home", os.fspath(home), *words]
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with (
            patch.object(sys, "argv", argv),
            patch.dict(os.environ, clean_environ(), clear=True),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code = _code(main)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return subprocess.CompletedProcess(argv, code, _text(out), _text(err))


def naru_here_json(*words: str, home: os.PathLike[str]) -> dict[str, Any]:
    """Run `naru … --json` in this process, expect success, return the object."""
    done = naru_here(*words, "--json", home=home)
    assert done.returncode == 0, done.stderr + done.stdout
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _code(run: Any) -> int:
    try:
        run()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    raise AssertionError("the command did not end")


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode()  # type: ignore[attr-defined,no-any-return]
