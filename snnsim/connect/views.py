"""Views: some neurons of a population, as a side of a projection."""

from __future__ import annotations

import operator
from typing import Any, final

import numpy as np

from snnsim.connect.base import Shape, Sparse, Synapses, narrow
from snnsim.errors import ParameterError
from snnsim.units import as_integers

_SHOWN = 4  # entries of a list that a name shows


@final
class View:
    """Some neurons of a population, made by indexing it: ``exc[10:50]``, ``exc[::2]``, ``exc[[1, 5, 9]]``, ``exc[mask]``.

    A shaped population is indexed like an array, by numbers and slices (``layer[0]``, ``layer[:, 3:5]``) or a mask of its shape.

    population : Population     whose neurons these are
    indices : int64[size]       places in the flattened population, none twice, in the order given
    shape : tuple of int        of the result of indexing; connectors see this shape
    name : str                  such as 'exc[10:50]'

    Raises ParameterError for an index out of range or given twice, a slice past the end, no neuron at all, and other types.
    """

    __slots__ = ("indices", "name", "population", "shape", "size")

    population: Any
    indices: np.ndarray
    shape: Shape
    name: str
    size: int

    def __init__(self, population: Any, key: Any) -> None:
        owner = f"Population({population.name!r}) index"
        if isinstance(key, (list, np.ndarray)):
            places, text = _listed(owner, population.shape, key)
        else:
            places, text = _basic(owner, population.shape, key if isinstance(key, tuple) else (key,))
        if not places.size:
            raise ParameterError(f"{owner} [{text}] must pick a neuron: it picks none of {population.shape}. Widen it.")
        indices = places.ravel()
        indices.flags.writeable = False
        values = {
            "population": population, "indices": indices, "shape": places.shape or (1,), "name": f"{population.name}[{text}]",
            "size": indices.size,
        }  # fmt: skip
        for field, value in values.items():
            object.__setattr__(self, field, value)

    def __setattr__(self, field: str, value: Any) -> None:
        raise AttributeError(f"View.{field} cannot be changed: a description is immutable. Index the population again.")

    def __setstate__(self, state: tuple) -> None:
        # Pickles and copies; they bring the fields by name.
        for field, value in state[1].items():
            object.__setattr__(self, field, value)
        self.indices.flags.writeable = False

    def __repr__(self) -> str:
        return f"View({self.name}, {self.shape if len(self.shape) > 1 else self.size})"


def _listed(owner: str, shape: Shape, key: list | np.ndarray) -> tuple[np.ndarray, str]:
    """Return the places and the text of a list of indices or a mask."""
    array = np.asarray(key)
    if array.dtype == bool:
        if array.shape != shape:
            raise ParameterError(f"{owner}: the mask has shape {array.shape} but must have that of the population, {shape}. Reshape it.")
        places = np.flatnonzero(array)
    else:
        if array.ndim != 1 or len(shape) != 1:
            raise ParameterError(
                f"{owner}: a list of shape {array.shape} must be flat, and so must the population, here {shape}. "
                "Index a shaped population by numbers, slices or a mask."
            )
        places = as_integers(owner, array, low=0, high=shape[0] - 1)
        number, times = np.unique(places, return_counts=True)
        if times.max(initial=1) > 1:
            raise ParameterError(f"{owner} {number[times > 1][0]} must be given once: a view holds each neuron once. Remove the repeats.")
    shown = ", ".join(str(place) for place in places[:_SHOWN])
    return places, f"[{shown}]" if places.size <= _SHOWN else f"[{shown}, ... {places.size} neurons]"


def _basic(owner: str, shape: Shape, parts: tuple) -> tuple[np.ndarray, str]:
    """Return the places, in the shape of the result, and the text of numbers and slices."""
    dots = [k for k, part in enumerate(parts) if part is Ellipsis]
    if len(dots) > 1 or len(parts) - len(dots) > len(shape):
        raise ParameterError(f"{owner} has {len(parts)} parts but must have at most {len(shape)}, as the population has axes. Drop some.")
    key = list(parts)
    if dots:
        key[dots[0] : dots[0] + 1] = [slice(None)] * (len(shape) - len(parts) + 1)
    places = np.arange(np.prod(shape, dtype=np.int64), dtype=np.int64).reshape(shape)
    checked = tuple(_part(owner, part, n) for part, n in zip(key, shape, strict=False))
    return np.array(places[checked]), ", ".join("..." if part is Ellipsis else _text(part) for part in parts)


