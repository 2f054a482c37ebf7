"""Finding keys in files: they carry a checksum, so they can be told from everything else without a list of them."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from pathlib import Path

from tileserver.keys.text import KEY_TEXT, is_well_formed

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
