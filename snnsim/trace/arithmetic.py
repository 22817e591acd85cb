"""Elementwise operations: constants are folded into scales and offsets, functions of one value into one expression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from snnsim.graph.functions import Expression, evaluate
from snnsim.graph.nodes import LOWEST, Add, Elementwise, Max
from snnsim.trace.builder import Builder, squeezed
from snnsim.trace.calls import constant
from snnsim.trace.layout import finite, one_number, tidy, where_constant
from snnsim.trace.products import multiply
from snnsim.trace.root_mean_square import root_mean_square
from snnsim.trace.values import BLOCKED, LARGEST_EXPRESSION, Numbers, Value, length, same_places

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
    from snnsim.errors import ConversionError

    raise ConversionError(
        f"{builder.label}: blocked attention scores ({builder.origin}) are read by something other than a softmax. "
        "Apply the softmax to the masked scores directly, or mask with a finite number above -10,000."
    )


def add_constant(builder: Builder, value: Value, number: Numbers, shape: tuple[int, ...]) -> Value:
    """Return value + number; numbers that block attention scores are kept as a mask."""
    value, number = value.broadcast(shape), one_number(number)
    if not builder.on_host(value) and (number <= BLOCKED).any():
        blocked = np.broadcast_to(number <= BLOCKED, shape)
        value = value.but(blocked=blocked if value.blocked is None else blocked | value.blocked)
        number = np.where(number <= BLOCKED, 0.0, number)
    number = finite(number)
    if builder.on_host(value) and number.any() and builder.may_block(value):
        value = builder.plain(value)  # folded into one offset with minus infinity, the number would be rounded away
    if number.size == 1:
        number = np.float64(number.reshape(())[()])
        if value.expression != "x":
            return value if number == 0.0 else value.but(expression=("add", value.expression, float(number)))
    elif value.expression != "x":
        value = builder.plain(value)
    offset = value.offset + number
    return value.but(offset=np.broadcast_to(offset, shape) if np.ndim(offset) else offset)


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


def add(builder: Builder, left: Any, right: Any, shape: tuple[int, ...]) -> Any:
    """Return the sum of two values, or of a value and a constant."""
    if not isinstance(left, Value):
        left, right = right, left
    if not isinstance(right, Value):
        return add_constant(builder, left, constant(right), shape)
    if builder.on_host(left) and not builder.on_host(right):
        left, right = right, left
    if builder.on_host(right) and not builder.on_host(left):
        right = right.broadcast(shape)
        if right.expression == "x" and right.offset.ndim and ((np.asarray(right.offset) > BLOCKED) | (right.index < 0)).all():
            left = add_constant(builder, left, np.asarray(right.offset), shape)  # a learned bias, or a fixed mask, beside the other
            right = right.but(offset=np.float64(0.0))
        if builder.may_block(right):
            return add_mask(builder, left, right, shape)
    a, b = left.broadcast(shape), right.broadcast(shape)
    if a.expression == b.expression == "x" and same_places([a, b]) and not a.masked and not b.masked:
        return (
            tidy(a.but(scale=a.scale + b.scale, offset=a.offset + b.offset))
            if (np.asarray(a.scale + b.scale) != 0).all()
            else _sum(builder, a, b, shape)
        )
    return combine(builder, [a, b], lambda x, y: ("add", x, y), shape) or _sum(builder, a, b, shape)


def add_mask(builder: Builder, scores: Value, mask: Value, shape: tuple[int, ...]) -> Value:
    """Return scores + mask, a host value: its places <= -1e4 block, the rest is added."""
    possible = builder.possible(mask)
    if possible is None or any(number > BLOCKED and number != 0.0 for number in possible):
        rest = apply(builder, mask, lambda x: ("where", ("le", x, BLOCKED), 0.0, x))
        scores = _sum(builder, scores.broadcast(shape), rest.broadcast(shape), shape)
    blocks = _blocks(builder, mask).broadcast(shape)
    scores = scores.broadcast(shape)
    return scores.but(blockers=(*scores.blockers, blocks))


def _blocks(builder: Builder, mask: Value) -> Value:
    """Return a host value that is not 0 where the mask is <= -1e4: what the mask is made of, where that says the same."""
    bare = mask.but(scale=np.float64(1.0), offset=np.float64(0.0), expression="x")
    possible = builder.possible(bare)
    if mask.uniform and possible is not None:
        numbers = np.array(sorted(possible))
        if ((evaluate(mask.inlined(), numbers) * np.ones(len(numbers)) <= BLOCKED) == (numbers != 0.0)).all():
            return bare
    return apply(builder, mask, lambda x: ("le", x, BLOCKED))


def _sum(builder: Builder, a: Value, b: Value, shape: tuple[int, ...]) -> Value:
    blocked = [v.blocked for v in (a, b) if v.blocked is not None]
    blockers = (*a.blockers, *b.blockers)
    a, b = (builder.plain(v.but(blocked=None, blockers=())) for v in (a, b))
    base = next((v for v in (a, b) if _bijective(builder, v)), None)
    if base is not None:
        source = builder.nodes[base.sources[0]]
        order = np.empty(base.index.size, dtype=np.int64)
        order[base.index.ravel()] = np.arange(base.index.size)
        names = [builder.gather(v.but(index=v.index.ravel()[order]), source.shape) for v in (a, b)]
        total = builder.value(builder.node(Add, tuple(names), source.shape, "add"))
        total = total.but(index=base.index)
    else:
        inner = squeezed(shape)
        total = builder.emit(Add, tuple(builder.gather(v, inner) for v in (a, b)), inner, shape, "add")
    return total.but(blocked=np.logical_or.reduce(blocked) if blocked else None, blockers=blockers)


def _bijective(builder: Builder, value: Value) -> bool:
    if len(value.sources) != 1 or value.index.size != builder.total(value) or (value.index < 0).any():
        return False
    return bool((np.bincount(value.index.ravel(), minlength=value.index.size) == 1).all())


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


def negative(builder: Builder, value: Any) -> Any:
    return scale_constant(builder, value, np.float64(-1.0), value.shape) if isinstance(value, Value) else -value


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
    from snnsim.trace.layout import join

    sources, *arrays = join(builder, stacked)
    inner = (*squeezed(shape), 2)
    index, scale, offset = (np.stack(pair, axis=-1).reshape(inner) for pair in arrays)
    both = builder.plain(tidy(Value(sources, index, scale, offset)))
    result = builder.emit(Max, (builder.gather(both, inner, LOWEST),), inner[:-1], shape, name)
    return result if sign > 0 else scale_constant(builder, result, np.float64(-1.0), shape)


def scale(builder: Builder, value: Any, factor: Any) -> Any:
    """Return value * factor, a number."""
    if float(factor) == 1.0:
        return value
    return scale_constant(builder, value, np.float64(factor), value.shape) if isinstance(value, Value) else value * factor
