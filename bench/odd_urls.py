"""Does any of 100,000 odd requests make a running server fail, hang, tell, or read what it should not?

The requests are made by `bench/odd_cases.py`: what OpenAPI's schemas allow and forbid (Schemathesis), each nasty
string in each place, mixtures; without a key, with a reader's, with a manager's. They are sent as raw bytes over
kept connections to `naru serve` with two workers, which holds the sample city, a private layer and two rasters.
No answer may be 5xx (503 with Retry-After says that there is no room now, and is counted apart), late by 30 s, or
missing; errors must be problem+json, an exception report or TMS's words, each with a code that docs/errors.md
names, and `no-store`; no answer may hold a file beside the home, /etc/passwd, a forged Host or a header that the
request smuggled in. Afterwards the same processes must serve. With --strace (slow: run it with --requests 5000) no
file may even be looked for outside the home, the system's libraries and the installation.

    python -m bench.odd_urls [--requests 100000] [--each 100] [--workers 2] [--threads 8] [--strace] [--from N]
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

from bench.odd_cases import FORGED_HOST, KEYS, Case, cases
from bench.odd_strings import CANARY
from bench.serve import NARU, free_port, wait_for
from naru.errors import NaruError

ROOT = Path(__file__).resolve().parent.parent
LONGEST_S = 30.0
TOLD = 60  # faults that are printed
_PARSERS_OWN = (400, 414, 431)  # what granian answers, with no words, to what is no HTTP
_XML_CODE = re.compile(rb"\(([A-Z_]+), request [0-9a-f-]+\)")
_OPENED = re.compile(r'^\d+\s+(\d+\.\d+) \w+\((?:AT_FDCWD, |\d+, )?"((?:[^"\\]|\\.)*)"')


@dataclass
class Lab:
    """The server under test, and what must never be told."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    keys: dict[str, str]
    token: str

    def workers(self) -> list[int]:
        """Return the process ids of the server's workers."""
        return sorted(_children(self.process.pid))


@dataclass
class Seen:
    """What one thread saw."""

    statuses: Counter[int] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # seconds by kind of answer
    slow: list[tuple[float, str]] = field(default_factory=list)
    put_off: Counter[str] = field(default_factory=Counter)  # 503 by address
    wordless: int = 0  # refused by granian's HTTP parser
    again: int = 0  # sent anew: the kept connection had been closed


def _children(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for thread in threads for child in thread.read_text().split()]


# --- the city --------------------------------------------------------------------------------------


def make_home(folder: Path) -> dict[str, str]:
    """Make the home under test; return the text of each sort of caller's key."""
    home = folder / "home"
    _naru(home, "demo", "--home", str(home), "--no-serve", "--quick")
    own = folder / "own.geojson"
    square = [[[126.9, 37.5], [127.0, 37.5], [127.0, 37.6], [126.9, 37.6], [126.9, 37.5]]]
    shape = {"type": "Polygon", "coordinates": square}
    told = {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": {"이름": "중구"}, "geometry": shape}],
    }
    own.write_text(json.dumps(told))
    _naru(home, "ingest", str(own), "--id", "own", "--visibility", "private")
    _naru(home, "ingest", str(own), "--id", "victim", "--grids", "web")
    _naru(home, "ingest", str(_raster(folder / "dem.tif", "float32", 1)), "--id", "dem", "--kind", "elevation")
    _naru(home, "ingest", str(_raster(folder / "ortho.tif", "uint8", 3)), "--id", "ortho", "--kind", "imagery")
    reader = _naru(
        home, "keys", "create", "--name", "reader", "--functions", "content,common", "--access", "private"
    )
    functions = "basemap,content,twin,common,manage"
    manager = _naru(home, "keys", "create", "--name", "manager", "--functions", functions, "--access", "private")
    return {"none": "", "reader": reader["key"], "manager": manager["key"]}


def _naru(home: Path, *words: str) -> dict[str, str]:
    command = [*NARU, *([] if words[0] == "demo" else ["--home", str(home)]), *words, "--json"]
    return json.loads(subprocess.check_output(command))


def _raster(path: Path, dtype: str, bands: int) -> Path:
    down, across = np.mgrid[0:400, 0:500]
    values = (100 + 80 * np.sin(across / 40) * np.cos(down / 30)).astype(dtype)
    shape = {"width": 500, "height": 400, "count": bands, "dtype": dtype}
    place = {"crs": "EPSG:5186", "transform": from_origin(195_000, 556_000, 20, 20)}
    with rasterio.open(path, "w", driver="GTiff", **shape, **place) as raster:
        raster.write(np.stack([values] * bands))
    return path


@contextmanager
def served(folder: Path, workers: int, *, traced: bool) -> Iterator[Lab]:
    """Run the server on a new home, with a secret beside it."""
    token = secrets.token_hex(16)
    (folder / CANARY).write_text(token)
    keys, port = make_home(folder), free_port()
    command = [
        *NARU,
        "--home",
        str(folder / "home"),
        "serve",
        "--port",
        str(port),
        "--workers",
        str(workers),
        "--no-worker",
    ]
    if traced:
        calls = "trace=open,openat,openat2,creat,execve,unlink,unlinkat,rename,renameat,mkdir,mkdirat,readlink"
        command = ["strace", "-DD", "-f", "-ttt", "-s", "4096", "-e", calls, "-o", str(folder / "strace"), *command]
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for(port, process)
            time.sleep(2)  # until every worker serves
            yield Lab(folder, port, process, keys, token)
        finally:
            process.terminate()
            process.wait(30)


