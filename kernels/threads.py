"""A barrier for the threads of one run: a counter that all of them spin on.

numba has no atomics for processors; these are LLVM's. A thread that waits long gives its core away, so that more threads
than cores get on.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from snnsim.kernels._jit import leaf

#: Looks at the counter before a waiting thread gives its core away: some microseconds.
_PATIENCE = 4096


def _place(context, builder, signature, arguments):
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    return builder.gep(array.data, [arguments[1]])


@intrinsic
def _fetch_add(typing_context, array, index, value):
    """Add `value` to array[index], int64, and return what was there, as one action."""
    signature = types.int64(array, types.intp, types.int64)

    def build(context, builder, signature, arguments):
        return builder.atomic_rmw("add", _place(context, builder, signature, arguments), arguments[2], "seq_cst")

    return signature, build


@intrinsic
def _load(typing_context, array, index):
    """Return array[index], int64, as the other threads left it."""
    signature = types.int64(array, types.intp)

    def build(context, builder, signature, arguments):
        return builder.load_atomic(_place(context, builder, signature, arguments), "seq_cst", 8)

    return signature, build


@intrinsic
def _call_c(typing_context, function):
    """Call the C function without arguments at an address."""
    signature = types.int32(types.int64)

    def build(context, builder, signature, arguments):
        pointer = ir.FunctionType(ir.IntType(32), []).as_pointer()
        return builder.call(builder.inttoptr(arguments[0], pointer), [])

    return signature, build


# The type checker takes the compiler's context for an argument of the caller.
fetch_add: Any = _fetch_add
load: Any = _load
_call: Any = _call_c


def pause_address() -> int:
    """Return the address of the system's call that gives the core to another thread."""
    if sys.platform == "win32":
        function = ctypes.WinDLL("kernel32").SwitchToThread
    else:
        function = ctypes.CDLL(None).sched_yield
    return int(ctypes.cast(function, ctypes.c_void_p).value or 0)


@leaf
def meet(counter, n, pause):
    """Wait until all `n` threads have come here. What any of them wrote before is then seen by all.

    counter : int64[1]   arrivals so far, never reset
    pause : int64        `pause_address`
    """
    if n == 1:
        return
    goal = (fetch_add(counter, 0, 1) // n + 1) * n
    looks = 0
    while load(counter, 0) < goal:
        looks += 1
        if looks > _PATIENCE:
            _call(pause)
