"""A traced value: places in graph nodes, with a scale, an offset and a scalar function that wait to become nodes.

Its shape is torch's, the batch of one included, so that torch's own operations can move the places.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from snnsim.graph.functions import FUNCTIONS, Expression

#: an array, or one number with the same interface
Numbers = Any
ZERO, ONE = np.float64(0.0), np.float64(1.0)
#: an attention score at or below this is a blocked place
BLOCKED = -1e4
LARGEST_EXPRESSION = 64


@dataclass(frozen=True, eq=False)
class Value:
    """expression(scale * x[index] + offset), x being the flattened `sources` in a row, and 0 where index is -1.

    sources : names of graph nodes
    index : int64[*shape]
    scale, offset : float64, of no axis or of `shape`
    blocked : bool[*shape] or None   where an attention score is minus infinity for every input
    blockers : tuple of Value        host values that are not 0 where a score is minus infinity
    made : (label, origin, call) of the operation that waits last
    """

    sources: tuple[str, ...]
    index: np.ndarray
    scale: Numbers = ONE
    offset: Numbers = ZERO
    expression: Expression = "x"
    blocked: np.ndarray | None = None
    blockers: tuple[Value, ...] = field(default=())
    made: tuple[str, str, str] = ("", "", "")

    @property
    def shape(self) -> tuple[int, ...]:
        return self.index.shape

    @property
    def ndim(self) -> int:
        return self.index.ndim

    @property
    def size(self) -> int:
        return self.index.size

    @property
    def masked(self) -> bool:
        """Whether places are blocked."""
        return self.blocked is not None or bool(self.blockers)

    @property
    def uniform(self) -> bool:
        """Whether one scale and one offset hold for all elements."""
        return self.scale.ndim == 0 and self.offset.ndim == 0

    @property
    def bare(self) -> bool:
        """Whether nothing waits: the value is a layout of its sources."""
        return self.expression == "x" and self.uniform and self.scale == 1.0 and self.offset == 0.0

    def but(self, **changes: object) -> Value:
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    def inlined(self) -> Expression:
        """The expression of the bare layout, uniform scale and offset written into it."""
        inner: Expression = "x"
        if self.scale != 1.0:
            inner = ("mul", float(self.scale), inner)
        if self.offset != 0.0:
            inner = ("add", inner, float(self.offset))
        return substitute(self.expression, inner)

    def broadcast(self, shape: tuple[int, ...]) -> Value:
        """The same value repeated to `shape` by the rules of broadcasting."""
        if shape == self.shape:
            return self

        def wide(array: np.ndarray) -> np.ndarray:
            return array if array.ndim == 0 else np.broadcast_to(array, shape)

        return self.but(
            index=np.broadcast_to(self.index, shape),
            scale=wide(self.scale),
            offset=wide(self.offset),
            blocked=None if self.blocked is None else wide(self.blocked),
            blockers=tuple(blocker.broadcast(shape) for blocker in self.blockers),
        )


def places(node_size: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(node_size, dtype=np.int64).reshape(shape)


def is_identity(index: np.ndarray, size: int) -> bool:
    """Whether the flattened index is 0, 1, 2, ... size - 1."""
    return index.size == size and bool((index.ravel() == np.arange(size)).all())


def covers(index: np.ndarray, size: int) -> bool:
    """Whether every place of a source of `size` is read, and nothing is filled in."""
    if index.size < size or (index < 0).any():
        return False
    seen = np.zeros(size, dtype=bool)
    seen[index.ravel()] = True
    return bool(seen.all())


def same_places(values: list[Value]) -> bool:
    """Whether all values read the same places in the same order."""
    first = values[0]
    return all(v.sources == first.sources and v.shape == first.shape and np.array_equal(v.index, first.index) for v in values[1:])


def substitute(expression: Expression, inner: Expression) -> Expression:
    """Return the expression with `inner` in the place of its variable."""
    if inner == "x":
        return expression
    if isinstance(expression, str):
        return (expression, inner) if expression in FUNCTIONS else inner
    if isinstance(expression, tuple):
        return (expression[0], *(substitute(argument, inner) for argument in expression[1:]))
    return expression


def simplified(expression: Expression) -> Expression:
    """Return ('relu', 'x') as 'relu'."""
    if isinstance(expression, tuple) and len(expression) == 2 and expression[1] == "x":
        return expression[0]
    return expression


def length(expression: Expression) -> int:
    """Return the number of functions in an expression."""
    return 1 + sum(map(length, expression[1:])) if isinstance(expression, tuple) else 0


def factored(index: np.ndarray) -> tuple[np.ndarray, tuple[bool, ...]]:
    """Return the index without axes along which it stays the same (axes of size 1 among them), and which axes were kept."""
    kept = []
    for axis in range(index.ndim):
        first = np.take(index, [0], axis=axis)
        kept.append(index.shape[axis] > 1 and not bool((index == first).all()))
        if not kept[-1]:
            index = first
    return index.reshape([size for size, keep in zip(index.shape, kept, strict=True) if keep]), tuple(kept)


def view_order(index: np.ndarray, size: int) -> tuple[int, ...] | None:
    """Return the order of axes in which an index reads a source of `size` from first to last, or None where no order does."""
    if index.size != size:
        return None
    if index.ndim == 0:
        return ()
    strides = [int(np.take(index, 1, axis=axis).flat[0] - index.flat[0]) for axis in range(index.ndim)]
    order = tuple(sorted(range(index.ndim), key=lambda axis: -strides[axis]))
    return order if is_identity(index.transpose(order), size) else None
