"""A Naru of its own in a folder of its own: server, job workers, a key, a canary; and someone who uploads to it."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.watching import MemoryWatch, Trace, canary
from naru.house import House
from naru.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
NARU = [sys.executable, "-m", "naru"]
_ENDED = ("done", "failed", "cancelled")
_PATIENCE_S = 120.0  # with a job that neither ends nor fails


@dataclass
class Outcome:
    """What became of one upload."""

    status: int  # of the answer to the upload; a refusal there is final
    state: str = "refused"  # done, failed, cancelled, refused (at the door), stuck
    layers: list[dict[str, Any]] = field(default_factory=list)
    error: dict[str, Any] = field(default_factory=dict)
    job: str = ""
    attempts: int = 1
    started: float = 0.0  # seconds since 1970: when the upload began
    claimed: float = 0.0  # when a worker took it
    ended: float = 0.0
    received_s: float = 0.0  # how long the upload itself took

    @property
    def seconds(self) -> float:
        """How long the file took: its upload and its work, not its wait for a worker."""
        return self.received_s + max(0.0, self.ended - self.claimed)


@dataclass
class Lab:
    """The running parts, and where they lie."""

    folder: Path
    house: House
    port: int
    key: str
    canary_url: str
    asked: list[str]
    server: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]
    memory: MemoryWatch
    trace: Trace | None
    over_http: bool = True

    @property
    def home(self) -> Path:
        """The home folder of this Naru."""
        return self.folder / "home"

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request with the key; return status, headers in small letters, and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, {"X-API-Key": self.key, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def submit(self, files: Sequence[Path], options: Mapping[str, str]) -> Outcome:
        """Upload a file with its side files; return at once, with a job or with the reason why there is none."""
        began = time.time()
        if not self.over_http:
            return self._queued(files, options, began)
        kind, body = multipart(files, options)
        try:
            status, headers, answer = self.request("POST", "/api/uploads", body, {"Content-Type": kind})
        except OSError as error:
            said = {"code": "NO_ANSWER", "message": str(error)}
            return Outcome(599, error=said, started=began, ended=time.time())
        outcome = Outcome(status, started=began, received_s=time.time() - began, ended=time.time())
        outcome.claimed = outcome.ended
        if status == 202:
            outcome.job = headers["location"].rsplit("/", 1)[-1]
            outcome.state = "queued"
        else:
            outcome.error = _json(answer)
        return outcome

    def settled(self, outcome: Outcome) -> bool:
        """Take in how far the job is; whether it has ended."""
        if not outcome.job or outcome.state in _ENDED:
            return True
        status, said = self._job(outcome.job)
        if status >= 500:
            outcome.status, outcome.state, outcome.error = status, "failed", said
            return True
        outcome.state, outcome.attempts = said["state"], said["attempt"]
        if outcome.state not in _ENDED:
            if time.time() - outcome.started < _PATIENCE_S:
                return False
            outcome.state, outcome.error = "stuck", {"code": "STUCK", "message": f"still {said['state']}"}
            return True
        outcome.layers, outcome.error = said.get("layers") or [], said.get("error") or {}
        outcome.ended = _moment(said["finished"])
        outcome.claimed = min(outcome.ended, self._claimed(outcome.job))
        return True

    def _queued(self, files: Sequence[Path], options: Mapping[str, str], began: float) -> Outcome:
        """Hand copies of the files to the workers without the server."""
        place = self.folder / "handed-in" / secrets.token_hex(8)
        place.mkdir(parents=True)
        copies = [Path(shutil.copyfile(file, place / file.name)) for file in files]
        params = {**options, "file": str(copies[0] if len(copies) == 1 else place)}
        job = self.house.jobs.submit("ingest", params)
        return Outcome(202, "queued", job=job.id, started=began, received_s=time.time() - began)

    def _job(self, job_id: str) -> tuple[int, dict[str, Any]]:
        if self.over_http:
            status, _, body = self.request("GET", f"/api/jobs/{job_id}")
            return status, _json(body)
        job = self.house.jobs.job(job_id)
        ended = job.finished.isoformat() if job.finished else None
        said = {"state": job.state, "attempt": job.attempt, "finished": ended, "error": job.error}
        return 200, said | {"layers": (job.result or {}).get("layers")}

    def _claimed(self, job: str) -> float:
        log = [at for at, message in self.house.jobs.log(job) if message.startswith("claimed")]
        return log[0].replace(tzinfo=UTC).timestamp() if log else time.time()

    def source_path(self, layer_id: str, version: int) -> Path | None:
        """Return where a version's source archive lies."""
        found = next(v for v in self.house.catalogue.versions(layer_id) if v.number == version)
        return self.house.storage.path(found.source) if found.source else None

    def dead(self) -> list[str]:
        """Name the long-lived processes that have ended, which none should."""
        named = [("server", self.server), *((f"worker {n}", w) for n, w in enumerate(self.workers, 1))]
        return [f"{name} ended with status {p.returncode}" for name, p in named if p.poll() is not None]

    def logs(self) -> str:
        """Return what server and workers wrote."""
        return "\n".join(p.read_text(errors="replace") for p in sorted(self.folder.glob("*.log")))


