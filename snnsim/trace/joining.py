"""Values and constants side by side: in a row, or each where it is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from snnsim.trace.builder import Builder
from snnsim.trace.calls import constant
from snnsim.trace.values import Numbers, Value


def join(builder: Builder, values: Sequence[Any]) -> tuple[tuple[str, ...], list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Return common sources, and of every value its places among them, its scale and its offset. A constant reads nothing."""
    sources: list[str] = []
    starts: dict[str, int] = {}
    total = 0
    plain = [builder.plain(v) if isinstance(v, Value) and v.expression != "x" else v for v in values]
    for value in plain:
        for name in value.sources if isinstance(value, Value) else ():
            if name not in starts:
                starts[name], total = total, total + builder.size(name)
                sources.append(name)
    indices: list[np.ndarray] = []
    scales: list[np.ndarray] = []
    offsets: list[np.ndarray] = []
    for value in plain:
        if not isinstance(value, Value):
            array = finite(constant(value))
            indices.append(np.full(array.shape, -1, dtype=np.int64))
            scales.append(np.ones(array.shape))
            offsets.append(array)
            continue
        moved, start = np.full(value.shape, -1, dtype=np.int64), 0
        for name in value.sources:
            here = (value.index >= start) & (value.index < start + builder.size(name))
            moved[here] = value.index[here] - start + starts[name]
            start += builder.size(name)
        indices.append(moved)
        scales.append(np.broadcast_to(value.scale, value.shape))
        offsets.append(np.broadcast_to(value.offset, value.shape))
    return tuple(sources), indices, scales, offsets


def finite(array: Numbers) -> Numbers:
    """Return constants with infinities as the largest numbers of a graph: they mean blocked places."""
    return np.clip(array, -1e30, 1e30)


def one_number(array: Any) -> Numbers:
    """Return a constant as one number where all of it is the same, else as it is."""
    array = np.asarray(constant(array))
    return array.reshape(-1)[0] if array.size and (array == array.flat[0]).all() else array


def tidy(value: Value) -> Value:
    """Return the value with a uniform scale and offset as one number each."""
    scale: Numbers = value.scale
    offset: Numbers = value.offset
    if scale.ndim and scale.size and (scale == scale.flat[0]).all():
        scale = np.float64(scale.flat[0])
    if offset.ndim and offset.size and (offset == offset.flat[0]).all():
        offset = np.float64(offset.flat[0])
    return value.but(scale=scale, offset=offset)


def where_constant(builder: Builder, condition: np.ndarray, one: Any, other: Any) -> Value:
    """Return `one` where a constant condition holds, else `other`; values or constants."""
    sources, indices, scales, offsets = join(builder, [one, other])
    index, scale, offset = (np.where(condition, *pair) for pair in (indices, scales, offsets))
    return tidy(Value(sources, index, scale, offset))
