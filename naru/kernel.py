"""How numeric loops are compiled: plain functions on arrays become machine code, kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])
_UNCOUNTED: dict[str, Any] = {"_nrt": False}  # numba's runtime, which counts references, stays away
_kept: list[Any] = []  # numba's dispatchers whose machine code is kept on disk


def kernel(function: Function) -> Function:
    """Compile a plain function on arrays; it runs without the interpreter lock, so threads share the cores.

    Compiled code is kept on disk beside the module, or in the user's cache where the module's directory is
    read-only. Such a cache looks at the time of one source file only: a kernel calls kernels of its own file.
    """
    try:
        compiled = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
        _kept.append(compiled)
    except RuntimeError:  # nowhere to keep compiled code: compile once per process instead
        compiled = numba.njit(nogil=True, error_model="numpy")(function)
    return cast("Function", compiled)


_LOOSE = {"reassoc", "contract", "arcp", "nsz", "afn"}  # of fastmath all but what forbids NaN and infinity


def fast_kernel(function: Function) -> Function:
    """Compile like `kernel`; sums may be taken in any order and products fused, so that loops run on vectors."""
    try:
        compiled = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=_LOOSE)(function)
        _kept.append(compiled)
    except RuntimeError:
        compiled = numba.njit(nogil=True, error_model="numpy", fastmath=_LOOSE)(function)
    return cast("Function", compiled)


def fast_inner(function: Function) -> Function:
    """Compile like `inner`, as loosely as `fast_kernel`."""
    compiled = numba.njit(  # type: ignore[call-overload]
        nogil=True, error_model="numpy", fastmath=_LOOSE, no_cpython_wrapper=True, no_cfunc_wrapper=True
    )(function)
    return cast("Function", compiled)


def inner(function: Function) -> Function:
    """Compile a function that only kernels of its own file call: quicker, for want of a way in from Python."""
    # numba's stubs leave out the wrapper options
    compiled = numba.njit(  # type: ignore[call-overload]
        nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True
    )(function)
    return cast("Function", compiled)


def lean_kernel(function: Function) -> Function:
    """Compile like `kernel`, for loops that make no array: references to arrays are not counted.

    Numba counts them at each slice by atomic operations: of 2.0 ns that a cell of rows of 1000 took in the inertial
    scheme, 0.4 ns were that. A kernel that makes or returns an array does not compile so. Inner functions that it
    calls are to be lean, too.
    """
    try:
        compiled = numba.njit(nogil=True, cache=True, error_model="numpy", **_UNCOUNTED)(function)
        _kept.append(compiled)
    except RuntimeError:
        compiled = numba.njit(nogil=True, error_model="numpy", **_UNCOUNTED)(function)
    return cast("Function", compiled)


def lean_inner(function: Function) -> Function:
    """Compile like `inner`, as lean as `lean_kernel`."""
    return _lean(function, False)


def lean_fast_inner(function: Function) -> Function:
    """Compile like `fast_inner`, as lean as `lean_kernel`."""
    return _lean(function, _LOOSE)


def _lean(function: Function, fastmath: bool | set[str]) -> Function:
    wrappers: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    compiled = numba.njit(nogil=True, error_model="numpy", fastmath=fastmath, **wrappers, **_UNCOUNTED)(function)
    return cast("Function", compiled)


def keep_no_more() -> None:
    """Compile in memory from now on: for a process that may no longer write, where numba would fail instead."""
    for compiled in _kept:
        compiled._cache.disable()  # numba has no other way


def write_no_more() -> None:
    """Load compiled code from the disk as before, and keep in memory what has to be compiled from now on."""
    for compiled in _kept:
        compiled._cache.save_overload = _keep_nothing


def _keep_nothing(signature: Any, data: Any) -> None:
    """Stand in for numba's way to the disk."""


def folders() -> list[Path]:
    """Return the folders in which compiled code is kept."""
    return [Path(folder) for folder in sorted({compiled._cache.cache_path for compiled in _kept})]


def all_compiled() -> bool:
    """Whether each kernel that is loaded has compiled code on the disk, made from its source as it is."""
    return all(compiled._cache._cache_file._load_index() for compiled in _kept)
