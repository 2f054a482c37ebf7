"""Every refusal says what to do: no error of reading is raised without a remedy."""

from __future__ import annotations

import ast
from pathlib import Path

from naru.errors import BadInput
from tests.conftest import ROOT


def kinds(root: type[BadInput]) -> set[str]:
    return {root.__name__}.union(*(kinds(kind) for kind in root.__subclasses__()))


def without_remedy(path: Path) -> list[str]:
    """Return where a file makes such an error without `remedy=`."""
    names = kinds(BadInput)
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    made = [c for c in calls if getattr(c.func, "id", getattr(c.func, "attr", "")) in names]
    return [f"{path.name}:{c.lineno}" for c in made if not {"remedy", None} & {k.arg for k in c.keywords}]


def test_every_error_of_reading_has_a_remedy() -> None:
    files = sorted((ROOT / "ingest").rglob("*.py"))
    assert len(files) > 20
    assert [place for file in files for place in without_remedy(file)] == []
