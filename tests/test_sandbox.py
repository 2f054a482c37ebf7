"""The sandbox holds: what a hostile parser tries fails, what kills it is said, and the next task runs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.sandbox import Answer, Limits, Sandbox, Task
from naru.errors import ParserDied, TooLarge
from tests.conftest import ROOT
from tests.processes import alive

TESTS = Path(__file__).parent
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the confinement is Linux's own")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    box = Sandbox(preload=[])
    yield box
    box.close()


def run(sandbox: Sandbox, name: str, limits: Limits | None = None, **params: object) -> Answer:
    writable = [Path(str(params["path"])).parent] if "path" in params and name == "fill_disk" else []
    task = Task(f"tests.sandbox_tasks:{name}", params, readable=[TESTS], writable=writable)
    return sandbox.run(task, limits or Limits(), lambda *_: None)


def test_an_honest_task_answers_and_reports_progress(sandbox: Sandbox) -> None:
    heard: list[tuple[float, str]] = []
    task = Task("tests.sandbox_tasks:compute", {}, readable=[TESTS])
    answer = sandbox.run(task, Limits(), lambda f, m: heard.append((f, m)))
    assert answer.result["sum"] == 499500
    assert heard[-1] == (0.5, "half way")  # before it, that it still waits
    assert {"rlimits", "seccomp"} <= set(answer.layers)


def test_no_network(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        assert run(sandbox, "call_out", port=server.getsockname()[1]).result == "PermissionError"
        with pytest.raises(TimeoutError):
            server.accept()


def test_no_new_programs(sandbox: Sandbox) -> None:
    outcome = run(sandbox, "start_program").result
    assert set(outcome.values()) == {"PermissionError"}, outcome


def test_no_signals_to_other_processes(sandbox: Sandbox) -> None:
    outcome = run(sandbox, "signal_others", pid=os.getpid()).result
    assert set(outcome.values()) == {"PermissionError"}, outcome


def test_files_outside_the_job_are_out_of_sight(sandbox: Sandbox, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("token")
    answer = run(sandbox, "read_file", path=str(secret))
    if "landlock" not in answer.layers:
        pytest.skip("this kernel has no Landlock")
    assert answer.result == "PermissionError"
    assert run(sandbox, "read_file", path="/etc/passwd").result == "PermissionError"


def test_what_it_writes_leads_to_nothing_else(sandbox: Sandbox, tmp_path: Path) -> None:
    params = {"folder": str(tmp_path), "secret": "/etc/passwd"}
    task = Task("tests.sandbox_tasks:link_away", params, [TESTS], [tmp_path], links=False)
    assert sandbox.run(task, Limits(), lambda *_: None).result == ["PermissionError"] * 3
    assert [path.name for path in tmp_path.iterdir()] == ["own"]


def test_no_secret_of_the_caller_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NARU_KEY_PEPPER", "pepper-canary")
    box = Sandbox(preload=[])
    try:
        assert "pepper-canary" not in str(run(box, "environment").result)
    finally:
        box.close()


def test_no_open_file_of_the_caller_is_inherited(sandbox: Sandbox, tmp_path: Path) -> None:
    with (tmp_path / "open.sqlite").open("w"):
        box = Sandbox(preload=[])
        try:
            assert "open.sqlite" not in str(run(box, "descriptors").result)
        finally:
            box.close()


def test_memory_over_the_limit_is_too_large_and_says_so(sandbox: Sandbox) -> None:
    with pytest.raises(TooLarge, match="1024 MiB of memory"):
        run(sandbox, "eat_memory", Limits(memory_bytes=2**30))


def test_processor_time_over_the_limit_is_too_large(sandbox: Sandbox) -> None:
    with pytest.raises(TooLarge, match="1 s of processor time"):
        run(sandbox, "spin", Limits(cpu_s=1))


def test_wall_time_over_the_limit_is_too_large(sandbox: Sandbox, tmp_path: Path) -> None:
    started = tmp_path / "job" / "pid"
    started.parent.mkdir()
    task = Task("tests.sandbox_tasks:sleep", {"started": str(started)}, [TESTS], [started.parent])
    with pytest.raises(TooLarge, match="longer than the 1 s"):
        sandbox.run(task, Limits(wall_s=1), lambda *_: None)
    assert not alive(int(started.read_text()))


@pytest.mark.parametrize(("task", "cause"), [("crash", "SIGSEGV"), ("leave", "exit status 0")])
def test_a_parser_that_dies_is_named_and_the_next_one_runs(sandbox: Sandbox, task: str, cause: str) -> None:
    with pytest.raises(ParserDied, match=cause):
        run(sandbox, task)
    assert run(sandbox, "compute").result["sum"] == 499500


def test_a_caller_that_gives_up_leaves_no_child_and_a_working_sandbox(sandbox: Sandbox) -> None:
    def cancel(*_: object) -> None:
        raise KeyError("cancelled")

    with pytest.raises(KeyError):
        sandbox.run(Task("tests.sandbox_tasks:compute", {}, readable=[TESTS]), Limits(), cancel)
    assert run(sandbox, "compute").result["sum"] == 499500


def test_an_answer_without_bounds_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(TooLarge, match="answer"):
        run(sandbox, "shout")


def test_a_forged_answer_is_no_more_than_an_answer(sandbox: Sandbox) -> None:
    assert run(sandbox, "lie").result in {"forged", "true"}
    assert run(sandbox, "compute").result["sum"] == 499500


def test_a_file_larger_than_allowed_cannot_be_written(sandbox: Sandbox, tmp_path: Path) -> None:
    target = tmp_path / "large"
    assert run(sandbox, "fill_disk", Limits(file_bytes=2**20), path=str(target)).result == "OSError"
    assert target.stat().st_size <= 2**20


def test_a_reader_killed_from_outside_is_not_told_as_want_of_memory(sandbox: Sandbox) -> None:
    task = Task("tests.sandbox_tasks:wait_to_be_killed", {}, readable=[TESTS])
    with pytest.raises(ParserDied, match="killed from outside"):
        sandbox.run(task, Limits(), lambda _, said: os.kill(int(said), signal.SIGKILL) if said.isdigit() else None)


def test_a_killed_caller_takes_the_parser_along(tmp_path: Path) -> None:
    started = tmp_path / "job" / "pid"
    started.parent.mkdir()
    code = (
        "from pathlib import Path; from ingest.sandbox import Limits, Sandbox, Task; "
        f"task = Task('tests.sandbox_tasks:sleep', {{'started': {str(started)!r}}}, [Path({str(TESTS)!r})], "
        f"[Path({str(started.parent)!r})]); "
        "Sandbox([]).run(task, Limits(), lambda *_: None)"
    )
    caller = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    wait_until(lambda: started.exists() and bool(started.read_text()))
    caller.send_signal(signal.SIGKILL)
    caller.wait()
    wait_until(lambda: not alive(int(started.read_text())))


def wait_until(true: object, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)
