"""Kernels called by address: how a driver compiled once calls the kernels of any models and rules.

A tuple of kernels as an argument would be typed and taken apart at every call of the driver. Whoever passes an address keeps its
kernel alive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from snnsim.kernels.layout import CLOCK_STEP, CLOCK_STEP_SINGLE, EVENT_ADVANCE, EVENT_PEEK
from snnsim.kernels.lessons import ATTEND, LEARN


def _at(signature: Any) -> Any:
    """Return an intrinsic that takes an address, int64, for the kernel of this signature."""
    function = types.FunctionType(signature)

    @intrinsic
    def taken(typing_context, address):
        return function(types.int64), _build

    return taken


def _build(context, builder, signature, arguments):
    value = cgutils.create_struct_proxy(signature.return_type)(context, builder)
    value.jit_addr = builder.inttoptr(arguments[0], value.jit_addr.type)
    return value._getvalue()


@intrinsic
def _step_at(typing_context, address, state):
    """Take an address for the clock kernel of populations whose state, float[rows, n], has this type."""
    signature = CLOCK_STEP_SINGLE if state.dtype == types.float32 else CLOCK_STEP
    return types.FunctionType(signature)(types.int64, state), _build


#: step_at(address, state), advance_at(address), ...: the kernel that lies at `address`, int64.
step_at: Any = _step_at
advance_at: Any = _at(EVENT_ADVANCE)
peek_at: Any = _at(EVENT_PEEK)
learn_at: Any = _at(LEARN)
attend_at: Any = _at(ATTEND)


def addresses(kernels: Iterable[Callable]) -> np.ndarray:
    """Return where kernels lie, int64[n]. Each was compiled for one signature by `kernel_with`."""
    return np.array([_address(kernel) for kernel in kernels], dtype=np.int64)


def _address(kernel: Any) -> int:
    (compiled,) = kernel.overloads.values()
    return int(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name))
