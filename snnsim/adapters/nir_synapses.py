"""A projection said in linear nodes of NIR: `pieces`, each a chain of nodes from the pre population to the post population."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np

from snnsim.adapters.nir_library import library
from snnsim.connect import AllToAll, Convolution, FromArrays, FromSparse, OneToOne, View, wire
from snnsim.distributions import Distribution
from snnsim.errors import ConversionError, ParameterError
from snnsim.network import Projection

Shape = tuple[int, ...]

_LISTED = (AllToAll, Convolution, FromArrays, FromSparse, OneToOne)
BIAS = "bias"
_MOST = 2**29  # numbers of a matrix: 4 GiB


class Listed(NamedTuple):
    """Synapses one by one, in indices of the populations; delays in ms."""

    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    delay: np.ndarray


def listed(name: str, projection: Projection) -> Listed:
    """Return the synapses of a projection whose connector draws nothing.

    Raises ConversionError for one that draws, or a drawn weight or delay; ParameterError for arrays of another length.
    """
    if not isinstance(projection.connector, _LISTED):
        known = ", ".join(each.__name__ for each in _LISTED)
        raise ConversionError(
            f"Projection({name}).connector = {type(projection.connector).__name__} draws its synapses when a network is compiled, and "
            f"NIR holds them. Draw them yourself, for a FromArrays. Connectors that can be written: {known}."
        )
    synapses = wire(projection, np.random.default_rng(0))
    n = len(synapses.target)
    order = np.arange(n) if synapses.entry is None else synapses.entry

    def spread(field: str, value: Any) -> np.ndarray:
        if isinstance(value, Distribution):
            raise ConversionError(f"Projection({name}).{field} = {value!r} cannot be written: NIR holds numbers. Draw them: give an array.")
        numbers = np.asarray(1.0 if value is None else value, dtype=np.float64)
        if numbers.ndim and numbers.shape != (n,):
            raise ParameterError(f"Projection({name}).{field} has shape {numbers.shape} but must hold one value per synapse, here {n}.")
        return np.array(np.broadcast_to(numbers, n)[order])

    weight = synapses.weight if synapses.weight is not None else spread("weight", projection.weight)
    return Listed(
        synapses.source, synapses.target.astype(np.int64), np.asarray(weight, dtype=np.float64), spread("delay", projection.delay)
    )


@dataclass(frozen=True, eq=False)
class Task:
    """A projection to be written.

    pre, post : shapes of the two nodes in NIR, which may be flatter than the populations
    factor : float64[] or float64[n_post]   weight in NIR per weight of ours
    bias : float64[n_post] or None          to be added by this projection
    delay : float64[n_synapses]             s
    kind : type of the linear node it was read from, '' if none, BIAS for a bias alone, which takes no spike along
    """

    name: str
    projection: Projection
    synapses: Listed
    pre: Shape
    post: Shape
    factor: np.ndarray
    delay: np.ndarray
    bias: np.ndarray | None = None
    kind: str = ""


def slides(projection: Projection, pre: Shape, factor: np.ndarray) -> bool:
    """Return whether a projection is a Conv2d from a population that keeps its shape."""
    whole = not isinstance(projection.pre, View) and not isinstance(projection.post, View)
    return whole and isinstance(projection.connector, Convolution) and pre == projection.pre.shape and factor.ndim == 0


def elementwise(projection: Projection) -> bool:
    """Return whether a projection takes neuron i to neuron i of whole populations."""
    whole = not isinstance(projection.pre, View) and not isinstance(projection.post, View)
    return whole and isinstance(projection.connector, OneToOne)


def per_channel(bias: np.ndarray, projection: Projection) -> np.ndarray | None:
    """Return a bias as one number per channel of the post population; None where it differs within one."""
    rows = bias.reshape(projection.post.shape[0], -1)
    return rows[:, 0] if np.all(rows == rows[:, :1]) else None


def pieces(task: Task) -> Iterator[list[tuple[str, Any]]]:
    """Yield chains of (kind of name, node) that together are the projection; an empty chain is a plain edge.

    A delay that all synapses of a source share is a Delay before the weights; else synapses are sorted by delay, a chain each.
    """
    nir, projection = library(), task.projection
    weight = task.synapses.weight * (task.factor if task.factor.ndim == 0 else task.factor[task.synapses.target])
    source, target, n_pre = task.synapses.source, task.synapses.target, prod(task.pre)
    after = np.zeros(n_pre)
    after[source] = task.delay
    if np.array_equal(after[source], task.delay):
        if len(set(task.delay.tolist())) == 1:
            after[:] = task.delay[0]
        chain = [("delay", nir.Delay(after.reshape(task.pre)))] if np.any(after) else []
        groups = [(chain, np.ones(len(source), dtype=bool))]
    else:
        groups = [([("delay", nir.Delay(np.full(task.pre, d)))] if d else [], task.delay == d) for d in np.unique(task.delay)]
    for k, (chain, mine) in enumerate(groups):
        bias = task.bias if k == 0 else None
        if task.kind == BIAS:
            yield _dense(task, source, target, weight, bias)
        elif len(groups) == 1 and slides(projection, task.pre, task.factor):
            yield chain + _convolution(task)
        elif len(groups) == 1 and elementwise(projection) and bias is None and task.kind not in ("Linear", "Affine"):
            yield chain + _scaled(task, weight)
        else:
            yield chain + _dense(task, source[mine], target[mine], weight[mine], bias)


def _convolution(task: Task) -> list[tuple[str, Any]]:
    nir, connector = library(), task.projection.connector
    out = connector.weight.shape[0]  # type: ignore[attr-defined]
    bias = np.zeros(out) if task.bias is None else per_channel(task.bias, task.projection)
    node = nir.Conv2d(
        input_shape=task.pre[1:], weight=connector.weight * task.factor, stride=connector.stride,  # type: ignore[attr-defined]
        padding=connector.padding, dilation=(1, 1), groups=1, bias=bias,  # type: ignore[attr-defined]
    )  # fmt: skip
    return [("weights", node), *_flat(task.projection.post.shape, task.post)]


def _scaled(task: Task, weight: np.ndarray) -> list[tuple[str, Any]]:
    chain = _flat(task.pre, task.post)
    if task.kind == "Scale" or np.any(weight != 1.0):
        chain.append(("weights", library().Scale(weight.reshape(task.post))))
    return chain


def _dense(task: Task, source: np.ndarray, target: np.ndarray, weight: np.ndarray, bias: np.ndarray | None) -> list[tuple[str, Any]]:
    nir, n_pre, n_post = library(), prod(task.pre), prod(task.post)
    if n_pre * n_post > _MOST:
        raise ConversionError(
            f"Projection({task.name}) takes a matrix of {n_post} x {n_pre} numbers, as NIR has no sparse ones, and may have "
            f"{_MOST}. Divide the populations, or use a Convolution."
        )
    matrix = np.zeros((n_post, n_pre))
    np.add.at(matrix, (target, source), weight)
    bias = np.zeros(n_post) if bias is None and task.kind == "Affine" else bias
    node = nir.Linear(matrix) if bias is None else nir.Affine(matrix, bias)
    return [*_flat(task.pre, (n_pre,)), ("weights", node)]


def _flat(pre: Shape, post: Shape) -> list[tuple[str, Any]]:
    return [] if pre == post else [("flat", library().Flatten({"input": np.array(pre)}, 0, -1))]


def node_of(kind: str, fields: Mapping[str, np.ndarray], note: str | None) -> Any:
    """Return a neuron node; `note` says in its metadata which model of ours it was."""
    return getattr(library(), kind)(**fields, metadata={} if note is None else {"snnsim_model": note})
