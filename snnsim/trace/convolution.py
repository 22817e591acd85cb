"""Convolutions, and transposed ones: the same sum over a layout in which the places between two inputs are empty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from snnsim.graph.nodes import Conv
from snnsim.trace.builder import Builder, Shape
from snnsim.trace.calls import Call
from snnsim.trace.values import Value, places

Sides = tuple[tuple[int, int], ...]


def _each(value: Any, n: int) -> tuple[int, ...]:
    """Return one number per axis: `value` may be one for all."""
    values = [value] if isinstance(value, int) else list(value)
    return tuple(int(v) for v in (values * n if len(values) == 1 else values))


def _last(builder: Builder, value: Value, space: int) -> np.ndarray:
    """Return the index of a bare value without its batch, channels last."""
    return np.moveaxis(value.index[0] if value.ndim == space + 2 else value.index, 0, -1)


def _placed(
    builder: Builder, call: Call, value: Value, index: np.ndarray, weight: np.ndarray,
    stride: tuple[int, ...], padding: Sides, dilation: tuple[int, ...],
) -> Value:  # fmt: skip
    """Return the convolution of the units at `index`; weight [*kernel, in / groups, out]."""
    space, bias = weight.ndim - 2, call.array("bias")
    name = builder.gather(value.but(index=index), index.shape)
    out: Shape = call.shape[1:] if value.ndim == space + 2 else call.shape
    shape = (*out[1:], out[0])
    node = builder.node(
        Conv, (name,), shape, weight=np.ascontiguousarray(weight), bias=np.zeros(out[0]) if bias is None else bias,
        stride=stride, padding=padding, dilation=dilation, groups=int(call.get("groups", 1)),
    )  # fmt: skip
    return Value((node,), np.moveaxis(places(int(np.prod(shape)), shape), -1, 0).reshape(call.shape))


def _conv(builder: Builder, call: Call) -> Any:
    if call.get("transposed"):
        return _transposed(builder, call)
    value, weight = builder.plain(call["input"]), call.array("weight")
    assert weight is not None
    space = weight.ndim - 2
    stride, dilation = _each(call.get("stride", 1), space), _each(call.get("dilation", 1), space)
    padding = call.get("padding", 0)
    if isinstance(padding, str):
        totals = [d * (k - 1) if padding == "same" else 0 for d, k in zip(dilation, weight.shape[2:], strict=True)]
        sides = tuple((total // 2, total - total // 2) for total in totals)
    else:
        sides = tuple((p, p) for p in _each(padding, space))
    weight = np.moveaxis(weight, (0, 1), (-1, -2))
    return _placed(builder, call, value, _last(builder, value, space), weight, stride, sides, dilation)


def _transposed(builder: Builder, call: Call) -> Any:
    r"""Return y_o = sum over i, k with o = i stride - padding + k dilation of x_i w_k.

    With e = i stride the place of input i in a layout that is empty elsewhere, it is a convolution of stride 1 of this layout with
    the kernel turned around: y_o = sum over k' of w_{K-1-k'} x_e, e = o - before + k' dilation, before = (K - 1) dilation - padding.
    The kernels are stored once, and an event finds its place in the layout as in any other. Source: Dumoulin & Visin (2016), section 4.
    """
    value, weight = builder.plain(call["input"]), call.array("weight")
    assert weight is not None
    kernel, groups = weight.shape[2:], int(call.get("groups", 1))
    space = len(kernel)
    stride, dilation = _each(call.get("stride", 1), space), _each(call.get("dilation", 1), space)
    padding, extra = _each(call.get("padding", 0), space), _each(call.get("output_padding", 0), space)
    index, sides = _last(builder, value, space), []
    out = call.shape[1:] if value.ndim == space + 2 else call.shape
    for axis in range(space):
        reach = dilation[axis] * (kernel[axis] - 1)
        before, after = reach - padding[axis], reach - padding[axis] + extra[axis]
        if min(before, after) >= 0:
            index = _spread(index, axis, stride[axis], 0, (index.shape[axis] - 1) * stride[axis] + 1)
            sides.append((before, after))
        else:  # part of the layout is never read
            index = _spread(index, axis, stride[axis], -before, out[1 + axis] + reach)
            sides.append((0, 0))
    # torch holds [in, out / groups, *kernel]
    weight = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
    weight = np.flip(np.moveaxis(weight, (1, 0, 2), (-3, -2, -1)), tuple(range(space)))
    weight = weight.reshape(*kernel, weight.shape[-3], -1)
    return _placed(builder, call, value, index, weight, (1,) * space, tuple(sides), dilation)


def _spread(index: np.ndarray, axis: int, stride: int, first: int, n: int) -> np.ndarray:
    """Return the n places from `first` of the layout in which place i of `axis` stands at i * stride, -1 between them."""
    entry, between = np.divmod(first + np.arange(n), stride)
    there = (between == 0) & (entry >= 0) & (entry < index.shape[axis])
    moved = np.moveaxis(np.take(index, np.where(there, entry, 0), axis=axis), axis, -1)
    return np.moveaxis(np.where(there, moved, -1), -1, axis)


HANDLERS: dict[str, Callable[[Builder, Call], Any]] = {
    **dict.fromkeys(["conv1d", "conv2d", "conv3d", "convolution"], _conv),
    **dict.fromkeys(["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"], _transposed),
}
