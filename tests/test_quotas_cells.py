"""Cells: what a process counted outlives it, under the right name, and only the dead are read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from naru.errors import StorageFailed
from tileserver import cells as cells_module
from tileserver.cells import LONGEST_NAME, SLOTS, Cells


def found(folder: Path) -> list[dict[str, int]]:
    """Return what the dead have left in `folder`, file by file."""
    return [dict(cells.named()) for cells in Cells.abandoned(folder)]


def test_the_living_are_left_alone_and_the_dead_are_read(tmp_path: Path) -> None:
    cells = Cells.open(tmp_path)
    cells.values[cells.slot("요청")] = 7
    assert found(tmp_path) == []
    cells.close()
    assert found(tmp_path) == [{"요청": 7}]
    assert found(tmp_path) == [{"요청": 7}]  # it stays until it is discarded
    for dead in Cells.abandoned(tmp_path):
        dead.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_slot_used_again_bears_its_new_name_and_begins_at_zero(tmp_path: Path) -> None:
    cells = Cells.open(tmp_path)
    kept, slot = cells.slot("kept"), cells.slot("old and long")
    cells.values[kept], cells.values[slot] = 1, 99
    cells.free(slot)
    assert dict(cells.named()) == {"kept": 1}
    assert cells.slot("new") == slot
    assert dict(cells.named()) == {"kept": 1, "new": 0}


def test_values_are_64_bits_wide(tmp_path: Path) -> None:
    cells = Cells.open(tmp_path)
    cells.values[cells.slot("large")] = 2**64 - 1
    assert dict(cells.named()) == {"large": 2**64 - 1}


@pytest.mark.parametrize("name", ["", "x" * (LONGEST_NAME + 1), "가" * 83])
def test_names_are_1_to_248_bytes_long(tmp_path: Path, name: str) -> None:
    cells = Cells.open(tmp_path)
    with pytest.raises(ValueError, match="1 to 248 bytes"):
        cells.slot(name)
    assert dict(cells.named()) == {}


def test_every_slot_can_be_had_once(tmp_path: Path) -> None:
    cells = Cells.open(tmp_path)
    for number in range(SLOTS):
        cells.slot(f"{number}")
    with pytest.raises(StorageFailed, match="all cells are taken"):
        cells.slot("one more")
    assert list(cells.named())[-1] == (str(SLOTS - 1), 0)


def test_the_file_takes_little_room_until_it_is_used(tmp_path: Path) -> None:
    cells = Cells.open(tmp_path)
    cells.slot("one")
    assert cells.path.stat().st_blocks * 512 < 200_000


def test_a_full_disk_is_an_error_and_no_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = Cells.open(tmp_path)
    monkeypatch.setattr(os, "posix_fallocate", _no_room)
    with pytest.raises(StorageFailed, match="no room left"):
        cells.slot("one")
    monkeypatch.undo()
    assert cells.slot("one") == 0  # once there is room again


def _no_room(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_file_of_an_earlier_boot_is_not_sure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = Cells.open(tmp_path)
    assert cells.sure
    boot = tmp_path / "boot_id"
    boot.write_text("00000000-0000-4000-8000-000000000001\n")
    monkeypatch.setattr(cells_module, "_BOOT_ID", boot)
    assert not cells.sure


def test_a_file_that_was_never_finished_is_removed(tmp_path: Path) -> None:
    (tmp_path / "1-00.cells").write_bytes(b"")
    assert found(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_child_process_does_not_keep_its_dead_parent_alive(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _PARENT_OF_ONE, str(tmp_path)], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )
    assert child.stdout is not None and child.stdin is not None
    assert child.stdout.readline() == b"forked\n"
    child.kill()
    child.wait()
    assert found(tmp_path) == [{"parent": 5}]
    child.stdin.close()  # the grandchild, which waits for it, ends now
    child.stdout.read()
    child.stdout.close()


_PARENT_OF_ONE = """
import os, sys
from pathlib import Path
from tileserver.cells import Cells
cells = Cells.open(Path(sys.argv[1]))
cells.values[cells.slot("parent")] = 5
if os.fork() == 0:
    print("forked", flush=True)
    sys.stdin.read()
    os._exit(0)
os.wait()
"""


def test_what_was_counted_before_a_kill_is_there_after_it(tmp_path: Path) -> None:
    """A child counts in two cells in turn, so the values it leaves differ by one at most."""
    for _ in range(8):
        child = subprocess.Popen([sys.executable, "-c", _COUNTING, str(tmp_path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        told = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        (dead,) = Cells.abandoned(tmp_path)
        left = dict(dead.named())
        dead.discard()
        assert left["first"] >= told
        assert 0 <= left["first"] - left["second"] <= 1


_COUNTING = """
import sys
from pathlib import Path
from tileserver.cells import Cells
cells = Cells.open(Path(sys.argv[1]))
first, second, values = cells.slot("first"), cells.slot("second"), cells.values
while True:
    values[first] += 1
    values[second] += 1
    if values[first] == 20_000:
        print(20_000, flush=True)
"""


def test_threads_get_slots_of_their_own(tmp_path: Path) -> None:
    cells, names = Cells.open(tmp_path), [f"{n}" for n in range(400)]
    slots: dict[str, int] = {}

    def take(mine: list[str]) -> None:
        for name in mine:
            slots[name] = cells.slot(name)
            cells.values[slots[name]] = int(name)

    threads = [threading.Thread(target=take, args=(names[n::8],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(slots.values())) == 400
    assert dict(cells.named()) == {name: int(name) for name in names}
