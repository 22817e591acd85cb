"""Functions of values: of one, or of several that read the same places, they wait as one expression."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from snnsim.errors import ConversionError
from snnsim.graph.functions import Expression
from snnsim.graph.nodes import Elementwise
from snnsim.trace.builder import Builder, squeezed
from snnsim.trace.values import LARGEST_EXPRESSION, Value, length, same_places

Build = Callable[..., Expression]


def apply(builder: Builder, value: Value, build: Callable[[Expression], Expression]) -> Value:
    """Return a scalar function of a value."""
    if value.masked:
        value = unmasked(builder, value)
    if length(value.expression) > LARGEST_EXPRESSION:
        value = builder.plain(value)
    if value.uniform and not value.bare and value.expression == "x":
        value = value.but(scale=np.float64(1.0), offset=np.float64(0.0), expression=value.inlined())
    return value.but(expression=build(value.expression))


def unmasked(builder: Builder, value: Value) -> Value:
    raise ConversionError(
        f"{builder.label}: blocked attention scores ({builder.origin}) are read by something other than a softmax. "
        "Apply the softmax to the masked scores directly, or mask with a finite number above -10,000."
    )


def combine(builder: Builder, values: list[Value], build: Build, shape: tuple[int, ...]) -> Value | None:
    """Return a function of several values that read the same places as one expression, or None where they do not."""
    values = [value.broadcast(shape) for value in values]
    if any(value.masked for value in values) or not same_places(values):
        return None
    if all(value.uniform for value in values):
        expressions = [value.inlined() for value in values]
        scale, offset = np.float64(1.0), np.float64(0.0)
    elif all(np.array_equal(v.scale, values[0].scale) and np.array_equal(v.offset, values[0].offset) for v in values[1:]):
        expressions = [value.expression for value in values]
        scale, offset = values[0].scale, values[0].offset  # type: ignore[assignment]
    else:
        return None
    if sum(map(length, expressions)) > LARGEST_EXPRESSION:
        return None
    return values[0].but(scale=scale, offset=offset, expression=build(*expressions))


def host(builder: Builder, values: list[Value], build: Build, shape: tuple[int, ...]) -> Value:
    """Return a function of several host values as a node of the host."""
    inner = squeezed(shape)
    names = tuple(builder.gather(builder.plain(value).broadcast(shape), inner) for value in values)
    function = build(*(f"x{i}" for i in range(len(names))))
    return builder.emit(Elementwise, names, inner, shape, "host", function=function)
