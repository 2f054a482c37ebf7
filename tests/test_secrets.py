"""The last test of all: no key that any test was given lies in any file that the tests left behind.

Keys carry a checksum, so they can be told from everything else without a list: what is found here was issued.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tileserver.keys.text import KEY_TEXT, is_well_formed, make_key_text

_KEY = re.compile(KEY_TEXT.pattern.encode())


def keys_in(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield every file under `folder` (databases, logs, caches, exports) that holds a key's whole text."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_size:
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                for found in _KEY.finditer(content):
                    text = found[0].decode()
                    if is_well_formed(text):
                        yield path, text


def test_a_key_in_a_file_is_found(tmp_path: Path) -> None:
    kept = tmp_path / "home" / "catalog.sqlite"
    kept.parent.mkdir()
    kept.write_bytes(b"\0\1" + make_key_text("live").encode() + b"\xff")
    (tmp_path / "harmless").write_text("nru_live_" + "0" * 32 + "_000000")
    assert [path for path, _ in keys_in(tmp_path)] == [kept]
    kept.unlink()


@pytest.mark.last
def test_no_issued_key_lies_in_any_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    found = {str(path) for path, _ in keys_in(tmp_path_factory.getbasetemp())}
    assert not found
