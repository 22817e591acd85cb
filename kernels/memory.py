"""Arrays borrowed by address: how a kernel reads the synapses of any number of projections, each in its own types.

A driver compiled once cannot take one array argument per projection, and joining hundreds of megabytes into one array would
hold them twice. Whoever passes an address keeps its array alive while the kernel runs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array


@intrinsic
def _borrow(typing_context, address, size, dtype):
    array = types.Array(dtype.dtype, 1, "C")
    signature = array(types.int64, types.int64, dtype)

    def build(context, builder, signature, arguments):
        item = context.get_data_type(array.dtype)
        width = ir.Constant(context.get_value_type(types.intp), context.get_abi_sizeof(item))
        view = make_array(array)(context, builder)
        data = builder.inttoptr(arguments[0], item.as_pointer())
        populate_array(view, data=data, shape=[arguments[1]], strides=[width], itemsize=width, meminfo=None)
        return view._getvalue()

    return signature, build


#: borrow(address, size, dtype): the array of `size` items of `dtype` that lies at `address`, int64; it owns nothing.
borrow: Any = _borrow

#: Length of a borrowed array that nobody asks for.
ANY = np.int64(1) << np.int64(40)

#: Bytes of a cache line, and of the widest vector.
LINE = 64


def on_a_line(array: np.ndarray) -> np.ndarray:
    """Return a copy of a flat array that begins on a cache line: a vector of its numbers then never spans two."""
    room = np.empty(array.nbytes + LINE, dtype=np.uint8)
    first = -room.ctypes.data % LINE
    copy = room[first : first + array.nbytes].view(array.dtype)
    copy[:] = array
    return copy


def address(array: np.ndarray | None) -> int:
    """Return where a contiguous array lies; 0 for None."""
    if array is None:
        return 0
    if not array.flags.c_contiguous:
        raise ValueError("only a contiguous array can be borrowed")
    return int(array.ctypes.data)