# --- asking ----------------------------------------------------------------------------------------


def ask_all(lab: Lab, numbered: Iterator[tuple[int, Case]], lock: threading.Lock, seen: Seen) -> None:
    """Send cases until there are none left."""
    line = Line(lab)
    while True:
        with lock:
            number, case = next(numbered, (-1, None))
        if case is None:
            break
        began = time.monotonic()
        try:
            answer, body = line.ask(case, seen)
        except (OSError, http.client.HTTPException) as error:
            seen.faults.append(f"{number}: no answer ({type(error).__name__}: {error}): {_shown(case)}")
            line.close()
            continue
        took = time.monotonic() - began
        seen.sources[case.source] += 1
        seen.statuses[answer.status] += 1
        seen.times["errors" if answer.status >= 400 else "others"].append(took)
        seen.slow = sorted([*seen.slow, (took, _shown(case))], reverse=True)[:8]
        seen.faults += [f"{number}: {wrong}: {_shown(case)}" for wrong in judge(lab, case, answer, body, seen)]
    line.close()


class Line:
    """A kept connection that sends requests as they are."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._socket: socket.socket | None = None

    def ask(self, case: Case, seen: Seen) -> tuple[http.client.HTTPResponse, bytes]:
        """Return the answer; a request that met a connection just closed is sent once more, over a new one."""
        kept = self._socket is not None
        try:
            return self._sent(case)
        except (ConnectionError, http.client.RemoteDisconnected):
            self.close()
            if not kept:
                raise
            seen.again += 1
            return self._sent(case)

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _sent(self, case: Case) -> tuple[http.client.HTTPResponse, bytes]:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._lab.port), timeout=LONGEST_S)
        self._socket.sendall(message(case, self._lab.keys[case.key]))
        answer = http.client.HTTPResponse(self._socket, method=case.method)
        answer.begin()
        body = answer.read()
        if answer.will_close:
            self.close()
        return answer, body


def message(case: Case, key: str) -> bytes:
    """Return a request as it is sent: whatever is in it, it is framed as HTTP wants it."""
    names = {name.lower() for name, _ in case.headers}
    headers = [] if "host" in names else [("Host", b"127.0.0.1")]
    headers += [("X-API-Key", key.encode())] if key else []
    headers += [(name, value) for name, value in case.headers if name.lower() not in _FRAMING]
    if case.body or case.method in ("POST", "PATCH", "PUT"):
        headers.append(("Content-Length", str(len(case.body)).encode()))
    lines = [
        case.method.encode() + b" " + case.target + b" HTTP/1.1",
        *(b"%s: %s" % (n.encode(), v) for n, v in headers),
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + case.body


_FRAMING = ("content-length", "transfer-encoding", "connection", "expect", "upgrade")


def _shown(case: Case) -> str:
    headers = ", ".join(f"{name}: {value[:60]!r}" for name, value in case.headers)
    return f"[{case.source}, {case.key}] {case.method} {case.target[:300]!r} {headers} {case.body[:80]!r}"


# --- judging ---------------------------------------------------------------------------------------


def judge(lab: Lab, case: Case, answer: http.client.HTTPResponse, body: bytes, seen: Seen) -> list[str]:
    """Return what is wrong with an answer."""
    wrong = []
    if answer.status == 503 and answer.headers["Retry-After"]:
        seen.put_off[_code(answer.headers["Content-Type"], body) + " " + case.target.decode("latin-1")[:40]] += 1
    elif answer.status >= 500:
        wrong.append(f"{answer.status} {body[:200]!r}")
    if lab.token.encode() in body or b"root:x:0" in body:
        wrong.append("tells a file that is none of its own")
    if "X-Injected" in answer.headers or FORGED_HOST in str(answer.headers) or FORGED_HOST.encode() in body:
        wrong.append("says a header or host that the request made up")
    if answer.status >= 400:
        wrong += _error(case, answer, body, seen)
    return wrong


def _error(case: Case, answer: http.client.HTTPResponse, body: bytes, seen: Seen) -> list[str]:
    if answer.status in _PARSERS_OWN and not {"X-Request-Id", "Content-Type"} & set(answer.headers):
        seen.wordless += 1
        return []
    wrong = [] if answer.headers["Cache-Control"] == "no-store" else ["an error that may be kept"]
    kind = answer.headers["Content-Type"] or ""
    if kind not in ("application/problem+json", "application/xml", "text/xml"):
        return [*wrong, f"an error as {kind!r}"]
    if case.method == "HEAD":
        return wrong
    code = _code(kind, body)
    return wrong if code in CODES else [*wrong, f"an error with the code {code!r}: {body[:200]!r}"]


def _code(kind: str, body: bytes) -> str:
    """Return the code that an error names; empty where it names none."""
    if "xml" in kind:
        found = _XML_CODE.search(body)
        return found[1].decode() if found else ""
    try:
        told = json.loads(body)
    except ValueError:
        return ""
    return str(told.get("code", ""))


def _codes(error: type[NaruError]) -> set[str]:
    return {error.code}.union(*(_codes(below) for below in error.__subclasses__()))


CODES = _codes(NaruError)


_SYSTEM = re.compile(  # what Python, its libraries and GDAL look at by themselves
    r"/(lib|lib64|usr|sys|dev)/|/proc/(self/$|self/(status|stat|statm|maps|fd|mounts|cgroup)/|\d+/statm?/|sys/|mounts|meminfo|cpuinfo)"
    r"|/etc/(ld\.so\.|localtime|gai\.conf|ssl/openssl\.cnf|je_arrow_malloc\.conf|fonts/|mime\.types)|.*/\.gdal/gdalrc/$"
)


def looked_for(lab: Lab, since: float) -> list[str]:
    """Return the files that strace saw the server look for and that no server of this home has to do with."""
    found: Counter[str] = Counter()
    with (lab.folder / "strace").open(errors="replace") as lines:
        for line in lines:
            match = _OPENED.match(line)
            if match and float(match[1]) > since and not _has_to_do(lab, match[2]):
                found[match[2][:200]] += 1
    return [f"looked {times} × for {path}" for path, times in found.items()]


def _has_to_do(lab: Lab, path: str) -> bool:
    if not path.startswith("/"):  # in a folder that is open already
        return ".." not in path.split("/") and CANARY not in path
    found = Path(os.path.normpath(path))
    own = (lab.folder / "home", sys.prefix, sys.base_prefix, ROOT)
    if _SYSTEM.match(f"{found}/") or any(found.is_relative_to(folder) for folder in own):
        return True
    return found.is_relative_to(tempfile.gettempdir()) and not found.is_relative_to(lab.folder)


def run(chosen: argparse.Namespace, folder: Path) -> list[str]:
    """Send the requests; return what went wrong."""
    with served(folder, chosen.workers, traced=chosen.strace) as lab:
        documents = {key: _document(lab, key) for key in KEYS}
        numbered = itertools.islice(
            enumerate(cases(documents, chosen.each)), chosen.first, chosen.first + chosen.requests
        )
        before, began, since = lab.workers(), time.monotonic(), time.time()
        lock, seen = threading.Lock(), [Seen() for _ in range(chosen.threads)]
        threads = [threading.Thread(target=ask_all, args=(lab, numbered, lock, one)) for one in seen]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds, after = time.monotonic() - began, lab.workers()
    report(seen, seconds)
    faults = [fault for one in seen for fault in one.faults]
    if (sent := sum(one.statuses.total() for one in seen)) < chosen.requests - len(faults):
        faults.append(f"only {sent} requests were sent")
    if before != after:
        faults.append(f"workers {before} became {after}")
    log = (folder / "serve.log").read_text(errors="replace")
    if "Traceback" in log:
        faults.append(
            f"{log.count('Traceback')} tracebacks in the log: {log[log.index('Traceback') - 200 :][:3000]}"
        )
    if any(key and key in log for key in lab.keys.values()):
        faults.append("a key is in the log")
    return faults + (looked_for(lab, since) if chosen.strace else [])


def _document(lab: Lab, key: str) -> dict[str, object]:
    answer, body = Line(lab).ask(Case("", "GET", b"/openapi.json", key=key), Seen())
    assert answer.status == 200, body
    return json.loads(body)


def report(seen: list[Seen], seconds: float) -> None:
    """Print what came back."""
    statuses: Counter[int] = sum((one.statuses for one in seen), Counter())
    sources: Counter[str] = sum((one.sources for one in seen), Counter())
    print(f"{statuses.total()} requests in {seconds:.0f} s: {dict(sorted(sources.items()))}")
    print(f"answers: {dict(sorted(statuses.items()))}")
    print(
        f"{sum(one.wordless for one in seen)} were no HTTP; "
        f"{sum(one.again for one in seen)} were sent again on a new connection"
    )
    for asked, times in sum((one.put_off for one in seen), Counter()).most_common(5):
        print(f"  {times} × 503 {asked}")
    for kind in ("errors", "others"):
        times = sorted(itertools.chain.from_iterable(one.times[kind] for one in seen))
        if times:
            middle, most = times[len(times) // 2] * 1000, times[int(len(times) * 0.99)] * 1000
            print(
                f"{kind}: {len(times)}, median {middle:.1f} ms, 99 % within {most:.0f} ms, "
                f"all within {times[-1] * 1000:.0f} ms"
            )
    for took, case in sorted(itertools.chain.from_iterable(one.slow for one in seen), reverse=True)[:8]:
        print(f"  {took:6.2f} s  {case[:160]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--each", type=int, default=100, help="examples of an operation, mode and caller")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--strace", action="store_true")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="N", help="leave out the first N")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        faults = run(chosen, Path(folder))
    for fault in faults[:TOLD]:
        print(f"MISSED: {fault}")
    print(f"faults: {len(faults)}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
