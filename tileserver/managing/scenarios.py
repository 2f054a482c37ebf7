"""`POST /api/scenarios`: a flood scenario comes in, a run goes out.

A child process reads the scenario (`naru twin run --check`): what is wrong with it is answered at once, and this
process loads nothing of what that takes. The terrain and all layers are looked at when the run begins.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from flask import Response, request

from naru import errors
from naru.errors import BadRequest, BadSpec, MediaType, NaruError, ServerBusy, TooManyRuns, UploadTooLarge
from naru.runs import KIND, MOST_WAITING, SCENARIO
from tileserver.access import Caller
from tileserver.documents import json_document
from tileserver.managing.guard import check_planner, plan_of
from tileserver.managing.jobs import describe, job_address
from tileserver.managing.run_jobs import layers_of, run_address, scenario_of, seen_runs
from tileserver.receiving import bodies
from tileserver.routes import Route, Service

log = logging.getLogger("naru.serve")
_MOST_BYTES = 2**20
_YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")  # RFC 9512 §2.1, and older names
_JSON = "application/json"
_READ_WITHIN_S = 30.0
_AT_ONCE = 2  # scenarios that one worker has read at a time
_places = threading.BoundedSemaphore(_AT_ONCE)
_NAMES_NO_FILES = (
    "A scenario that comes over HTTP names layers and values; tables it holds itself, as texts under `files`."
)


def begin_run(service: Service, caller: Caller) -> Response:
    """Take in a scenario, and make the job that runs and publishes it."""
    grant = plan_of(caller)
    try:
        _check_waiting(service, grant.key)
        text = _text()
    except NaruError:
        bodies.drain()
        raise
    found = _read(text)
    grant.check_visibility(None, found["visibility"])
    replaced = sorted(_live_layers(service, caller, found["scenario"]))
    run = secrets.token_hex(8)
    service.house.runs.lay_down(run, text)
    functions = sorted(check_planner(caller).permissions.functions)
    params = {
        "name": found["scenario"],
        "title": found["title"],
        "publish": True,
        "grant": grant.to_dict(),
        "functions": functions,
    }
    try:
        job = service.house.jobs.submit(KIND, params, job_id=run)
    except BaseException:
        service.house.runs.remove(run)
        raise
    told = {"run": run, "scenario": found["scenario"], "members": found["members"], "replaces": replaced}
    links = {"run": run_address(run), "job": job_address(run), "events": f"{job_address(run)}/events"}
    response = json_document({**told, "job": describe(job), "links": links}, shared=False)
    response.status_code = 202
    response.headers["Location"] = run_address(run)
    return response


def _live_layers(service: Service, caller: Caller, scenario: str) -> set[str]:
    """Return the layers of a scenario's earlier runs, which another run of it will put its own results into."""
    there = service.keeper.current.layers
    layers = {name for job in seen_runs(service, caller) if scenario_of(job) == scenario for name in layers_of(job)}
    return {name for name in layers if name in there and name.startswith(f"{scenario}-")}


def _check_waiting(service: Service, key: str) -> None:
    """Keep one key from filling the queue and the disk. Raises TooManyRuns."""
    waiting = service.house.jobs.unended(KIND, key)
    if waiting >= MOST_WAITING:
        raise TooManyRuns(
            f"{waiting} runs of this key wait or go on; {MOST_WAITING} may",
            remedy="Wait until one is done, or cancel one.",
        )