def _part(owner: str, part: Any, n: int) -> Any:
    if isinstance(part, slice):
        for bound in (part.start, part.stop):
            if bound is not None and not -n <= _whole(owner, bound) <= n:
                raise ParameterError(f"{owner} {bound} must lie within {-n} .. {n}, the axis it cuts. Shorten the slice.")
        if part.step is not None and _whole(owner, part.step) == 0:
            raise ParameterError(f"{owner} has a slice of step 0, which must be a number of neurons to go on by. Choose another.")
        return part
    number = _whole(owner, part)
    if not -n <= number < n:
        raise ParameterError(f"{owner} {number} must lie in {-n} .. {n - 1}. Correct the index.")
    return number


def _whole(owner: str, value: Any) -> int:
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise ParameterError(f"{owner} {value!r} must be a whole number, a slice, a list of indices or a mask. Replace it.") from None


def _text(part: Any) -> str:
    if not isinstance(part, slice):
        return str(operator.index(part))
    start, stop = ("" if bound is None else str(bound) for bound in (part.start, part.stop))
    return f"{start}:{stop}" if part.step is None else f"{start}:{stop}:{part.step}"


def wire(projection: Any, random: np.random.Generator) -> Synapses:
    """Return the synapses of a projection between populations or views, in indices of the populations.

    The one call a compiler needs: it asks the connector with the shapes of the two sides, tells it which neurons are the same
    (`same_neurons`), and turns what it lists into rows of the whole pre population (`expand`). ``projection.pre.population``
    and ``projection.post.population`` are the populations meant.

    Array weights and delays of the projection are in the order of ``entry`` where that is not None, else of the synapses.
    """
    pre, post = projection.pre, projection.post
    return expand(projection.connector.between(pre.shape, post.shape, same=same_neurons(pre, post), random=random), pre, post)


def expected(projection: Any) -> float | None:
    """Return how many synapses `wire` will make, in the mean; None where the connector cannot tell."""
    pre, post, connector = projection.pre, projection.post, projection.connector
    return connector.expected(pre.shape, post.shape, same=same_neurons(pre, post)) if isinstance(connector, Sparse) else None


def same_neurons(pre: Any, post: Any) -> bool | np.ndarray:
    """Return the `same` of `Sparse.synapses`: whether two sides are one population or, for views of one, who is whom."""
    if pre.population is not post.population:
        return False
    if not isinstance(pre, View) and not isinstance(post, View):
        return True
    own = np.full(pre.population.size, post.size, dtype=np.int64)
    own[_indices(post)] = np.arange(post.size)
    return own[_indices(pre)]


def expand(synapses: Synapses, pre: Any, post: Any) -> Synapses:
    """Return `synapses` between two sides, populations or views, in indices of the populations.

    They are in order of source, then target, of the populations. Where that is another order than before, entry and weight
    go along; without an entry, the position before becomes the entry, so that array weights keep the order of the view.
    """
    if not isinstance(pre, View) and not isinstance(post, View):
        return synapses
    rows, columns = _indices(pre), _indices(post)
    row_ptr = np.zeros(pre.population.size + 1, dtype=np.int64)
    row_ptr[rows + 1] = np.diff(synapses.row_ptr)
    np.cumsum(row_ptr, out=row_ptr)
    target = columns.astype(narrow(post.population.size))[synapses.target]
    if np.all(np.diff(rows) > 0) and np.all(np.diff(columns) > 0):
        return Synapses(row_ptr, target, synapses.entry, synapses.weight)
    order = np.lexsort((target, rows[synapses.source]))
    entry = order if synapses.entry is None else synapses.entry[order]
    return Synapses(row_ptr, target[order], entry, None if synapses.weight is None else synapses.weight[order])


def _indices(side: Any) -> np.ndarray:
    return side.indices if isinstance(side, View) else np.arange(side.size)
