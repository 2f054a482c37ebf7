"""The house itself: its style, its types, its star of imports, its make targets, what it ships."""

from __future__ import annotations

import ast
import configparser
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from importlib.metadata import distribution, entry_points
from pathlib import Path

import pytest

from tests.conftest import ROOT

BIN = Path(sys.executable).parent
HEAVY = {"geopandas", "pandas", "scipy", "pyogrio", "pyarrow", "shapely", "rasterio", "rio_tiler", "PIL"}
PACKAGES = ("naru", "ingest", "tileserver", "twin", "styles", "sample_data")


def run(*words: str, timeout: int = 240) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)


@pytest.mark.parametrize(
    "words",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",), ("lint-imports",)],
    ids=" ".join,
)
def test_check_is_clean(words: tuple[str, ...]) -> None:
    done = run(str(BIN / words[0]), *words[1:])
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_tile_worker_loads_no_geopandas_and_a_command_starts_light() -> None:
    commands = [entry.module for entry in entry_points(group="naru.commands")]  # `naru --help` loads them all
    for module in ("tileserver.app", "tileserver.lane", "naru.cli", *commands):
        script = f"import sys, {module}; print(*sorted(sys.modules))"
        loaded = set(run(sys.executable, "-c", script).stdout.split())
        assert module in loaded
        assert not loaded & HEAVY, module


def test_no_module_reads_the_environment_at_import() -> None:
    for path in (p for package in PACKAGES for p in (ROOT / package).rglob("*.py")):
        tree = ast.parse(path.read_text())
        for statement in tree.body:
            if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
                continue
            text = ast.unparse(statement)
            assert "os.environ" not in text and "getenv" not in text, f"{path}: {text}"


def test_every_requirement_is_pinned_in_the_lock() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    wanted = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    names = {re.match(r"[A-Za-z0-9._-]+", line).group() for text in wanted for line in text.split("\n") if line}  # type: ignore[union-attr]
    lock = (ROOT / "requirements.lock").read_text()
    pinned = {normal(line.split("==")[0]) for line in lock.splitlines() if "==" in line}
    assert {normal(name) for name in names} <= pinned
    assert "://" not in lock


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_no_lock_file_names_a_registrys_address() -> None:
    text = (ROOT / "viewer" / "package-lock.json").read_text()
    assert '"resolved"' not in text


def test_notice_names_everything_we_depend_on() -> None:
    notice = (ROOT / "NOTICE").read_text().lower()
    for requirement in distribution("naru-city").requires or ():
        if "extra ==" not in requirement:
            name = re.match(r"[A-Za-z0-9._-]+", requirement).group()  # type: ignore[union-attr]
            assert name.lower() in notice, name


def test_ci_runs_the_readmes_test_command() -> None:
    commands = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if "make" in line]
    assert commands == ["exec make test"]
    assert "make test" in (ROOT / "README.md").read_text()


def docker_runs() -> list[list[str]]:
    text = (ROOT / "Dockerfile").read_text()
    return [shlex.split(line.removeprefix("RUN ")) for line in text.splitlines() if line.startswith("RUN ")]


def test_the_dockerfile_runs_only_make_targets() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for words in docker_runs():
        assert words[0] == "make"
        assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), words


def test_the_images_install_serves_without_the_sources(tmp_path: Path) -> None:
    """Run the Dockerfile's own RUN lines into another folder, then the installed package away from the sources.

    The dependencies are lent by the environment that runs this test, so that it needs no network.
    """
    prefix = tmp_path / "naru"
    assert run("sh", "deploy/make-venv.sh", sys.executable, str(prefix)).returncode == 0
    site = next(prefix.glob("lib/python*/site-packages"))
    (site / "lent.pth").write_text(f"import sys; sys.path.insert(0, {sysconfig.get_path('purelib')!r})")
    for words in docker_runs():
        here = [f"PREFIX={prefix}" if word.startswith("PREFIX=") else word for word in words]
        done = run(*here, "PIP_FLAGS=--no-index --no-build-isolation", timeout=280)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (site / "ingest" / "pipeline.py").exists()
    assert (prefix / "cache").is_dir()  # the compiled engine
    environ = {"PATH": os.environ["PATH"], "NARU_HOME": str(tmp_path / "home")}
    command = prefix / "bin" / "python"
    script = (
        "import json, os, tileserver.app, naru.settings as s\n"
        f"assert tileserver.app.__file__.startswith({str(prefix)!r}), tileserver.app.__file__\n"
        "app = tileserver.app.create_app(s.Settings.from_environ(os.environ))\n"
        "client = app.test_client()\n"
        "print(json.dumps([client.get(p).status_code for p in ('/', '/docs', '/openapi.json', '/health/ready')]))"
    )
    done = subprocess.run(
        [command, "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == "[200, 200, 200, 200]", done.stderr


def test_the_shipped_page_needs_no_other_host() -> None:
    static = ROOT / "tileserver" / "static"
    for page in static.glob("*.html"):
        assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page.read_text()), page
