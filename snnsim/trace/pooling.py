"""Sums, means and maxima: a gather puts what belongs together on the last axis, a Sum or Max node takes it from there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from snnsim.graph.nodes import LOWEST, Max, Sum
from snnsim.trace.arithmetic import negative, scale_constant
from snnsim.trace.builder import Builder, Shape, squeezed
from snnsim.trace.calls import Call
from snnsim.trace.comparisons import largest
from snnsim.trace.expressions import apply
from snnsim.trace.sums import add
from snnsim.trace.values import ONE, Value, places


def _last(builder: Builder, value: Value, axes: tuple[int, ...]) -> tuple[Value, Shape]:
    """Return the value with some axes joined at its end, and the shape of the others."""
    rest = [axis for axis in range(value.ndim) if axis not in axes]
    order = [*rest, *axes]

    def moved(array: Any) -> Any:
        return array if array.ndim == 0 else array.transpose(order).reshape([array.shape[axis] for axis in rest] + [-1])

    lead = tuple(value.shape[axis] for axis in rest)
    return value.but(index=moved(value.index), scale=moved(value.scale), offset=moved(value.offset)), lead


def _axes(call: Call, ndim: int) -> tuple[int, ...]:
    dim = call.get("dim")
    if dim is None or dim == []:
        return tuple(range(ndim))
    return tuple(sorted(int(d) % max(ndim, 1) for d in ([dim] if isinstance(dim, int) else dim)))


def total(builder: Builder, value: Value, axes: tuple[int, ...], shape: Shape, factor: float = 1.0, suffix: str = "sum") -> Value:
    """Return factor times the sum over axes."""
    if value.expression == "x" and value.uniform and value.offset == 0.0 and float(value.scale) != 0.0:
        factor, value = factor * float(value.scale), value.but(scale=ONE)
    value, _ = _last(builder, builder.plain(value), axes)
    name, lead = builder.rows(value, value.shape[-1])
    return builder.emit(Sum, (name,), lead, shape, suffix, scale=factor)


def _sum(builder: Builder, call: Call) -> Any:
    value = call.value("self")
    return total(builder, value, _axes(call, value.ndim), call.shape)


def _mean(builder: Builder, call: Call) -> Any:
    value = call.value("self")
    axes = _axes(call, value.ndim)
    return total(builder, value, axes, call.shape, 1.0 / math.prod(value.shape[axis] for axis in axes), "mean")


def _variance(builder: Builder, call: Call) -> Any:
    value = call.value("self")
    axes = _axes(call, value.ndim)
    n = math.prod(value.shape[axis] for axis in axes)
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(value.shape))
    mean = total(builder, value, axes, kept, 1.0 / n, "mean")
    centred = add(builder, value, negative(builder, mean), value.shape)
    square = apply(builder, builder.plain(centred), lambda x: ("mul", x, x))
    correction = call.get("correction")
    correction = (1 if call.get("unbiased", True) else 0) if correction is None else correction
    shape = call.shape
    variance = total(builder, square, axes, shape, 1.0 / max(n - float(correction), 0.0), "variance")
    result = apply(builder, variance, lambda x: ("sqrt", x)) if call.op.startswith("std") else variance
    if call.op.endswith("_mean"):
        return result, mean.but(index=mean.index.reshape(shape))
    return result


def _norm(builder: Builder, call: Call) -> Any:
    value = call.value("self")
    order = call.get("ord", call.get("p"))
    order = 2.0 if order is None else float(order)
    axes = _axes(call, value.ndim)
    if order == 2.0:
        return apply(builder, total(builder, _square(builder, value), axes, call.shape), lambda x: ("sqrt", x))
    size = apply(builder, value, lambda x: ("abs", x))
    if order == 1.0:
        return total(builder, size, axes, call.shape)
    if order == math.inf:
        return maximum(builder, size, axes, call.shape)
    powers = total(builder, apply(builder, size, lambda x: ("pow", x, order)), axes, call.shape)
    return apply(builder, powers, lambda x: ("pow", x, 1.0 / order))


def _square(builder: Builder, value: Value) -> Value:
    return apply(builder, builder.plain(value), lambda x: ("mul", x, x))


def maximum(builder: Builder, value: Value, axes: tuple[int, ...], shape: Shape) -> Value:
    """Return the maximum over axes."""
    value, _ = _last(builder, builder.plain(value), axes)
    name, lead = builder.rows(value, value.shape[-1])
    return builder.emit(Max, (name,), lead, shape, "max")


def _max(builder: Builder, call: Call) -> Any:
    value = call.value("self")
    if "other" in call.arguments:
        return largest(builder, value, call["other"], call.shape, 1.0 if call.op == "max" else -1.0)
    axes = _axes(call, value.ndim)
    low = call.op in ("min", "amin")
    result = maximum(builder, negative(builder, value) if low else value, axes, call.shape)
    result = negative(builder, result) if low else result
    return (result, None) if call.overload == "dim" else result


def _windows(call: Call, space: Shape, out: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Return int64[*out, taps], the places that every output reads (-1 in the padding), and the divisors of an average, [*out]."""
    n = len(space)

    def each(name: str, default: Any) -> list[int]:
        given = call.get(name, default)
        given = [given] if isinstance(given, int) else list(given)
        return [int(v) for v in (given * n if len(given) == 1 else given or default)]

    kernel = each("kernel_size", 1)
    stride, pad, dilation = each("stride", kernel), each("padding", 0), each("dilation", 1)
    counts_padding, fixed = call.get("count_include_pad", True), call.get("divisor_override")
    axes, sizes = [], []
    for k, s, p, d, size, m in zip(kernel, stride, pad, dilation, space, out, strict=True):
        starts = np.arange(m) * s - p
        at = starts[:, None] + np.arange(k) * d
        axes.append(np.where((at >= 0) & (at < size), at, -1))
        clipped = np.minimum(starts + k, size + p) - starts if counts_padding else (axes[-1] >= 0).sum(axis=1)
        sizes.append(clipped)
    divisors = np.ones(())
    for size in sizes:
        divisors = np.multiply.outer(divisors, size)
    return _taps(axes, space), np.full(out, float(fixed)) if fixed else divisors.astype(np.float64)


