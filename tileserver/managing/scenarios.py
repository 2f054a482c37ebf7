"""`POST /api/scenarios`: a flood scenario comes in, a run goes out.

A confined child reads the scenario and looks ahead: what is wrong with it, or would take more than a run may, is
answered at once, and this process loads nothing of what that takes. Whether its layers can be used is seen when the
run begins.
"""

from __future__ import annotations

import json
import secrets
import tempfile
import threading
from pathlib import Path
from typing import Any

from flask import Response, request

from naru.errors import (
    BadInput,
    BadRequest,
    BadSpec,
    FileMissing,
    MediaType,
    NaruError,
    ParserDied,
    ServerBusy,
    TooManyRuns,
    UploadTooLarge,
)
from naru.run_sandbox import READ, Given, ReadableLayers, new_reader, params_of
from naru.runs import KIND, MOST_WAITING, share_of
from naru.sandbox import Allowance, OutOfTime, Sandbox, Task
from tileserver.access import Caller
from tileserver.documents import json_document
from tileserver.managing.guard import check_planner, plan_of
from tileserver.managing.jobs import describe
from tileserver.managing.run_jobs import layers_of, links_of, run_address, scenario_of, seen_runs
from tileserver.receiving import bodies
from tileserver.routes import Route, Service

_MOST_BYTES = 2**20
_YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")  # RFC 9512 §2.1, and older names
_JSON = "application/json"
_TO_READ = Allowance(memory_bytes=4 * 2**30, cpu_s=30, wall_s=60.0, file_bytes=2**30)
_TO_LOOK_AHEAD = Allowance(memory_bytes=16 * 2**30, cpu_s=20, wall_s=30.0, file_bytes=2**30)
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
    found = _read(service, caller, text)
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
    told["expected"] = found["expected"]
    links = {"run": run_address(run), **links_of(caller, run)}
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


def _read(service: Service, caller: Caller, text: str) -> dict[str, Any]:
    """Have a scenario read; return its id, its members, who may see its results, and what it is `expected` to take.

    Raises:
        NaruError: what is wrong with it, with the field; TooLarge: it would take more than it may.
        ServerBusy: as many as may be are being read.
    """
    if not _places.acquire(timeout=5.0):
        raise ServerBusy("too many scenarios are being read here", remedy="Send it again in a moment.")
    reader = new_reader()
    try:
        with tempfile.TemporaryDirectory(prefix="naru-scenario-") as folder:
            given = _given(service, caller, text)
            params = params_of(given, Path(folder), {"text": text})
            Path(params["scratch"]).mkdir(parents=True)
            task = Task(READ, {**params, "ahead": False}, (), [Path(folder)], links=False)
            found: dict[str, Any] = reader.run(task, _TO_READ, _quiet).result
            task = Task(READ, {**params, "ahead": True}, given.files(), [Path(folder)], links=False)
            return found | _ahead(reader, task)
    except ParserDied as error:
        raise RuntimeError(f"the reader of scenarios broke down: {error.message}") from error
    except NaruError as error:
        raise _named(error) from error
    finally:
        reader.close()
        _places.release()


def _given(service: Service, caller: Caller, text: str) -> Given:
    """Return what the reader may see: the layers that the scenario names, of those that the key may read."""
    house = service.house
    functions = frozenset(check_planner(caller).permissions.functions)
    readable = ReadableLayers(house.catalogue, plan_of(caller), functions)
    return Given.of(house, readable, text, share_of(house.settings))


def _ahead(reader: Sandbox, task: Task) -> dict[str, Any]:
    """Look ahead; `expected` is None where that takes too long. Raises TooLarge: the run would take too much."""
    try:
        found: dict[str, Any] = reader.run(task, _TO_LOOK_AHEAD, _quiet).result
    except (OutOfTime, ParserDied):  # the run itself will tell; its limits hold in any case
        return {"expected": None}
    return found


def _quiet(share: float, words: str) -> None:
    """Hear of progress, and tell nobody."""


def _named(error: NaruError) -> NaruError:
    """Return the reader's error as far as it is the scenario's: files of the machine are none of its."""
    if isinstance(error, FileMissing):
        return BadSpec(error.message, field=error.field, remedy=_NAMES_NO_FILES)
    if not isinstance(error, BadInput | ServerBusy):
        raise RuntimeError(f"the reader of scenarios failed: {error.message}") from error
    error.file = None
    return error


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
