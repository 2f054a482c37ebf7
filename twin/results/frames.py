"""The state at an output time, one file each, until the run ends: a killed run keeps all that it had written."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from isal import igzip
from isal.igzip_lib import IsalError

from naru.errors import FileDamaged, FileMissing
from naru.storage import disk_errors, sync_file
from twin.grid import Values

DRY_M = 0.001  # water shallower than that counts as dry wherever results say where there is water
_LEVEL = 1  # of ISA-L: dry land packs to nothing, and wet cells cost 3 ns a byte
_PREFIX, _SUFFIX = "frame-", ".npy.gz"
_unpacked: Callable[[bytes], bytes] = igzip.decompress
_REMEDY = "Run the scenario again, into another folder."


@dataclass(frozen=True)
class State:
    """Water at a moment: rows × columns from the north, of the scheme's precision."""

    time_s: float
    depth: Values  # m
    flow_x: Values  # unit discharge, m²/s, positive eastwards
    flow_y: Values  # … positive southwards, as inside the model


def frame_path(folder: Path, number: int) -> Path:
    """Return where the frame of an output lies, counted from 0."""
    return folder / f"{_PREFIX}{number:05d}{_SUFFIX}"


def write_frame(folder: Path, number: int, state: State) -> None:
    """Write a frame aside, sync it and rename it. Raises StorageFailed."""
    path = frame_path(folder, number)
    aside = path.with_suffix(".part")
    packed = io.BytesIO()
    for values in (np.array([state.time_s]), state.depth, state.flow_x, state.flow_y):
        np.save(packed, np.ascontiguousarray(values), allow_pickle=False)
    with disk_errors(path):
        aside.write_bytes(igzip.compress(packed.getbuffer(), _LEVEL, mtime=0))
        sync_file(aside)
        aside.replace(path)


def read_frame(folder: Path, number: int) -> State:
    """Return a frame.

    Raises:
        FileMissing: it was not written, or taken away.
        FileDamaged: its bytes are none.
    """
    path = frame_path(folder, number)
    try:
        stream = io.BytesIO(_unpacked(path.read_bytes()))
        time_s, depth, flow_x, flow_y = (np.load(stream, allow_pickle=False) for _ in range(4))
    except FileNotFoundError as error:
        raise FileMissing(f"the state of output {number} is not there", file=str(path), remedy=_REMEDY) from error
    except (OSError, ValueError, EOFError, zlib.error, IsalError) as error:  # type: ignore[misc]  # its stub knows no base
        raise FileDamaged(
            f"the state of output {number} cannot be read ({error})", file=str(path), remedy=_REMEDY
        ) from error
    return State(float(time_s[0]), depth, flow_x, flow_y)


def forget_frames(folder: Path) -> None:
    """Delete the frames, and the folder where nothing else is in it. Raises StorageFailed."""
    with disk_errors(folder):
        for path in folder.glob(f"{_PREFIX}*"):
            path.unlink()
        if folder.exists() and not any(folder.iterdir()):
            folder.rmdir()