def _taps(axes: list[np.ndarray], space: Shape) -> np.ndarray:
    """Return int64[*out, taps] from places per axis, int64[out, taps]; -1 is outside."""
    n = len(axes)
    place = np.zeros((1,) * (2 * n), dtype=np.int64)
    outside = np.zeros((1,) * (2 * n), dtype=bool)
    for i, (at, size) in enumerate(zip(axes, space, strict=True)):
        spread = at.reshape([at.shape[0] if j == i else at.shape[1] if j == n + i else 1 for j in range(2 * n)])
        place, outside = place * size + np.maximum(spread, 0), outside | (spread < 0)
    taps = np.where(outside, -1, place)
    return taps.reshape(*taps.shape[:n], -1)


def _adaptive(space: Shape, out: Shape) -> np.ndarray:
    """Return int64[*out, taps]: the windows of adaptive pooling, filled up with -1."""
    axes = []
    for size, m in zip(space, out, strict=True):
        spans = [(i * size // m, -(-(i + 1) * size // m)) for i in range(m)]
        width = max(stop - start for start, stop in spans)
        axes.append(np.array([[*range(start, stop), *[-1] * (width - stop + start)] for start, stop in spans]))
    return _taps(axes, space)


def pool(builder: Builder, value: Value, taps: np.ndarray, divisors: np.ndarray | None, shape: Shape) -> Any:
    """Return maxima (no `divisors`) or averages over windows of the last axes; channels lie last in the node."""
    n = taps.ndim - 1
    value = builder.plain(value)
    lead, space = value.shape[: value.ndim - n], value.shape[value.ndim - n :]
    flat = np.concatenate([value.index.reshape(-1, math.prod(space)), np.full((math.prod(lead), 1), -1)], axis=1)
    read = np.moveaxis(flat[:, taps], 0, -2)  # [*out, channels, taps]; tap -1 is the place -1 put at the end
    inner = (*taps.shape[:-1], *squeezed((math.prod(lead),)), taps.shape[-1])
    name = builder.gather(value.but(index=read), inner, LOWEST if divisors is None else 0.0)
    if divisors is None:
        made = builder.node(Max, (name,), inner[:-1], "max")
    else:
        even = bool((divisors == divisors.flat[0]).all())
        made = builder.node(Sum, (name,), inner[:-1], "mean", scale=1.0 / float(divisors.flat[0]) if even else 1.0)
    index = places(builder.size(made), (*taps.shape[:-1], math.prod(lead)))
    result = Value((made,), np.moveaxis(index, -1, 0).reshape(shape))
    if divisors is None or even:
        return result
    return scale_constant(builder, result, 1.0 / divisors, shape)


def _pool(builder: Builder, call: Call) -> Any:
    value = call.value("self")
    n = int(call.op.replace("_with_indices", "")[-2])
    taps, divisors = _windows(call, value.shape[value.ndim - n :], call.shape[len(call.shape) - n :])
    result = pool(builder, value, taps, divisors if "avg" in call.op else None, call.shape)
    return (result, None) if "with_indices" in call.op else result


def _adaptive_pool(builder: Builder, call: Call) -> Any:
    value = call.value("self")
    n = int(call.op[-2])
    taps = _adaptive(value.shape[value.ndim - n :], call.shape[len(call.shape) - n :])
    result = pool(builder, value, taps, (taps >= 0).sum(axis=-1).astype(np.float64) if "avg" in call.op else None, call.shape)
    return (result, None) if "max" in call.op else result


def _cumsum(builder: Builder, call: Call) -> Any:
    """Running sums: place i sums the places up to i."""
    value, axis = builder.plain(call.value("self")), call.axis()
    n = value.shape[axis]
    moved = np.moveaxis(value.index, axis, -1)
    read = np.where(np.tril(np.ones((n, n), dtype=bool)), moved[..., None, :], -1)
    rows, lead = builder.rows(value.but(index=read), n)
    made = builder.node(Sum, (rows,), lead, "cumsum")
    return Value((made,), np.moveaxis(places(builder.size(made), moved.shape), -1, axis))


def _arg(builder: Builder, call: Call) -> Any:
    call.refuse("returns the place of a value, not a value", "Return the logits; take the place of the largest output outside the model.")


def _order(builder: Builder, call: Call) -> Any:
    call.refuse("puts values in order, so that who is connected to whom depends on them", "Order the outputs outside the model.")


def _any(builder: Builder, call: Call) -> Any:
    value = call.value("self")
    truth = apply(builder, value, lambda x: ("ne" if call.op == "any" else "eq", x, 0.0))
    count = total(builder, truth, _axes(call, value.ndim), call.shape)
    return apply(builder, count, lambda x: ("ne" if call.op == "any" else "eq", x, 0.0))


_SIZES = [f"{n}d" for n in (1, 2, 3)]
HANDLERS: dict[str, Callable[[Builder, Call], Any]] = {
    "sum": _sum,
    "mean": _mean,
    **dict.fromkeys(["var", "std", "var_mean", "std_mean"], _variance),
    **dict.fromkeys(["linalg_vector_norm", "norm"], _norm),
    **dict.fromkeys(["max", "min", "amax", "amin"], _max),
    **dict.fromkeys([f"{kind}{suffix}" for kind in ("max_pool", "avg_pool") for suffix in _SIZES], _pool),
    **dict.fromkeys([f"max_pool{suffix}_with_indices" for suffix in _SIZES], _pool),
    **dict.fromkeys(
        [f"{under}adaptive_avg_pool{suffix}" for suffix in _SIZES for under in ("", "_")]
        + [f"adaptive_max_pool{suffix}" for suffix in _SIZES],
        _adaptive_pool,
    ),
    "cumsum": _cumsum,
    **dict.fromkeys(["argmax", "argmin", "argsort", "nonzero"], _arg),
    **dict.fromkeys(["topk", "sort", "kthvalue", "median", "unique", "searchsorted", "bucketize"], _order),
    **dict.fromkeys(["any", "all"], _any),
}
