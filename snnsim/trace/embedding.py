"""Tables looked up by an index input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from snnsim.graph.nodes import Embedding, Input
from snnsim.trace.builder import Builder
from snnsim.trace.calls import Call, constant
from snnsim.trace.values import Value


def _embedding(builder: Builder, call: Call) -> Any:
    if isinstance(call["weight"], Value) or not isinstance(call["indices"], Value):
        call.refuse("looks up rows of a table that depends on the input", "Make the table a parameter.")
    return rows_of(builder, call, constant(call["weight"]), call["indices"])


def rows_of(builder: Builder, call: Call, table: np.ndarray, at: Value) -> Value:
    """Return table[at], of shape (*at.shape, width)."""
    shape = (*at.shape, table.shape[1])
    if builder.on_host(at) and at.expression == "x" and all(isinstance(builder.nodes[name], Input) for name in at.sources):
        fixed = at.index < 0
        moved = ~fixed & ((np.broadcast_to(at.scale, at.shape) != 1.0) | (np.broadcast_to(at.offset, at.shape) != 0.0))
        if len(at.sources) == 1 and not moved.any():
            return _rows(builder, table, at, fixed)
    if not builder.on_host(at):
        call.refuse("looks up a place that is computed from numbers", "Give these places to the model as an integer input of their own.")
    name, _ = builder.rows(builder.plain(at), at.shape[-1])
    inner = (*builder.nodes[name].shape, table.shape[1])
    return builder.emit(Embedding, (name,), inner, shape, "table", table=np.ascontiguousarray(table))


def _rows(builder: Builder, table: np.ndarray, at: Value, fixed: np.ndarray) -> Value:
    """Look up every element of the input once; rows that do not depend on it become an offset."""
    source, width = builder.nodes[at.sources[0]], table.shape[1]
    assert isinstance(source, Input) and source.high is not None
    name = builder.node(Embedding, at.sources, (*source.shape, width), "table", table=np.ascontiguousarray(table[: source.high + 1]))
    index = np.where(fixed[..., None], -1, at.index[..., None] * width + np.arange(width))
    offset: Any = np.float64(0.0)
    if fixed.any():
        rows = np.where(fixed, np.broadcast_to(at.offset, at.shape), 0.0).astype(np.int64)
        offset = np.where(fixed[..., None], table[rows], 0.0)
    return Value((name,), index, offset=offset)


def _renormed(builder: Builder, call: Call) -> Any:
    """max_norm shrinks the rows that are looked up, in place: all rows may as well be."""
    import torch

    table, order = constant(call["self"]), float(call["norm_type"])
    norms = np.linalg.norm(table, order, axis=1, keepdims=True)
    # torch's own small number beside the norm
    return torch.from_numpy(np.where(norms > call["max_norm"], table * (call["max_norm"] / (norms + 1e-7)), table))


HANDLERS: dict[str, Callable[[Builder, Call], Any]] = {"embedding": _embedding, "embedding_renorm": _renormed}
