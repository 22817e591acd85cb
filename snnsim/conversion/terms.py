"""What a population adds up: terms of other populations, in real numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from snnsim.graph.nodes import Conv, Shape


@final
@dataclass(frozen=True, eq=False)
class Point:
    """x[n, *shape] = coefficient * units of `source` at `index`, summed over the leading axis.

    index : int32[n, *shape] or None   -1 where nothing stands; None: the units as they are
    coefficient : float[...]           broadcast to the layout
    """

    source: str
    index: np.ndarray | None
    coefficient: np.ndarray


@final
@dataclass(frozen=True, eq=False)
class Mapped:
    """A linear map of a layout of `source`: weight float[in, out], or float[*kernel, in / groups, out] of the convolution `conv`.

    index : int32[*space] or None
    space : tuple of int             shape of the layout
    name : str                       the node it comes from
    """

    source: str
    index: np.ndarray | None
    weight: np.ndarray
    space: Shape
    conv: Conv | None = None
    name: str = ""


@final
@dataclass(frozen=True, eq=False)
class Multiplied:
    """scale * einsum(subscripts, left, right), the operands being layouts of populations in the shapes `views`."""

    left: str
    right: str
    left_index: np.ndarray | None
    right_index: np.ndarray | None
    subscripts: str
    views: tuple[Shape, Shape]
    scale: float


Term = Point | Mapped | Multiplied


def sources_of(term: Term) -> tuple[str, ...]:
    """Return the populations that a term reads."""
    return (term.left, term.right) if isinstance(term, Multiplied) else (term.source,)


@final
@dataclass(frozen=True, eq=False)
class Sources:
    """A value that is nothing but units of populations, placed, scaled and shifted: it costs no neurons.

    names : tuple of str       populations, whose units stand in a row
    sizes : tuple of int       units of each
    index : int64[*shape]      into that row; -1 where nothing stands
    coefficient, offset : float[...]   broadcast to the shape; the value is coefficient * unit + offset
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    index: np.ndarray
    coefficient: np.ndarray
    offset: np.ndarray

    @property
    def shape(self) -> Shape:
        return self.index.shape

    def parts(self) -> list[tuple[str, np.ndarray | None]]:
        """Return each population with the layout in which it is read; None where it is read as it is."""
        parts: list[tuple[str, np.ndarray | None]] = []
        first = 0
        for name, size in zip(self.names, self.sizes, strict=True):
            index = np.where((self.index >= first) & (self.index < first + size), self.index - first, -1).astype(np.int32)
            first += size
            plain = index.size == size and (index.ravel() == np.arange(size)).all()
            if plain or (index >= 0).any():
                parts.append((name, None if plain else index))
        return parts

    def taken(self, index: np.ndarray, fill: float = 0.0) -> Sources:
        """Return another layout of this one: `index` into its flattened places, -1 for `fill`."""
        places = index.ravel()

        def pick(values: np.ndarray, nothing: float) -> np.ndarray:
            if values.ndim == 0 and (values == nothing or (places >= 0).all()):
                return values
            return np.where(places < 0, nothing, np.broadcast_to(values, self.shape).ravel()[places]).reshape(index.shape)

        moved = np.where(places < 0, -1, self.index.ravel()[places]).reshape(index.shape)
        return Sources(self.names, self.sizes, moved, pick(self.coefficient, 1.0), pick(self.offset, fill))

    def scaled(self, scale: np.ndarray, offset: np.ndarray) -> Sources:
        """Return scale * this + offset."""
        return Sources(self.names, self.sizes, self.index, self.coefficient * scale, self.offset * scale + offset)


def points(value: Sources) -> list[Point]:
    """Return a value as terms that are read one to one."""
    shape = value.shape
    coefficient = value.coefficient if value.coefficient.ndim == 0 else value.coefficient[None]
    return [Point(name, None if index is None else index.reshape(1, *shape), coefficient) for name, index in value.parts()]


def population(name: str, shape: Shape) -> Sources:
    """Return the units of one population as they are."""
    size = int(np.prod(shape))
    return Sources((name,), (size,), np.arange(size).reshape(shape), np.array(1.0), np.array(0.0))


def joined(parts: list[Sources]) -> Sources:
    """Return several values flattened in a row."""
    if len(parts) == 1:
        return parts[0]
    first, index = 0, []
    for part in parts:
        index.append(np.where(part.index < 0, -1, part.index + first).ravel())
        first += sum(part.sizes)
    coefficient = _in_a_row([np.broadcast_to(part.coefficient, part.shape) for part in parts])
    offset = _in_a_row([np.broadcast_to(part.offset, part.shape) for part in parts])
    return Sources(
        tuple(name for part in parts for name in part.names),
        tuple(size for part in parts for size in part.sizes),
        np.concatenate(index),
        coefficient,
        offset,
    )


def _in_a_row(parts: list[np.ndarray]) -> np.ndarray:
    """Return several arrays flattened in a row; one number where all hold the same."""
    flat = np.concatenate([part.ravel() for part in parts])
    return flat[0].reshape(()) if (flat == flat[0]).all() else flat


def uniform(values: np.ndarray, where: np.ndarray | None = None) -> float | None:
    """Return the one number that `values` hold (where `where`), or None."""
    flat = np.asarray(values)
    if flat.ndim and where is not None:
        flat = np.broadcast_to(flat, where.shape)[where]
    flat = flat.ravel()
    return float(flat[0]) if flat.size and (flat == flat[0]).all() else None


def by_channel(values: np.ndarray, index: np.ndarray | None, shape: Shape) -> np.ndarray | None:
    """Return values[channels] when `values`, over a layout of `shape`, depend on the last axis alone; None otherwise.

    Places where nothing stands (index -1) may hold anything.
    """
    rows = np.broadcast_to(values, shape).reshape(-1, shape[-1])
    if index is None or (index >= 0).all():
        return rows[0] if (rows == rows[0]).all() else None
    there = index.reshape(rows.shape) >= 0
    first = rows[there.argmax(axis=0), np.arange(shape[-1])]
    return np.where(there.any(axis=0), first, 1.0) if (rows == first)[there].all() else None
