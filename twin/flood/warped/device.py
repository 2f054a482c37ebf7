"""Warp itself, quietly; which device a run works on; and the depth there as actors see it from the host.

Warp has no type stubs: it is `Any` from here on. Kernels take `Any`, too, so that they are compiled for the
precision at hand: whatever number is not a small power of two comes in an argument, for Warp reads literals as
float32.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeVar, cast

import numpy as np

from naru.errors import BadSpec
from twin.flood.records import Ints, Options
from twin.grid import Floats, Values

wp: Any = import_module("warp")
wp.config.log_level = wp.LOG_ERROR  # no banner
Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Make a kernel, in a module of its own, so that only what is used is compiled; it is kept on disk.

    No adjoint is wanted. Products are not fused with sums: what rounding leaves over is computed exactly.
    """
    options = {"enable_backward": False, "fuse_fp": False}
    return cast("Function", wp.kernel(function, module="unique", module_options=options))


def part(function: Function) -> Function:
    """Make a function that kernels call."""
    return cast("Function", wp.func(function))


def launch(work: Any, threads: int | tuple[int, ...], *arguments: Any, device: Any) -> None:
    """Run a kernel on so many threads.

    Which compiled one suits the arguments is remembered: to find it out takes Warp as long as to launch.
    """
    kinds = tuple((a.dtype, a.ndim) if isinstance(a, wp.array) else type(a) for a in arguments)
    concrete = _concrete.get((work, kinds))
    if concrete is None:
        types = [wp.array(dtype=k[0], ndim=k[1]) if isinstance(k, tuple) else k for k in kinds]
        concrete = _concrete[work, kinds] = wp.overload(work, types)
    wp.launch(concrete, dim=threads, inputs=arguments, device=device)


_concrete: dict[Any, Any] = {}


def device_of(wanted: Any) -> Any:
    """Return the device that is asked for by name, such as "cpu" or "cuda:0"; None: a GPU where there is one.

    Raises:
        BadSpec: there is no such device.
    """
    with _hushed():
        wp.init()
    if wanted is None:
        return wp.get_device("cuda:0" if wp.get_cuda_device_count() else "cpu")
    known = [str(device) for device in wp.get_devices()]
    if wanted not in known:
        raise BadSpec(
            f"field 'device' is '{wanted}', which is not here",
            field="device",
            remedy=f"Here are: {', '.join(known)}.",
        )
    return wp.get_device(wanted)


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep from standard error what Warp's machine code writes there of missing GPUs; errors are exceptions."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


def shares_memory(device: Any) -> bool:
    """Say whether numpy sees the device's arrays without copies."""
    return bool(device.is_cpu)


def threads_for_actors(options: Options) -> int:
    """Return how many of the host's threads actors may work on."""
    return options.threads or len(os.sched_getaffinity(0))


class Sheet:
    """The depth on a device, and its copy on the host for those who ask: copied only when it is asked for.

    The device's is the truth but for rows that `written` names: they go there before the next kernel (`push`).
    Where both share their memory nothing is ever copied.
    """

    def __init__(self, there: Any) -> None:
        """Take the array on the device: contiguous, rows × columns."""
        self.there = there
        self._shared = shares_memory(there.device)
        self._here = there
        if not self._shared:  # page-locked, where a GPU can fetch it itself
            self._here = wp.empty(there.shape, dtype=there.dtype, device="cpu", pinned=there.device.is_cuda)
        self._host: Values = self._here.numpy()
        self._current = False
        self._written: slice | None = None

    def seen(self) -> Values:
        """Return the depth on the host: to read, or to write into and say so."""
        if not (self._shared or self._current):
            wp.copy(self._here, self.there)
            wp.synchronize_device(self.there.device)
            self._current = True
        return self._host

    def written(self, rows: slice) -> None:
        """Note that rows of what was last seen were written."""
        first, end, _ = rows.indices(self._host.shape[0])
        if self._written is not None:
            first, end = min(first, self._written.start), max(end, self._written.stop)
        self._written = slice(first, max(first, end))

    def push(self) -> None:
        """Bring what was written to the device."""
        rows, self._written = self._written, None
        if rows is None or self._shared:
            return
        start, count = rows.start * self._host.shape[1], (rows.stop - rows.start) * self._host.shape[1]
        wp.copy(self.there, self._here, dest_offset=start, src_offset=start, count=count)

    def moved(self) -> None:
        """Note that the device changed the depth: what the host has is old."""
        self._current = False


class Told:
    """A few numbers that a device tells the host."""

    def __init__(self, count: int, real: Any, device: Any) -> None:
        """Begin with zeros."""
        self.there = wp.zeros(count, dtype=real, device=device)
        self._shared = shares_memory(device)
        self._here = self.there
        if not self._shared:
            self._here = wp.empty(count, dtype=real, device="cpu", pinned=device.is_cuda)
        self._host: Values = self._here.numpy()

    def read(self) -> list[float]:
        """Return them when all that was asked of the device is done."""
        if not self._shared:
            wp.copy(self._here, self.there)
            wp.synchronize_device(self.there.device)
        return [float(value) for value in self._host]


class Lately:
    """Values that change now and then, on a device: sent only when they did."""

    def __init__(self, device: Any) -> None:
        self._device = device
        self._known = b""
        self.there: Any = None

    def renew(self, values: Values) -> bool:
        """Have these there; return whether they are new. Their shape and type stay the same."""
        known = values.tobytes()
        if self.there is not None and known == self._known:
            return False
        self._known, self.there = known, sent(values, self._device)
        return True


def picked(values: Any, where: Ints) -> Floats:
    """Return what stands at flat indices in an array on a device, float64: no more than that comes to the host."""
    places = sent(np.asarray(where, np.int64).reshape(-1), values.device)
    out = wp.empty(places.shape, dtype=wp.float64, device=values.device)
    launch(_pick, places.size, values.flatten(), places, out, device=values.device)
    found: Floats = out.numpy()
    return found


@kernel
def _pick(values: Any, where: Any, out: Any) -> None:
    k = wp.tid()
    out[k] = wp.float64(values[where[k]])


def sent(values: Values, device: Any) -> Any:
    """Return an array on the device, a copy."""
    return wp.array(np.ascontiguousarray(values), device=device)
