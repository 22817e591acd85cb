"""The one place where compilation settings live.

This folder holds compiled kernels over flat arrays; they know no classes, everything above them does. It has no __init__.py, so that
beside snnsim/ it hides no package named kernels from libraries that look for one. It is imported as snnsim.kernels and by no other
name, which would compile everything a second time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

# fastmath stays off: it lets the compiler reorder sums, and a result must not depend on the machine that compiled it.
# error_model="numpy" drops Python's zero-division branches from inner loops; kernels never divide by zero.
_SETTINGS: dict[str, Any] = {"cache": True, "nogil": True, "fastmath": False, "error_model": "numpy"}

# Without the allocator runtime: see `leaf`.
_LEAF: dict[str, Any] = {**_SETTINGS, "_nrt": False}


def kernel(function: Callable) -> Callable:
    """Compile `function` in nopython mode on first use, without the interpreter lock, cached on disk."""
    return numba.njit(**_SETTINGS)(function)


def kernel_with(signature: Any) -> Callable[[Callable], Callable]:
    """Compile for one fixed `signature`, so that the kernel can be passed to another kernel as a value."""
    return numba.njit(signature, **_LEAF)


def inline(function: Callable) -> Callable:
    """Compile a small function whose body belongs inside its callers' loops."""
    return numba.njit(forceinline=True, **_SETTINGS)(function)


def leaf(function: Callable) -> Callable:
    """Compile a kernel that allocates nothing; the compiler enforces it.

    Without the allocator runtime, arrays are borrowed and no reference is counted. Counting is atomic: in a loop over
    events, which hands a network of 20 arrays from function to function, it was most of the time
    (docs/decisions/leaf-kernels.md).
    """
    return numba.njit(**_LEAF)(function)


def leaf_inline(function: Callable) -> Callable:
    """`leaf`, with the body placed inside its callers' loops: a network is then not copied at every call."""
    return numba.njit(forceinline=True, **_LEAF)(function)


#: What only other kernels call gets no entry from Python, nor from C: making one, which takes an argument with 28 arrays apart, is
#: most of the time of compiling a small kernel. Calling such a kernel from Python would end the process.
_PART: dict[str, Any] = {**_LEAF, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def leaf_part(function: Callable) -> Callable:
    """`leaf_inline` for what only other kernels call."""
    return numba.njit(forceinline=True, **_PART)(function)


def leaf_apart(function: Callable) -> Callable:
    """`leaf` for what only other kernels call."""
    return numba.njit(**_PART)(function)
