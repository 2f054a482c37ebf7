"""The job worker beside the server: started again when it ends, and gone when the server is."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from naru.settings import Settings
from tileserver import serve


class Slow(serve.JobWorker):
    """Starts a process that ends at once, then one that does not; the second start takes until `go`."""

    def __init__(self, home: Path) -> None:
        super().__init__(Settings.from_environ({}, home=home))
        self.started: list[subprocess.Popen[bytes]] = []
        self.restarting, self.go = threading.Event(), threading.Event()

    def _run(self) -> subprocess.Popen[bytes]:
        if self.started:
            self.restarting.set()
            self.go.wait(30)
        self.started.append(subprocess.Popen(["sleep", "60" if self.started else "0"], stdout=subprocess.DEVNULL))
        return self.started[-1]


def test_no_worker_is_left_when_the_server_stops_while_it_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "_RESTART_PAUSE_S", 0.0)
    jobs = Slow(tmp_path)
    jobs.start()
    assert jobs.restarting.wait(30)
    stopping = threading.Thread(target=jobs.stop)
    stopping.start()
    stopping.join(0.2)
    jobs.go.set()
    stopping.join(30)
    jobs._watcher.join(5)  # it ends where it sees that it must not start anything
    try:
        assert len(jobs.started) == 2
        assert [process.wait(5) for process in jobs.started] == [0, -15]
    finally:
        jobs.started[-1].kill()