def _text() -> str:
    """Return the scenario as a text of YAML, of which JSON is a part. Raises MediaType, BadRequest."""
    if request.mimetype not in (*_YAML, _JSON):
        raise MediaType(
            "the body is no scenario", remedy="Send Content-Type: application/yaml, or application/json."
        )
    body = b""
    for chunk in bodies.chunks():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise UploadTooLarge(
                f"the scenario has more than {_MOST_BYTES} bytes",
                remedy="Put what is large into layers, and name those.",
            )
    try:
        text = body.decode("utf-8-sig")
        if request.mimetype == _JSON:
            text = json.dumps(json.loads(text, object_pairs_hook=_each_once), ensure_ascii=False, indent=1)
            text.encode()
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not what its Content-Type says ({error})", remedy="Send UTF-8.") from error
    if not text.strip():
        raise BadRequest("the body is empty", remedy="Send a scenario: docs/planners.md shows one.")
    return text


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON. Raises BadSpec on a name given twice, of which one would be lost."""
    out: dict[str, Any] = {}
    for name, value in pairs:
        if name in out:
            raise BadSpec(f"'{name[:60]}' is given twice", field=name[:60], remedy="Keep one of them.")
        out[name] = value
    return out


def _read(text: str) -> dict[str, Any]:
    """Have a scenario read; return its id, its members and who may see its results.

    Raises:
        NaruError: what is wrong with it, with the field.
        ServerBusy: as many as may be are being read.
    """
    if not _places.acquire(timeout=5.0):
        raise ServerBusy("too many scenarios are being read here", remedy="Send it again in a moment.")
    try:
        with tempfile.TemporaryDirectory(prefix="naru-scenario-") as folder:
            path = Path(folder) / SCENARIO
            path.write_text(text, encoding="utf-8")
            words = ("--home", folder, "twin", "run", str(path), "--check", "--only-beside", "--json")
            done = subprocess.run(
                [sys.executable, "-m", "naru", *words],
                cwd=folder,
                env=_environment(),
                capture_output=True,
                timeout=_READ_WITHIN_S,
                check=False,
            )
    except subprocess.TimeoutExpired as error:
        raise BadSpec("the scenario takes too long to read", remedy="Make it shorter.") from error
    finally:
        _places.release()
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        log.error("a scenario could not be read: %s", done.stderr.decode(errors="replace")[-2000:])
        raise RuntimeError("the reader of scenarios broke down") from error
    if "error" in found:
        raise _named(found["error"])
    return found


def _environment() -> dict[str, str]:
    """Return what the child needs of ours: where Python is, nothing of the settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("NARU_")}


def _named(told: dict[str, Any]) -> NaruError:
    """Return the error that the reader told of, as far as it is the scenario's."""
    if told["code"] == errors.FileMissing.code:
        return BadSpec(told["message"], field=told.get("field"), remedy=_NAMES_NO_FILES)
    if told["code"] == NaruError.code:
        raise RuntimeError(f"the reader of scenarios failed: {told['message']}")
    kind = next((one for one in _kinds(errors.BadInput) if one.code == told["code"]), BadSpec)
    return kind(told["message"], field=told.get("field"), remedy=told.get("remedy") or "")


def _kinds(kind: type[NaruError]) -> list[type[NaruError]]:
    return [kind, *(deeper for sub in kind.__subclasses__() for deeper in _kinds(sub))]


_PROBLEM = "application/problem+json"
_SCHEMA = {"type": "object", "description": "A scenario: docs/planners.md has its fields", "required": ["scenario"]}
ROUTES = (
    Route(
        "/api/scenarios",
        "plan",
        begin_run,
        "Hand in a flood scenario (YAML, or JSON with the same fields): it is run, and its results become layers",
        {
            202: ("The run and its job; Location leads to the run", _JSON),
            400: ("Not YAML, or not JSON", _PROBLEM),
            413: ("Longer than a scenario may be", _PROBLEM),
            415: ("Neither YAML nor JSON", _PROBLEM),
            429: ("As many runs of the key wait as may", _PROBLEM),
            422: ("A scenario that cannot be followed; `field` says where", _PROBLEM),
            507: ("No room on the disk", _PROBLEM),
        },
        tag="floods",
        method="POST",
        body={"application/yaml": {"type": "string"}, _JSON: _SCHEMA},
    ),
)
