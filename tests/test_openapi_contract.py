"""What `/openapi.json` promises is what is answered: requests made from it, for each sort of caller, in process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import openapi_spec_validator
import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.core.errors import SerializationNotPossible
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.protocols import make_protocols_home
from tests.serving import new_key, open_app, service_of
from tileserver.app import ROUTES
from tileserver.openapi import openapi_path

SEED = 20260404
EXAMPLES = 4  # of an operation, caller and mode
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
SOFTWARE = frozenset(("content", "common"))
SLOW_TO_FORBID = ("GET /static/{name}",)  # nearly every text is allowed
EVERYTHING = frozenset(("basemap", "content", "twin", "common", "manage"))


@dataclass(frozen=True)
class Interface:
    """The app, and the header that each sort of caller sends."""

    app: Flask
    headers: dict[str, dict[str, str]]

    def document(self, caller: str) -> dict[str, Any]:
        """Return the document that a caller gets."""
        answer = self.app.test_client().get("/openapi.json", headers=self.headers[caller])
        assert answer.status_code == 200
        return answer.get_json()


@pytest.fixture(scope="module")
def interface(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interface]:
    app = open_app(make_protocols_home(tmp_path_factory.mktemp("contract") / "home"))
    reader = new_key(app, functions=SOFTWARE)[1]
    insider = new_key(app, functions=SOFTWARE, access="private")[1]
    manager = new_key(app, functions=EVERYTHING, access="private")[1]
    keys = {"reader": reader, "insider": insider, "manager": manager}
    yield Interface(app, {"anybody": {}} | {name: {"X-API-Key": text} for name, text in keys.items()})
    service_of(app).close()


CALLERS = ("anybody", "reader", "insider", "manager")


@pytest.mark.parametrize("caller", CALLERS)
def test_the_document_of_each_caller_is_valid(interface: Interface, caller: str) -> None:
    openapi_spec_validator.validate(interface.document(caller))


@pytest.mark.parametrize("caller", CALLERS)
def test_the_document_names_no_layer_and_no_route_that_the_caller_may_not_know(
    interface: Interface, caller: str
) -> None:
    document = interface.document(caller)
    seen = {layer["id"] for layer in _layers(interface, caller)}
    assert set(document["components"]["schemas"]["LayerId"]["enum"]) == seen
    assert ("secret" in str(document)) == (caller in ("insider", "manager"))
    managed = {(openapi_path(route.rule), route.method.lower()) for route in ROUTES if route.scope == "manage"}
    told = {(path, method) for path, operations in document["paths"].items() for method in operations}
    assert (told & managed == managed) if caller == "manager" else not told & managed


def _layers(interface: Interface, caller: str) -> list[dict[str, Any]]:
    answer = interface.app.test_client().get("/api/layers", headers=interface.headers[caller])
    return answer.get_json()["layers"]


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("caller", ["anybody", "insider", "manager"])
def test_what_is_answered_is_what_the_document_says(
    interface: Interface, caller: str, mode: GenerationMode
) -> None:
    schema = openapi.from_wsgi("/openapi.json", interface.app, headers=interface.headers[caller])
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.label in SLOW_TO_FORBID and mode is GenerationMode.NEGATIVE:
            continue
        tried += _tried(interface, caller, operation.as_strategy(generation_mode=mode))
    assert tried > 100


def _tried(interface: Interface, caller: str, strategy: Any) -> int:
    """Send a few requests of an operation and check the answers; return how many were sent."""
    tried = 0

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def ask(case: Case) -> None:
        nonlocal tried
        tried += 1
        headers = {"Accept-Encoding": "identity", **interface.headers[caller]}
        answer = case.call(headers=headers)
        if answer.status_code == 503 and "retry-after" in answer.headers:
            return  # there is no room for it now
        case.validate_response(answer, headers=headers, checks=CHECKS)

    with suppress(Unsatisfiable, SerializationNotPossible):  # nothing can be forbidden; bare bytes of an upload
        ask()
    return tried
