"""Comparisons, truth values, choices between values, and the larger of two."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnsim.graph.functions import Expression
from snnsim.graph.nodes import LOWEST, Max
from snnsim.trace.arithmetic import mul, negative, scale_constant
from snnsim.trace.builder import Builder, squeezed
from snnsim.trace.calls import constant
from snnsim.trace.expressions import apply, combine, host
from snnsim.trace.joining import finite, join, one_number, tidy, where_constant
from snnsim.trace.sums import add
from snnsim.trace.values import BLOCKED, Value


def compare(builder: Builder, name: str, left: Any, right: Any, shape: tuple[int, ...]) -> Value:
    """Return 1 where a comparison holds, else 0."""
    if isinstance(left, Value) and not isinstance(right, Value) and (number := constant(right)).size == 1:
        threshold = float(finite(number).reshape(()))
        return apply(builder, left.broadcast(shape), lambda x: (name, x, threshold))
    if isinstance(left, Value) and isinstance(right, Value):
        found = combine(builder, [left, right], lambda x, y: (name, x, y), shape)
        if found is not None:
            return found
        if builder.on_host(left) and builder.on_host(right):
            return host(builder, [left, right], lambda x, y: (name, x, y), shape)
    difference = add(builder, left, negative(builder, right), shape)
    return apply(builder, difference, lambda x: (name, x, 0.0))


def truth(builder: Builder, name: str, left: Any, right: Any, shape: tuple[int, ...]) -> Any:
    """Return 'and', 'or' of truth values, constants among them."""
    if not isinstance(left, Value):
        left, right = right, left
    if isinstance(right, Value):
        found = combine(builder, [left, right], lambda x, y: (name, x, y), shape)
        return found if found is not None else host(builder, [left, right], lambda x, y: (name, x, y), shape)
    held = np.broadcast_to(constant(right) != 0.0, shape)
    left = left.broadcast(shape)
    one, other = (left, np.zeros(shape)) if name == "and" else (np.ones(shape), left)
    if held.all() or not held.any():
        chosen = one if held.all() else other
        if isinstance(chosen, Value):
            return chosen
        import torch

        return torch.from_numpy(chosen)
    return where_constant(builder, held, one, other)


def where(builder: Builder, condition: Any, one: Any, other: Any, shape: tuple[int, ...]) -> Any:
    """Return `one` where the condition holds, else `other`."""
    if not isinstance(condition, Value):
        return _where_fixed(builder, constant(condition) != 0.0, one, other, shape)
    one, other = (v if isinstance(v, Value) else one_number(v) for v in (one, other))
    values = [v for v in (one, other) if isinstance(v, Value)]
    if all(isinstance(v, Value) or v.size == 1 for v in (one, other)):
        parts = [v if isinstance(v, Value) else float(finite(constant(v)).reshape(())) for v in (one, other)]

        def build(c: Expression, *x: Expression) -> Expression:
            rest = list(x)
            return ("where", c, *(rest.pop(0) if isinstance(v, Value) else v for v in parts))

        found = combine(builder, [condition, *values], build, shape)
        if found is not None:
            return found
        if all(builder.on_host(v) for v in (condition, *values)):
            return host(builder, [condition, *values], build, shape)
    if builder.on_host(condition):
        for scores, fill, blocks in ((one, other, ("eq", "x", 0.0)), (other, one, ("ne", "x", 0.0))):
            if isinstance(scores, Value) and not isinstance(fill, Value) and (constant(fill) <= BLOCKED).all():
                kept = scores.broadcast(shape)
                blocker = apply(builder, condition, lambda x, f=blocks: (f[0], x, f[2])).broadcast(shape)  # type: ignore[misc]
                return kept.but(blockers=(*kept.blockers, blocker))
    inverse = apply(builder, condition, lambda x: ("eq", x, 0.0))
    return add(builder, mul(builder, one, condition, shape), mul(builder, other, inverse, shape), shape)


def _where_fixed(builder: Builder, condition: np.ndarray, one: Any, other: Any, shape: tuple[int, ...]) -> Any:
    condition = np.broadcast_to(condition, shape)
    for scores, fill, blocks in ((one, other, ~condition), (other, one, condition)):
        if isinstance(scores, Value) and not isinstance(fill, Value) and not builder.on_host(scores):
            number = np.broadcast_to(constant(fill), shape)
            if blocks.any() and (number[blocks] <= BLOCKED).all():
                kept = scores.broadcast(shape)
                return kept.but(blocked=blocks if kept.blocked is None else blocks | kept.blocked)
    spread = [v.broadcast(shape) if isinstance(v, Value) else np.broadcast_to(finite(constant(v)), shape) for v in (one, other)]
    return where_constant(builder, condition, *spread)


def largest(builder: Builder, left: Any, right: Any, shape: tuple[int, ...], sign: float) -> Any:
    """Return the larger of two (sign 1) or the smaller (sign -1)."""
    name = "maximum" if sign > 0 else "minimum"
    values = [v for v in (left, right) if isinstance(v, Value)]
    others = [constant(v) for v in (left, right) if not isinstance(v, Value)]
    if others and others[0].size == 1:
        bound = float(finite(others[0]).reshape(()))
        return apply(builder, values[0].broadcast(shape), lambda x: (name, x, bound))
    if not others:
        found = combine(builder, values, lambda x, y: (name, x, y), shape)
        if found is not None:
            return found
        if all(map(builder.on_host, values)):
            return host(builder, values, lambda x, y: (name, x, y), shape)
    stacked = [builder.plain(v).broadcast(shape) if isinstance(v, Value) else np.broadcast_to(constant(v), shape) for v in (left, right)]
    if sign < 0:
        stacked = [scale_constant(builder, v, np.float64(-1.0), shape) if isinstance(v, Value) else -v for v in stacked]
    sources, *arrays = join(builder, stacked)
    inner = (*squeezed(shape), 2)
    index, scale, offset = (np.stack(pair, axis=-1).reshape(inner) for pair in arrays)
    both = builder.plain(tidy(Value(sources, index, scale, offset)))
    result = builder.emit(Max, (builder.gather(both, inner, LOWEST),), inner[:-1], shape, name)
    return result if sign > 0 else scale_constant(builder, result, np.float64(-1.0), shape)
