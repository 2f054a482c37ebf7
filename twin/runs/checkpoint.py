"""Checkpoints: all of a run in one file, replaced in one move; killed, it goes on from the last, bit by bit.

The file is an uncompressed .npz (no pickles) with one entry of JSON, "facts".
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from naru import __version__
from naru.errors import FileDamaged, StorageFailed
from naru.runs import WORK
from naru.storage import disk_errors, file_hash, sync_file, sync_folder
from twin.grid import Values
from twin.scenario.records import Assembled

FILE = "checkpoint.npz"
_FACTS = "facts"
_FORMAT = 1
_UNTOLD = ("threads",)  # options that change no bit of the results


def fingerprint(assembled: Assembled, mapping: Mapping[str, Any]) -> dict[str, str]:
    """Return hashes of all that a run depends on, by what they are of."""
    domain, options = assembled.domain, asdict(assembled.options)
    parts: dict[str, str] = {
        "the scenario": _json_hash(mapping),
        "the scheme": _json_hash({k: v for k, v in options.items() if k not in _UNTOLD}),
        "the terrain": _arrays_hash(domain.bed, domain.manning_n, assembled.depth),
        "naru": f"{__version__}.{_FORMAT}",
    }
    for number, given in enumerate(assembled.inputs):
        name = given.get("file") or given.get("layer")
        if name and given.get("role") != "scenario":  # its words count, not its commas
            parts[f"{given.get('role', 'input')} '{name}' ({number})"] = _json_hash(_with_hash(given))
    return parts


def check_same(before: Mapping[str, str], now: Mapping[str, str], folder: Path) -> None:
    """Return if a run may go on.

    Raises:
        StorageFailed: what it depends on is not what it was; says what.
    """
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if changed:
        raise StorageFailed(
            f"the run cannot go on: since it began, there is a change in {', '.join(changed)}",
            file=str(folder),
            remedy="Begin anew with `--overwrite`, or restore what it began with.",
        )


def save(folder: Path, flood: Mapping[str, Any], recorder: Mapping[str, Any]) -> int:
    """Write a checkpoint; return its bytes. `flood` and `recorder` have `arrays` and `facts`.

    Raises:
        StorageFailed: it cannot be written; the one before is still there.
    """
    path = folder / WORK / FILE
    aside = path.with_name(f"{FILE}.{os.getpid()}.part")
    arrays = {f"flood/{k}": v for k, v in flood["arrays"].items()}
    arrays |= {f"recorder/{k}": v for k, v in recorder.get("arrays", {}).items()}
    told = {"flood": flood["facts"], "recorder": recorder.get("facts", {})}
    text = np.frombuffer(json.dumps(told).encode(), np.uint8)
    with disk_errors(path):
        try:
            with aside.open("wb") as stream:
                np.savez(stream, allow_pickle=False, **{_FACTS: text}, **arrays)
            sync_file(aside)
            aside.rename(path)
            sync_folder(path.parent)
        finally:
            aside.unlink(missing_ok=True)
    return path.stat().st_size


def load(folder: Path) -> dict[str, Any] | None:
    """Return the last checkpoint: `flood` and `recorder` as they were saved; None where there is none.

    Raises:
        FileDamaged: it cannot be read.
    """
    path = folder / WORK / FILE
    if not path.exists():
        return None
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as found:
            facts = json.loads(found[_FACTS].tobytes())
            arrays: dict[str, Values] = {name: found[name] for name in found.files if name != _FACTS}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise FileDamaged(
            f"the checkpoint cannot be read ({error})",
            file=str(path),
            remedy="Begin anew with `--overwrite`.",
        ) from error
    out: dict[str, Any] = {}
    for whose in ("flood", "recorder"):
        mine = {k.removeprefix(f"{whose}/"): v for k, v in arrays.items() if k.startswith(f"{whose}/")}
        out[whose] = {"arrays": mine, "facts": facts[whose]}
    return out


def _json_hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _arrays_hash(*arrays: Values) -> str:
    out = hashlib.sha256()
    for values in arrays:
        out.update(str((values.shape, values.dtype)).encode())
        out.update(np.ascontiguousarray(values).data)
    return out.hexdigest()


def _with_hash(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an input with its file's hash, where nobody has taken it yet."""
    file = given.get("file")
    if not file or given.get("sha256") or not Path(str(file)).is_file():
        return given
    return {**given, "sha256": file_hash(Path(str(file)))}
