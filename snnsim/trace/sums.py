"""Sums: of values, of a value and a constant, of attention scores and their masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnsim.graph.functions import evaluate
from snnsim.graph.nodes import Add
from snnsim.trace.builder import Builder, squeezed
from snnsim.trace.calls import constant
from snnsim.trace.expressions import apply, combine
from snnsim.trace.joining import finite, one_number, tidy
from snnsim.trace.values import BLOCKED, Numbers, Value, same_places


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
    """Return a host value that is 1 where the mask is <= -1e4, else 0: what the mask is made of, where that says the same."""
    bare = mask.but(scale=np.float64(1.0), offset=np.float64(0.0), expression="x")
    possible = builder.possible(bare)
    if mask.uniform and possible is not None and possible <= {0.0, 1.0}:
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