def _json(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {"code": "NO_JSON", "message": body[:200].decode("utf-8", "replace")}
    return said if isinstance(said, dict) else {"code": "NO_JSON", "message": str(said)[:200]}


def _moment(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def multipart(files: Sequence[Path], fields: Mapping[str, str]) -> tuple[str, bytes]:
    """Return content type and body of a form with files (RFC 7578), names in UTF-8 as browsers send them."""
    boundary = secrets.token_hex(16)
    out = []
    for name, value in fields.items():
        out += [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()]
    for file in files:
        shown = file.name.replace('"', "%22").encode("utf-8", "surrogateescape")
        head = b'Content-Disposition: form-data; name="file"; filename="' + shown + b'"\r\n'
        out += [f"--{boundary}\r\n".encode(), head, b"Content-Type: application/octet-stream\r\n\r\n"]
        out += [file.read_bytes(), b"\r\n"]
    return f"multipart/form-data; boundary={boundary}", b"".join([*out, f"--{boundary}--\r\n".encode()])


@contextmanager
def running(folder: Path, *, workers: int = 1, traced: bool = True, over_http: bool = True) -> Iterator[Lab]:
    """Start a Naru in `folder`: a server, `workers` job workers, and what watches them."""
    for name in ("home", "tmp", "nobody", "cwd"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "ingest.tiling.warm"], check=True, cwd=ROOT)  # as `make setup` does
    with ExitStack() as stack:
        canary_url, asked = stack.enter_context(canary())
        port = free_port()
        environ = _environment(folder, canary_url)
        key = _key(folder / "home", environ)
        trace = _trace(folder, (port, int(canary_url.rsplit(":", 1)[1]))) if traced and Trace.available() else None
        serve = ["serve", "--port", str(port), "--workers", "1", "--no-worker"]
        server = _start(stack, folder, "server", serve, environ, trace)
        gang = [_start(stack, folder, f"worker-{n}", ["work"], environ, trace) for n in range(1, workers + 1)]
        house = House.open(Settings.from_environ({}, home=folder / "home"))
        stack.callback(house.close)
        memory = MemoryWatch([server.pid, *(w.pid for w in gang)])
        lab = Lab(folder, house, port, key, canary_url, asked, server, gang, memory, trace, over_http)
        _wait_until_ready(lab)
        memory.start()
        stack.callback(memory.stop)
        yield lab


def _environment(folder: Path, canary_url: str) -> dict[str, str]:
    """Return an environment in which all that could be written lies in the lab; the canary is everybody's proxy."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith("NARU_") and "proxy" not in k.lower()}
    compiled = keep.get("NUMBA_CACHE_DIR")
    places = {"HOME": "nobody", "TMPDIR": "tmp"}
    out = keep | {name: str(folder / place) for name, place in places.items()}
    proxies = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    out |= dict.fromkeys(proxies, canary_url) | {"PYTHONPATH": str(ROOT)}
    return out | ({"NUMBA_CACHE_DIR": compiled} if compiled else {})


def _trace(folder: Path, ports: tuple[int, ...]) -> Trace:
    allowed = (folder, Path("/dev"), Path("/proc"))
    return Trace(folder / "calls", allowed, ports)


def _key(home: Path, environ: Mapping[str, str]) -> str:
    words = ["--home", str(home), "keys", "create", "--name", "bench", "--access", "private", "--json"]
    functions = ["--functions", "basemap,content,common,twin,manage"]
    told = subprocess.check_output([*NARU, *words, *functions], env=dict(environ))
    return str(json.loads(told)["key"])


def _start(
    stack: ExitStack, folder: Path, name: str, words: list[str], environ: Mapping[str, str], trace: Trace | None
) -> subprocess.Popen[bytes]:
    command = [*NARU, "--home", str(folder / "home"), *words]
    if trace:
        command = Trace(folder / f"{name}.calls", trace.allowed, trace.ports).command(command)
    log = stack.enter_context((folder / f"{name}.log").open("wb"))
    process = subprocess.Popen(command, env=dict(environ), cwd=folder / "cwd", stdout=log, stderr=log)
    stack.callback(_end, process)
    return process


def _wait_until_ready(lab: Lab) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and not lab.dead():
        try:
            if lab.request("GET", "/health/ready")[0] == 200:
                return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"naru serve did not come up:\n{lab.logs()[-3000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clear(folder: Path) -> None:
    """Remove a lab."""
    shutil.rmtree(folder, ignore_errors=True)
