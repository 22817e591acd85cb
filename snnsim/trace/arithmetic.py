"""Products and quotients, element by element; a constant factor waits as a scale."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnsim.trace.builder import Builder
from snnsim.trace.calls import constant
from snnsim.trace.expressions import apply, combine, host, unmasked
from snnsim.trace.joining import finite, one_number
from snnsim.trace.products import multiply
from snnsim.trace.root_mean_square import root_mean_square
from snnsim.trace.values import Numbers, Value


def scale_constant(builder: Builder, value: Value, number: Numbers, shape: tuple[int, ...]) -> Any:
    """Return value * number; a constant where all is multiplied by 0."""
    number = one_number(finite(number))
    if value.masked and not (number > 0.0).all():
        value = unmasked(builder, value)
    value = value.broadcast(shape)
    if not (number != 0.0).any():
        import torch

        return torch.zeros(shape, dtype=torch.float64)
    if number.size == 1:
        number = np.float64(number.reshape(())[()])
        if value.expression != "x":
            return value if number == 1.0 else value.but(expression=("mul", value.expression, float(number)))
    elif value.expression != "x":
        value = builder.plain(value)
    scale, offset = value.scale * number, value.offset * number
    if np.ndim(scale):
        scale = np.broadcast_to(scale, shape)
        if (scale == 0.0).any():
            value = value.but(index=np.where(scale == 0.0, -1, value.index))
            scale = np.where(scale == 0.0, 1.0, scale)
    return value.but(scale=scale, offset=np.broadcast_to(offset, shape) if np.ndim(offset) else offset)


def scale(builder: Builder, value: Any, factor: Any) -> Any:
    """Return value * factor, a number."""
    if float(factor) == 1.0:
        return value
    return scale_constant(builder, value, np.float64(factor), value.shape) if isinstance(value, Value) else value * factor


def negative(builder: Builder, value: Any) -> Any:
    return scale_constant(builder, value, np.float64(-1.0), value.shape) if isinstance(value, Value) else -value


def mul(builder: Builder, left: Any, right: Any, shape: tuple[int, ...]) -> Any:
    """Return the product, element by element."""
    if not isinstance(left, Value):
        left, right = right, left
    if not isinstance(right, Value):
        return scale_constant(builder, left, constant(right), shape)
    found = combine(builder, [left, right], lambda x, y: ("mul", x, y), shape)
    if found is not None:
        return found
    for value, factor in ((left, right), (right, left)):
        normal = root_mean_square(builder, value, factor, shape)
        if normal is not None:
            return normal
    if builder.on_host(left) and builder.on_host(right):
        return host(builder, [left, right], lambda x, y: ("mul", x, y), shape)
    return multiply(builder, left, right, shape)


def reciprocal(builder: Builder, value: Value) -> Value:
    return apply(builder, value, lambda x: ("reciprocal", x))


def divide(builder: Builder, left: Any, right: Any, shape: tuple[int, ...]) -> Any:
    if not isinstance(right, Value):
        return scale_constant(builder, left, 1.0 / constant(right), shape)
    if isinstance(left, Value):
        found = combine(builder, [left, right], lambda x, y: ("div", x, y), shape)
        if found is not None:
            return found
    return mul(builder, left, reciprocal(builder, right), shape)
