"""F.pad in all its modes; what is padded in is a constant, or read again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from snnsim.trace.builder import Builder
from snnsim.trace.calls import Call
from snnsim.trace.joining import finite, tidy
from snnsim.trace.moving import run_on


def pad(builder: Builder, call: Call) -> Any:
    """F.pad in all its modes; what is padded in is a constant."""
    value = call.value("self")
    mode = call.get("mode", "constant")
    if call.op == "constant_pad_nd" or mode == "constant":
        fill = float(call.get("value") or 0.0)
        if value.expression != "x" or value.masked:
            value = builder.plain(value)
        widths = [(0, 0)] * value.ndim
        pads = list(call["pad"])
        for axis, (before, after) in enumerate(zip(pads[::2], pads[1::2], strict=True)):
            widths[-1 - axis] = (before, after)
        return tidy(
            value.but(
                index=_pad(value.index, widths, -1),
                scale=_pad(np.broadcast_to(value.scale, value.shape), widths, 1.0),
                offset=_pad(np.broadcast_to(value.offset, value.shape), widths, float(finite(np.float64(fill)))),
            )
        )
    arrays = [run_on(call, {"self": np.broadcast_to(a, value.shape)}, "float64") for a in (value.index, value.scale, value.offset)]
    return tidy(value.but(index=np.rint(arrays[0]).astype(np.int64), scale=arrays[1], offset=arrays[2]))


def _pad(array: np.ndarray, widths: list[tuple[int, int]], fill: float) -> np.ndarray:
    for axis, (before, after) in enumerate(widths):  # a negative width cuts
        cut = [slice(None)] * array.ndim
        cut[axis] = slice(max(-before, 0), array.shape[axis] - max(-after, 0))
        array = array[tuple(cut)]
    return np.pad(array, [(max(b, 0), max(a, 0)) for b, a in widths], constant_values=fill)


HANDLERS: dict[str, Callable[[Builder, Call], Any]] = dict.fromkeys(
    [
        *("pad", "constant_pad_nd", "_pad_circular"),
        *(f"{kind}_pad{n}d" for kind in ("reflection", "replication") for n in (1, 2, 3)),
    ],
    pad,
)
