"""What tests share: the corpus beside the repository, a fresh home, a served demo, tools that may be absent."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import settings

from tests.secrets import keys_in

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
NARU = [sys.executable, "-m", "naru"]
settings.register_profile("naru", deadline=None)  # an example may be the one that compiles, or on a busy machine
settings.load_profile("naru")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Look through everything that all tests left behind, once: no key that was issued may lie in any file."""
    factory = getattr(session.config, "_tmp_path_factory", None)
    if factory is None or hasattr(session.config, "workerinput"):  # a part of the tests; the whole is yet to end
        return
    found = sorted({str(path) for path, _ in keys_in(factory.getbasetemp())})
    if found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        terminal = session.config.pluginmanager.get_plugin("terminalreporter")
        terminal.write_line(f"FAILED: keys were found in {len(found)} files that tests left:", red=True)
        for path in found:
            terminal.write_line(f"  {path}")


def require_tool(name: str) -> str:
    """Return the path of a program that only Debian gives; skip without it, fail without it in CI."""
    found = shutil.which(name)
    if found:
        return found
    reason = f"'{name}' is not installed (`make test` installs it where it is root on Debian)"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """Return a function that gives a path under ../shared, or skips when that folder is not there."""

    def find(name: str) -> Path:
        if not SHARED.is_dir():
            pytest.skip(f"the folder of sample inputs {SHARED} is absent")
        path = SHARED / name
        assert path.exists(), f"{path} should be there"
        return path

    return find


def postgres_binaries() -> Path:
    """Return the folder of PostgreSQL's server programs; skip without them, fail without them in CI."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    return folders[-1] if folders else Path(require_tool("pg_ctl")).parent


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Return the address of a PostgreSQL server of our own, gone afterwards. It refuses to run as root."""
    binaries, port = postgres_binaries(), free_port()
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="naru-pg-", dir="/tmp") as folder:
        if user:
            shutil.chown(folder, "postgres")

        def run(program: str, *words: str) -> None:
            command = [*user, str(binaries / program), "-D", f"{folder}/data", *words]
            subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=folder)

        run("initdb", "-A", "trust", "-U", "naru", "-E", "UTF8", "--no-sync")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        run("pg_ctl", "-o", options, "-l", f"{folder}/log", "-w", "start")
        try:
            yield f"postgresql+psycopg://naru@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-m", "immediate", "stop")


@pytest.fixture
def sqlite_database(tmp_path: Path) -> str:
    """Return the URL of an empty SQLite database."""
    return f"sqlite:///{tmp_path / 'catalog.sqlite'}"


@pytest.fixture
def postgresql_database(postgres_url: str) -> Iterator[str]:
    """Return the URL of an empty PostgreSQL database."""
    server = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    name = f"test_{secrets.token_hex(6)}"
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield server.url.set(database=name).render_as_string(hide_password=False)
    server.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest) -> str:
    """Return the URL of an empty database, once on each system that the catalogue runs on."""
    url: str = request.getfixturevalue(f"{request.param}_database")
    return url


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return an empty home folder."""
    return tmp_path / "home"


def clean_environ(**more: str) -> dict[str, str]:
    """Return this process's environment without any NARU_ setting, plus `more`."""
    return {k: v for k, v in os.environ.items() if not k.startswith("NARU_")} | more


def naru(*words: str, home: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the `naru` command in a process of its own."""
    return subprocess.run(
        [*NARU, "--home", str(home), *words],
        capture_output=True,
        text=True,
        timeout=240,
        env=clean_environ(**environ),
        check=False,
    )


def naru_json(*words: str, home: Path, **environ: str) -> dict:
    """Run `naru … --json`, expect success, return the object."""
    done = naru(*words, "--json", home=home, **environ)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


@dataclass(frozen=True)
class Served:
    """A running `naru serve`."""

    url: str
    home: Path
    process: subprocess.Popen[bytes]
    log: Path

    def get(self, path: str, **headers: str) -> Answer:
        """Fetch `path`; errors are answers too. Underscores in header names stand for hyphens."""
        request = urllib.request.Request(
            self.url + path, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return Answer(reply.status, dict(reply.headers.items()), reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers.items()), error.read())


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict:
        """Return the body as JSON."""
        return json.loads(self.body)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_server(home: Path, log: Path, *, workers: int = 1, worker: bool = False, **environ: str) -> Served:
    """Start `naru serve` on `home` and wait until it is ready."""
    port = free_port()
    words = ["--home", str(home), "serve", "--port", str(port), "--workers", str(workers)]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [*NARU, *words, *([] if worker else ["--no-worker"])],
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=clean_environ(**environ),
        )
    served = Served(f"http://127.0.0.1:{port}", home, process, log)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if served.get("/health/ready").status == 200:
                return served
        except OSError:
            time.sleep(0.1)
    stop_server(served)
    pytest.fail(f"naru serve did not come up: {log.read_text()[-2000:]}")


def stop_server(served: Served) -> None:
    """Ask the server to end, and make it."""
    served.process.terminate()
    try:
        served.process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        served.process.kill()
        served.process.wait()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """Return a home with the quick sample city, and what `naru demo --no-serve --quick --json` said."""
    home = tmp_path_factory.mktemp("demo") / "home"
    return home, naru_json("demo", "--home", str(home), "--no-serve", "--quick", "--port", "8123", home=home)


@pytest.fixture(scope="session")
def demo_home(demo: tuple[Path, dict]) -> Path:
    """Return a home with the quick sample city."""
    return demo[0]


@pytest.fixture(scope="session")
def served_demo(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Return a running server on the quick sample city."""
    served = start_server(demo_home, tmp_path_factory.mktemp("log") / "serve.log")
    yield served
    stop_server(served)
