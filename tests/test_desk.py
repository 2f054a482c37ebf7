"""The desk: what is slow waits there, and never before a tile."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from tileserver import desk
from tileserver.desk import Desk


class Answered:
    """Stands for granian's protocol: remembers what it was answered with."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.status, self.body = 0, b""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.body = status, body
        self.done.set()


def test_a_desk_takes_a_request_at_once_and_answers_it_later() -> None:
    go = threading.Event()

    def answer(protocol: Any, scope: Any) -> None:
        go.wait(10)
        protocol.response_bytes(200, [], scope["PATH_INFO"].encode())

    one = Desk(answer, threads=2)
    asked = [Answered() for _ in range(3)]
    for number, protocol in enumerate(asked):
        one.take(protocol, {"PATH_INFO": f"/{number}"})
    assert not any(protocol.done.is_set() for protocol in asked)
    go.set()
    assert all(protocol.done.wait(10) for protocol in asked)
    assert [protocol.body for protocol in asked] == [b"/0", b"/1", b"/2"]


def test_a_desk_that_is_full_says_come_back_and_then_works_again() -> None:
    go = threading.Event()

    def answer(protocol: Any, scope: Any) -> None:
        go.wait(10)
        protocol.response_bytes(200, [], b"")

    one = Desk(answer, threads=1, most_waiting=1)
    first, second, third = Answered(), Answered(), Answered()
    for protocol in (first, second, third):
        one.take(protocol, {})
    assert third.done.is_set() and third.status == 503
    assert json.loads(third.body)["code"] == "NOT_READY"
    go.set()
    assert first.done.wait(10) and second.done.wait(10)
    assert any(_status_of_another(one) == 200 for _ in range(1000))  # a thread frees its place after its answer


def _status_of_another(one: Desk) -> int:
    again = Answered()
    one.take(again, {})
    assert again.done.wait(10)
    return again.status


def test_a_fault_beneath_the_application_is_answered_and_the_thread_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def answer(protocol: Any, scope: Any) -> None:
        raise RuntimeError("beneath")

    one = Desk(answer, threads=1)
    for _ in range(3):
        protocol = Answered()
        one.take(protocol, {})
        assert protocol.done.wait(10) and protocol.status == 500
        assert b"beneath" not in protocol.body
    assert "could not be answered" in caplog.text


def test_the_granian_that_is_pinned_lets_requests_be_handed_over() -> None:
    assert desk.possible()
