"""The linear nodes of NIR as lists of synapses: `Map`, how maps are put one behind the other, and one function per type of node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np

from snnsim.adapters.nir_library import array
from snnsim.errors import ConversionError

Shape = tuple[int, ...]


class Map(NamedTuple):
    """y[target] += weight * x[source], `delay` ms later, from `n_in` to `n_out` values; entries of one pair and delay are summed."""

    n_in: int
    n_out: int
    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    delay: np.ndarray

    def then(self, after: Map) -> Map:
        """Return this map followed by another."""
        order = np.argsort(after.source, kind="stable")
        first = np.searchsorted(after.source[order], np.arange(after.n_in + 1))
        fan = np.diff(first)[self.target]
        mine = np.repeat(np.arange(len(self.target)), fan)
        # The k-th entry of each run of `fan` is the k-th of those that leave its target.
        k = np.arange(len(mine)) - np.repeat(np.cumsum(fan) - fan, fan)
        other = order[first[self.target[mine]] + k]
        weight, delay = self.weight[mine] * after.weight[other], self.delay[mine] + after.delay[other]
        return merged(Map(self.n_in, after.n_out, self.source[mine], after.target[other], weight, delay))

    @property
    def diagonal(self) -> bool:
        """Whether it takes value i to value i, each once."""
        every = np.arange(self.n_in)
        return self.n_in == self.n_out and np.array_equal(self.source, every) and np.array_equal(self.target, every)

    @property
    def identity(self) -> bool:
        """Whether it changes nothing."""
        return self.diagonal and bool(np.all(self.weight == 1.0) and not np.any(self.delay))


def merged(given: Map) -> Map:
    """Return `given` with entries of one source, target and delay summed, in that order; what sums to 0 is left out."""
    if not np.any(given.delay):  # one key sorts in half the time of three
        order = np.argsort(given.source * given.n_out + given.target, kind="stable")
    else:
        order = np.lexsort((given.delay, given.target, given.source))
    source, target, weight, delay = (part[order] for part in given[2:])
    if not len(order):
        return given
    new = np.flatnonzero(np.append(True, (np.diff(source) != 0) | (np.diff(target) != 0) | (np.diff(delay) != 0.0)))
    total = np.add.reduceat(weight, new)
    new, total = new[total != 0.0], total[total != 0.0]
    return Map(given.n_in, given.n_out, source[new], target[new], total, delay[new])


def diagonal(weight: np.ndarray, delay: np.ndarray | float = 0.0) -> Map:
    """Return the map from value i to value i. weight, delay : float64[n]"""
    every = np.arange(weight.size)
    return Map(weight.size, weight.size, every, every, weight.ravel(), np.broadcast_to(np.ravel(delay), weight.size))


def _numbers(name: str, field: str, value: Any) -> np.ndarray:
    numbers = array(value)
    if numbers.dtype.kind not in "iuf" or not np.all(np.isfinite(numbers)):
        raise ConversionError(f"NIR node {name!r}: {field} must hold finite numbers. Correct the node.")
    return numbers.astype(np.float64)


def _matrix(name: str, node: Any, shape: Shape) -> tuple[Shape, Map, np.ndarray | None]:
    """Affine and Linear: the last two axes of the weight are (out, in), axes before them are positions with a matrix each."""
    weight = _numbers(name, "weight", node.weight)
    if weight.ndim < 2 or shape != (*weight.shape[:-2], weight.shape[-1]):
        raise ConversionError(
            f"NIR node {name!r}: weight {weight.shape} of a {type(node).__name__} takes (..., out, in), which does not fit its input "
            f"{shape}. Correct the weight, or put a Flatten before it."
        )
    lead, out, width = prod(weight.shape[:-2]), *weight.shape[-2:]
    b, o, i = (axis.ravel() for axis in np.indices((lead, out, width)))
    shape_out = (*weight.shape[:-2], out)
    made = Map(lead * width, lead * out, b * width + i, b * out + o, weight.ravel(), np.zeros(weight.size))
    return shape_out, made, _bias(name, node, shape_out)


def _bias(name: str, node: Any, shape: Shape) -> np.ndarray | None:
    if getattr(node, "bias", None) is None:
        return None
    bias = _numbers(name, "bias", node.bias)
    if bias.size == 1 and prod(shape) == 1:
        return bias.reshape(1)
    if bias.shape != shape and bias.shape != shape[-bias.ndim :]:
        raise ConversionError(f"NIR node {name!r}: bias {bias.shape} must have the shape of its output, {shape}. Correct the bias.")
    return np.broadcast_to(bias, shape).ravel()


def _scale(name: str, node: Any, shape: Shape) -> tuple[Shape, Map, None]:
    return shape, diagonal(_spread(name, "scale", node.scale, shape)), None


def _delay(name: str, node: Any, shape: Shape) -> tuple[Shape, Map, None]:
    delay = _spread(name, "delay", node.delay, shape) * 1e3
    if np.any(delay < 0.0):
        raise ConversionError(f"NIR node {name!r}: delay = {delay.min() * 1e-3:g} s must be >= 0. Correct the node.")
    return shape, diagonal(np.ones(prod(shape)), delay), None


def _spread(name: str, field: str, value: Any, shape: Shape) -> np.ndarray:
    numbers = _numbers(name, field, value)
    if numbers.ndim and numbers.shape != shape:
        raise ConversionError(f"NIR node {name!r}: {field} {numbers.shape} must have the shape of its input, {shape}. Correct the node.")
    return np.broadcast_to(numbers, shape)


def _flatten(name: str, node: Any, shape: Shape) -> tuple[Shape, Map, None]:
    start, end = (int(dim) + (len(shape) if int(dim) < 0 else 0) for dim in (node.start_dim, node.end_dim))
    if not 0 <= start <= end < len(shape):
        raise ConversionError(
            f"NIR node {name!r}: start_dim = {node.start_dim} and end_dim = {node.end_dim} must be axes of its input {shape}, which "
            "has none for trials. Correct them."
        )
    merged_shape = (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :])
    return merged_shape, diagonal(np.ones(prod(shape))), None


def _identity(name: str, node: Any, shape: Shape) -> tuple[Shape, Map, None]:
    return shape, diagonal(np.ones(prod(shape))), None


def _pair(name: str, field: str, value: Any, n: int) -> tuple[int, ...]:
    numbers = np.ravel(array(value))
    if numbers.size not in (1, n) or numbers.dtype.kind not in "iuf" or np.any(numbers != np.rint(numbers)):
        raise ConversionError(f"NIR node {name!r}: {field} = {value!r} must be one whole number, or {n}. Correct the node.")
    return tuple(int(number) for number in np.broadcast_to(numbers, n))


def padding_of(name: str, node: Any, spans: list[int], stride: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return what is added before and after each axis. spans : entries beside the first that a kernel reaches, per axis"""
    padding = node.padding.decode() if isinstance(node.padding, bytes) else node.padding
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ConversionError(f"NIR node {name!r}: padding = {padding!r} must be a number, 'same' or 'valid'. Correct it.")
        if padding == "same" and set(stride) != {1}:
            raise ConversionError(f"NIR node {name!r}: padding = 'same' needs a stride of 1, not {stride}. Give the padding as numbers.")
        return [(span // 2, span - span // 2) if padding == "same" else (0, 0) for span in spans]
    return [(number, number) for number in _pair(name, "padding", padding, len(spans))]


def _taps(n: int, kernel: int, stride: int, dilation: int, pad: tuple[int, int]) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
    """Return the size of an axis of the output, and (output, kernel, input) positions along it where the input exists."""
    size = (n + sum(pad) - dilation * (kernel - 1) - 1) // stride + 1
    output, tap = np.indices((max(size, 0), kernel))
    entry = output * stride - pad[0] + tap * dilation
    inside = (entry >= 0) & (entry < n)
    return size, output[inside], tap[inside], entry[inside]


def _slide(name: str, node: Any, shape: Shape, weight: np.ndarray, groups: int, dilation: tuple[int, ...]) -> tuple[Shape, Map]:
    """Return the map of a kernel [out, in / groups, height, width] that slides over (channels, height, width)."""
    out, per_group, *kernel = weight.shape
    stride = _pair(name, "stride", node.stride, len(shape) - 1)
    if min((groups, *stride, *dilation, *kernel)) < 1 or shape[0] != per_group * groups or out % groups:
        raise ConversionError(
            f"NIR node {name!r}: a kernel of {weight.shape}, stride {stride}, dilation {dilation}, in {groups} groups, does not fit its "
            f"input {shape}. Correct the node."
        )
    pads = padding_of(name, node, [d * (k - 1) for d, k in zip(dilation, kernel[-len(stride) :], strict=True)], stride)
    if len(shape) == 2:  # one dimension is two, the first of size 1
        shape, stride, dilation, pads = (shape[0], 1, shape[1]), (1, *stride), (1, *dilation), [(0, 0), *pads]
    (high, y_out, i, y_in), (wide, x_out, j, x_in) = (
        _taps(n, k, s, d, pad) for n, k, s, d, pad in zip(shape[1:], kernel, stride, dilation, pads, strict=True)
    )
    if min(high, wide) < 1:
        raise ConversionError(
            f"NIR node {name!r}: its kernel {tuple(kernel)} is larger than its input {shape}, padding included. Pad more."
        )
    o, c = np.arange(out)[:, None, None, None], np.arange(per_group)[:, None, None]
    channel = o // (out // groups) * per_group + c
    source = (channel * shape[1] + y_in[:, None]) * shape[2] + x_in
    target = np.broadcast_to((o * high + y_out[:, None]) * wide + x_out, source.shape)
    value = weight[:, :, i[:, None], j]
    made = Map(prod(shape), out * high * wide, source.ravel(), target.ravel(), value.ravel(), np.zeros(value.size))
    return (out, high, wide), made


def _conv(name: str, node: Any, shape: Shape) -> tuple[Shape, Map, np.ndarray | None]:
    weight, n = _numbers(name, "weight", node.weight), 1 if type(node).__name__ == "Conv1d" else 2
    if weight.ndim != n + 2 or len(shape) != n + 1:
        raise ConversionError(
            f"NIR node {name!r}: weight {weight.shape} of a {type(node).__name__} must have {n + 2} axes and its input {shape} {n + 1}: "
            "channels first, without trials. Correct the shapes."
        )
    (groups,) = _pair(name, "groups", node.groups, 1)
    kernel = weight[:, :, None, :] if n == 1 else weight
    (out, high, wide), made = _slide(name, node, shape, kernel, groups, _pair(name, "dilation", node.dilation, n))
    shape_out = (out, wide) if n == 1 else (out, high, wide)
    if node.bias is None:
        return shape_out, made, None
    bias = _numbers(name, "bias", node.bias)
    if bias.shape not in ((out,), (1,), ()):
        raise ConversionError(f"NIR node {name!r}: bias {bias.shape} must hold one number per output channel, {out}. Correct the bias.")
    return shape_out, made, np.repeat(np.broadcast_to(bias, out), high * wide)


def _pool(name: str, node: Any, shape: Shape) -> tuple[Shape, Map, None]:
    """Sums or means; a mean divides by the whole kernel also where it reaches over the border, as PyTorch's."""
    if len(shape) != 3:
        raise ConversionError(f"NIR node {name!r}: the input {shape} of a {type(node).__name__} must be (channels, height, width).")
    kernel = _pair(name, "kernel_size", node.kernel_size, 2)
    value = 1.0 / prod(kernel) if type(node).__name__ == "AvgPool2d" and min(kernel) > 0 else 1.0
    weight = np.full((shape[0], 1, *kernel), value)
    return *_slide(name, node, shape, weight, shape[0], (1, 1)), None


#: Type of node -> (name, node, shape of the input) -> shape of the output, its map, its bias (float64[n_out]) or None.
LINEAR: Mapping[str, Callable[[str, Any, Shape], tuple[Shape, Map, np.ndarray | None]]] = {
    "Affine": _matrix, "Linear": _matrix, "Scale": _scale, "Delay": _delay, "Flatten": _flatten, "Conv1d": _conv, "Conv2d": _conv,
    "AvgPool2d": _pool, "SumPool2d": _pool, "Input": _identity, "Output": _identity,
}  # fmt: skip
