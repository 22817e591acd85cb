"""Ask the processor for memory before it is needed.

The synapses of a spike lie anywhere in memory, and a spike is known long before it arrives: asked for in time, they are in
the cache when they are read. A hint alone: no value depends on it.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from snnsim.kernels._jit import leaf_inline


@intrinsic
def _prefetch(typingctx, array, at):
    """Emit llvm.prefetch: for reading, into all caches."""

    def emit(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), cgutils.voidptr_t)
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, number, number, number])
        hint = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        builder.call(hint, [place, *(ir.Constant(number, n) for n in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, types.int64), emit


@leaf_inline
def prefetch(array, at):
    """Ask for the cache line that holds array[at]. `at` may lie outside: nothing is read. array : one axis, contiguous"""
    _prefetch(array, at)  # type: ignore[call-arg]  # numba fills in the first
