"""Kills the server while it receives resumable uploads; the client goes on where it was told, and loses nothing."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from bench.aftermath import Tally, end, serve
from bench.killing import points
from bench.lab import NARU, free_port
from bench.watching import family

_FEATURES = 4000
_PIECE = 4096
_TUS = {"Tus-Resumable": "1.0.0"}


@dataclass
class Client:
    """A client of tus 1.0.0 that sends one file in small pieces, and asks for the offset when it is cut off."""

    port: int
    key: str
    data: bytes
    name: str
    address: str = ""
    acknowledged: int = 0  # bytes that a 204 said are there
    job: str = ""
    stop: bool = False

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Send one request; return status, headers in small letters, and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, {"X-API-Key": self.key, **_TUS, **sent})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def begin(self) -> None:
        """Create the upload."""
        said = {"filename": f"{self.name}.geojson", "id": self.name}
        metadata = ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in said.items())
        status, headers, body = self.ask(
            "POST", "/api/uploads", Upload_Length=str(len(self.data)), Upload_Metadata=metadata
        )
        if status != 201:
            sys.exit(f"the upload was not begun: {status} {body[:300]!r}")
        self.address = headers["location"]

    def send(self, faults: list[str]) -> None:
        """Send piece after piece until all is there or `stop`; being cut off ends it too."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            status, headers, body = self.ask("HEAD", self.address)
            if status != 200:
                faults.append(f"an upload under way is gone: {status}")
                return
            offset = int(headers["upload-offset"])
            if offset < self.acknowledged:
                faults.append(f"acknowledged and lost: {self.acknowledged} bytes were, {offset} are there")
            self.job = headers.get("naru-job", "")
            while not self.stop and not self.job:
                piece = self.data[offset : offset + _PIECE]
                kind = "application/offset+octet-stream"
                status, headers, body = self.ask(
                    "PATCH", self.address, piece, Upload_Offset=str(offset), Content_Type=kind
                )
                if status not in (204, 423):
                    faults.append(f"a piece was answered with {status}: {body[:100]!r}")
                    return
                if status == 204:
                    offset = self.acknowledged = int(headers["upload-offset"])
                    self.job = headers.get("naru-job", "")


def kill_servers(home: Path, folder: Path, kills: int) -> Tally:
    """Kill the server `kills` times while it receives; each file is published whole in the end."""
    tally, chance, port = Tally(), random.Random("uploads"), free_port()
    key = _key(home)
    data = points(folder / "large.geojson", _FEATURES).read_bytes()
    number, client = 0, None
    while tally.kills["server, receiving"] < kills and not tally.faults:
        server, _ = serve(home, folder / "uploads.log", port)
        if client is None or client.job:
            number += 1
            client = Client(port, key, data, f"upload-{number}")
            client.begin()
        sender = threading.Thread(target=client.send, args=(tally.faults,))
        sender.start()
        time.sleep(chance.uniform(0.02, 0.6))
        _kill(server)
        tally.kills["server, receiving"] += 1
        sender.join()
    server, _ = serve(home, folder / "uploads.log", port)
    if client is not None and not client.job:
        client.send(tally.faults)
    end(server)
    tally.acknowledged = number
    return _settle(home, tally, number)


def _kill(server: subprocess.Popen[bytes]) -> None:
    """Kill the server's processes at one stroke: its workers first, for they hold the upload."""
    for child in reversed(family([server.pid])):
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    server.wait()


def _settle(home: Path, tally: Tally, uploads: int) -> Tally:
    """Let a worker do all jobs; every upload must have become a layer with every feature."""
    naru = [*NARU, "--home", str(home)]
    subprocess.run([*naru, "work", "--once", "--json"], check=True, stdout=subprocess.DEVNULL)
    told = json.loads(subprocess.check_output([*naru, "layers", "list", "--json"]))
    found = {layer["id"]: layer["features"] for layer in told["layers"]}
    for number in range(1, uploads + 1):
        if found.get(f"upload-{number}") != _FEATURES:
            tally.faults.append(f"upload-{number} holds {found.get(f'upload-{number}')} of {_FEATURES} features")
    return tally


def _key(home: Path) -> str:
    words = ["keys", "create", "--name", "bench", "--functions", "content,manage", "--json"]
    return str(json.loads(subprocess.check_output([*NARU, "--home", str(home), *words]))["key"])
