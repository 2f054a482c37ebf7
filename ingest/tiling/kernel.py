"""How the numeric loops of the tiling engine are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile a plain function on arrays; it runs without the interpreter lock, so threads share the cores.

    Compiled code is kept on disk beside the module, or in the user's cache where the module's directory is
    read-only. Such a cache looks at the time of one source file only: a kernel calls kernels of its own file.
    """
    try:
        return numba.njit(nogil=True, cache=True)(function)  # type: ignore[no-any-return]
    except RuntimeError:  # nowhere to keep compiled code: compile once per process instead
        return numba.njit(nogil=True)(function)  # type: ignore[no-any-return]
