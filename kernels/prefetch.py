"""Ask the processor for memory before it is needed.

The synapses of a spike lie anywhere in memory, and a spike is known long before it arrives: asked for in time, they are in
the cache when they are read. A hint alone: no value depends on it, and Python does nothing.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, overload


def prefetch(array: Any, at: int) -> None:
    """Ask for the cache line that holds array[at]; `at` may lie outside, for nothing is read. array : one axis, contiguous"""


@intrinsic
def _prefetch(typingctx, array, at):
    """Emit llvm.prefetch for reading, to be kept in all caches."""

    def emit(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), cgutils.voidptr_t)
        hint = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, *[ir.IntType(32)] * 3]), "llvm.prefetch.p0i8"
        )
        builder.call(hint, [place, *(ir.Constant(ir.IntType(32), n) for n in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, types.int64), emit


@overload(prefetch, inline="never", jit_options={"_nrt": False})
def _compiled_prefetch(array, at):
    return lambda array, at: _prefetch(array, at)
