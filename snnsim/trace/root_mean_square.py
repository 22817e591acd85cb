"""x / sqrt(mean x^2 + eps), written out by hand, is found again: as an RMSNorm it is one node and not a product."""

from __future__ import annotations

import numpy as np

from snnsim.graph.functions import Expression
from snnsim.graph.nodes import Activation, Gather, LayerNorm, Sum
from snnsim.trace.builder import Builder, Shape
from snnsim.trace.values import Value, factored, places

_SQUARES: tuple[Expression, ...] = (("mul", "x", "x"), ("pow", "x", 2.0))


def _line(expression: Expression) -> tuple[float, float] | None:
    """Return (a, b) of a x + b, or None."""
    if expression == "x":
        return 1.0, 0.0
    if isinstance(expression, tuple) and len(expression) == 3 and expression[0] in ("add", "mul"):
        left, right = (e for e in expression[1:])
        if isinstance(left, float):
            left, right = right, left
        inner = _line(left)
        if inner is not None and isinstance(right, float):
            return (inner[0], inner[1] + right) if expression[0] == "add" else (inner[0] * right, inner[1] * right)
    return None


def _inverse_root(expression: Expression) -> tuple[float, float] | None:
    """Return (a, b) where an expression is 1 / sqrt(a x + b).

    1 / max(sqrt(x), e) is taken for 1 / sqrt(x + e^2): they differ by less than e^2 / x in their ratio.
    """
    match expression:
        case ("rsqrt", inner) | ("reciprocal", ("sqrt", inner)):
            return _line(inner)
        case ("reciprocal", ("maximum", ("sqrt", "x"), float(least))) if least <= 1e-8:
            return 1.0, least * least
    return None


def _squares_summed(builder: Builder, name: str) -> tuple[str, np.ndarray, float] | None:
    """Return (u, places of u in every row, factor) where a node is factor times a sum of u^2 over rows."""
    total = builder.nodes[name]
    if not isinstance(total, Sum):
        return None
    source = builder.nodes[total.inputs[0]]
    width = source.shape[-1]
    index = places(builder.size(source.name), (-1, width))
    if isinstance(source, Gather) and len(source.inputs) == 1 and (source.index >= 0).all():
        index, source = source.index.reshape(-1, width), builder.nodes[source.inputs[0]]
    if not isinstance(source, Activation) or source.function not in _SQUARES:
        return None
    return source.inputs[0], index, total.scale


def root_mean_square(builder: Builder, value: Value, factor: Value, shape: Shape) -> Value | None:
    """Return value * factor as an RMSNorm where factor is 1 / sqrt(a sum value^2 + b), or None."""
    if len(factor.sources) != 1 or not factor.uniform or value.masked or factor.masked:
        return None
    line, summed = _inverse_root(factor.inlined()), _squares_summed(builder, factor.sources[0])
    if line is None or summed is None:
        return None
    source, rows, scale = summed
    value = builder.plain(value).broadcast(shape)
    index, kept = factored(factor.broadcast(shape).index)
    order = [axis for axis, keep in enumerate(kept) if keep] + [axis for axis, keep in enumerate(kept) if not keep]
    read = value.index.transpose(order).reshape(index.size, -1)
    if value.sources != (source,) or read.shape[1] != rows.shape[1]:
        return None
    if not np.array_equal(np.sort(read, axis=1), np.sort(rows[index.ravel()], axis=1)):
        return None
    width, slope = rows.shape[1], line[0] * scale * rows.shape[1]
    moved = value.but(index=read.reshape(*index.shape, width))
    name, lead = builder.rows(moved, width)
    made = builder.node(
        LayerNorm, (name,), (*lead, width), "norm",
        gamma=np.full(width, 1.0 / np.sqrt(slope)), beta=np.zeros(width), eps=line[1] / slope, centred=False,
    )  # fmt: skip
    result = places(builder.size(made), tuple(shape[axis] for axis in order)).transpose(np.argsort(order))
    return Value((made,), result)
