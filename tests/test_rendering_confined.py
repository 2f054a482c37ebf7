"""The process that draws strangers' tiles can do little else: what it tries fails, and pictures are drawn."""

from __future__ import annotations

import gzip
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from naru.font_file import font_path
from tests.conftest import ROOT
from tests.rendering import RED, feature, fill, pixels, tile_of
from tileserver.rendering import child
from tileserver.rendering.workshop import Workshop

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the confinement is Linux's own")
SQUARE = "POLYGON ((0 0, 4096 0, 4096 4096, 0 4096, 0 0))"


@pytest.fixture(scope="module")
def shop() -> Iterator[Workshop]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_PASSWORD", "canary")
        made = Workshop((sys.executable, "-P", "-m", "tests.rendering_tasks"))
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))))
        picture(made)
    yield made
    made.close()


def tried(shop: Workshop, what: str, said: object = "") -> str:
    (answer,) = shop.do({"try": what, "said": str(said)})
    return answer.decode()


def picture(shop: Workshop) -> Any:
    told = {
        "grid": "WebMercatorQuad",
        "z": 5,
        "frame": {"left": 0, "top": 0, "tiles": 1, "scale": 1, "zoom": 4.0},
        "type": "png",
        "layers": [{"style": [fill("a")], "side": 256, "tiles": [(0, 0)]}],
    }
    (made,) = shop.do(told, [gzip.compress(tile_of(a=[feature(SQUARE)]))])
    return pixels(made)


def test_it_draws_confined(shop: Workshop) -> None:
    assert {"rlimits", "seccomp"} <= set(shop.layers)
    assert tuple(picture(shop)[128, 128]) == (*bytes.fromhex(RED[1:]), 255)


def test_it_reaches_no_network(shop: Workshop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        assert tried(shop, "socket", server.getsockname()[1]) == "PermissionError"
        with pytest.raises(TimeoutError):
            server.accept()
    assert tried(shop, "unix", "/run/dbus/system_bus_socket") == "PermissionError"


@pytest.mark.parametrize("what", ["fork", "run"])
def test_it_starts_no_process(shop: Workshop, what: str) -> None:
    assert tried(shop, what) == "PermissionError"


def test_it_signals_nobody(shop: Workshop) -> None:
    assert tried(shop, "signal", os.getpid()) == "PermissionError"


def test_it_reads_the_font_and_no_file_of_the_operator(shop: Workshop, tmp_path: Path) -> None:
    secret = tmp_path / "naru.sqlite"
    secret.write_bytes(b"catalogue")
    assert tried(shop, "read", font_path()) == "done"
    if "landlock" not in shop.layers:
        pytest.skip("this kernel has no Landlock")
    assert tried(shop, "read", secret) == "PermissionError"
    assert tried(shop, "list", tmp_path) == "PermissionError"
    assert tried(shop, "read", "/etc/passwd") == "PermissionError"
    assert tried(shop, "read", f"/proc/{os.getpid()}/environ") == "PermissionError"


def test_it_writes_no_file(shop: Workshop, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_bytes(b"as it was")
    for what in ("write", "unlink", "rename"):
        assert tried(shop, what, there) == "PermissionError", what
    assert tried(shop, "mkdir", tmp_path / "folder") == "PermissionError"
    assert tried(shop, "write", Path(child.__file__)) == "PermissionError"
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    assert there.read_bytes() == b"as it was"


def test_it_was_alone_when_it_was_confined_and_knows_no_secret(shop: Workshop) -> None:
    assert tried(shop, "threads") == "1"
    assert shop.pid is not None
    assert "Threads:\t1\n" in Path(f"/proc/{shop.pid}/status").read_text()  # none of a library's, either
    assert "DATABASE_PASSWORD" not in tried(shop, "environ")


def test_its_memory_ends(shop: Workshop) -> None:
    assert tried(shop, "memory", child.MEMORY_BYTES) == "MemoryError"
    assert picture(shop).any()


def test_what_was_not_compiled_beforehand_is_compiled_without_being_kept(shop: Workshop) -> None:
    assert tried(shop, "compile") == "7.0"


def test_without_landlock_and_seccomp_it_still_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    without = (
        "from naru import confine as c; c._landlock = lambda *a, **k: False; c._seccomp = lambda **k: False; "
        "c._unshare_network = lambda: False; from tileserver.rendering import child; child.main()"
    )
    made = Workshop((sys.executable, "-c", without))
    try:
        assert np.asarray(picture(made)).any()
        assert made.layers == ("rlimits",)
    finally:
        made.close()


def test_maplibre_native_and_its_threads_are_confined_too() -> None:
    pytest.importorskip("mapli")
    made = Workshop.of("maplibre")
    try:
        picture(made)
        assert {"rlimits", "seccomp"} <= set(made.layers)
        tasks = list(Path(f"/proc/{made.pid}/task").iterdir())
        assert len(tasks) > 1  # it did start
        assert {"Seccomp:\t2" in (task / "status").read_text() for task in tasks} == {True}
    finally:
        made.close()
