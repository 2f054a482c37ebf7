"""What the tests end with (tests/conftest.py): looking for keys in every file that they left, and it finds them."""

from __future__ import annotations

from pathlib import Path

from tests.secrets import keys_in
from tileserver.keys.text import make_key_text


def test_a_key_in_a_file_is_found(tmp_path: Path) -> None:
    kept = tmp_path / "home" / "catalog.sqlite"
    kept.parent.mkdir()
    kept.write_bytes(b"\0\1" + make_key_text("live").encode() + b"\xff")
    (tmp_path / "harmless").write_text("nru_live_" + "0" * 32 + "_000000")
    assert [path for path, _ in keys_in(tmp_path)] == [kept]
    kept.unlink()
