"""Bags of rows of a table: their sum, mean or maximum, computed by the host like the rows themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from snnsim.graph.nodes import LOWEST
from snnsim.trace.arithmetic import divide, mul, scale_constant
from snnsim.trace.builder import Builder
from snnsim.trace.calls import Call, constant
from snnsim.trace.comparisons import compare, largest
from snnsim.trace.embedding import rows_of
from snnsim.trace.expressions import apply, host
from snnsim.trace.linear import product
from snnsim.trace.pooling import total
from snnsim.trace.values import Value

_MODES = ("sum", "mean", "max")


def bags(call: Call, n: int) -> np.ndarray:
    """Return int64[bags, longest], which of n elements every bag holds; -1 past its end."""
    if isinstance(call["offsets"], Value):
        call.refuse("has offsets that depend on the input", "Give bags of one length as a two-dimensional input.")
    offsets = constant(call["offsets"]).astype(np.int64)
    ends = offsets[1:] if call.get("include_last_offset") else np.append(offsets[1:], n)
    starts = offsets[: len(ends)]
    places = starts[:, None] + np.arange(max(int((ends - starts).max(initial=0)), 1))
    return np.where(places < ends[:, None], places, -1)


def _taken(builder: Builder, value: Value, places: np.ndarray) -> Value:
    """Return elements of the first axis; what stands at -1 is 0."""
    value = builder.plain(value)
    there = (places >= 0).reshape(*places.shape, *[1] * (value.ndim - 1))
    return value.but(index=np.where(there, value.index[places], -1))


def _embedding_bag(builder: Builder, call: Call) -> Any:
    """Return (bags, None, None, None): where the rows lie, and which are largest, has no use here."""
    if isinstance(call["weight"], Value):
        call.refuse("looks up rows of a table that depends on the input", "Make the table a parameter.")
    table, at = constant(call["weight"]), call.value("indices")
    mode, padding = _MODES[int(call.get("mode", 0))], call.get("padding_idx")
    padding = -1 if padding is None else int(padding)
    if padding >= 0:  # left out of its bag
        table = table.copy()
        table[padding] = LOWEST if mode == "max" else 0.0
    places = bags(call, at.size)
    at = at.but(index=at.index.ravel())
    rows = _taken(builder, rows_of(builder, call, table, at), places)
    weights = call.get("per_sample_weights")
    if weights is not None:
        return _weighted(builder, call, rows, weights, places), None, None, None
    if mode == "max":
        return _maximum(builder, rows, places, call.shape), None, None, None
    result = total(builder, rows, (1,), call.shape)
    if mode == "mean":
        result = _mean(builder, result, at, places, padding)
    return result, None, None, None


def _weighted(builder: Builder, call: Call, rows: Value, weights: Any, places: np.ndarray) -> Any:
    if isinstance(weights, Value):
        weights = _taken(builder, weights.but(index=weights.index.ravel()), places)
        return product(builder, call, weights, rows, "bi,bid->bd", call.shape)
    held = np.where(places >= 0, constant(weights).ravel()[places], 0.0)
    return total(builder, mul(builder, rows, held[..., None], rows.shape), (1,), call.shape)


def _mean(builder: Builder, summed: Value, at: Value, places: np.ndarray, padding: int) -> Any:
    """Divide by how many elements of a bag count, by 1 where it is empty."""
    if padding < 0:
        counts = np.maximum((places >= 0).sum(axis=1), 1)
        return scale_constant(builder, summed, 1.0 / counts[:, None], summed.shape)
    counted = _taken(builder, compare(builder, "ne", at, np.float64(padding), at.shape), places)
    count = largest(builder, total(builder, counted, (1,), (len(places), 1)), np.float64(1.0), (len(places), 1), 1.0)
    return divide(builder, summed, count.broadcast(summed.shape), summed.shape)


def _maximum(builder: Builder, rows: Value, places: np.ndarray, shape: tuple[int, ...]) -> Value:
    """Return the largest of every bag, 0 where it is empty or holds nothing but padding."""
    offset = np.broadcast_to(np.where(places >= 0, 0.0, LOWEST)[..., None], rows.shape)
    rows = builder.plain(rows.but(offset=offset)) if offset.any() else rows
    columns = [rows.but(index=rows.index[:, i]) for i in range(places.shape[1])]

    def build(*given: Any) -> Any:
        found = list(given)
        while len(found) > 1:
            found = [("maximum", *found[i : i + 2]) if i + 1 < len(found) else found[i] for i in range(0, len(found), 2)]
        return found[0]

    result = host(builder, columns, build, shape)
    return apply(builder, result, lambda x: ("where", ("le", x, LOWEST / 2), 0.0, x))


HANDLERS: dict[str, Callable[[Builder, Call], Any]] = dict.fromkeys(
    ["embedding_bag", "_embedding_bag", "_embedding_bag_forward_only"], _embedding_bag
)
