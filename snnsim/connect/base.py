"""What every connector declares."""

from __future__ import annotations

from math import prod
from typing import ClassVar, NamedTuple

import numpy as np

Shape = tuple[int, ...]


class Synapses(NamedTuple):
    """Synapses in order of source, then target: source i owns row_ptr[i] .. row_ptr[i + 1] - 1.

    row_ptr : int64[n_pre + 1]
    target : uint16 or uint32[n_synapses]     indices into the flattened post population; the narrower where they fit
    entry : int64[n_synapses] or None         position in the user's arrays, where a connector was given arrays
    weight : float64[n_synapses] or None      the weights of a connector that carries its own
    """

    row_ptr: np.ndarray
    target: np.ndarray
    entry: np.ndarray | None = None
    weight: np.ndarray | None = None

    @property
    def source(self) -> np.ndarray:
        """Source of each synapse, int64[n_synapses]: made anew at every call."""
        return np.repeat(np.arange(len(self.row_ptr) - 1), np.diff(self.row_ptr))


def narrow(n_post: int) -> type[np.unsignedinteger]:
    """Return the type that holds the indices of `n_post` targets."""
    return np.uint16 if n_post <= 1 << 16 else np.uint32


def from_pairs(
    source: np.ndarray, target: np.ndarray, n_pre: int, n_post: int, entry: np.ndarray | None = None, weight: np.ndarray | None = None
) -> Synapses:
    """Return the synapses of two lists in order of source, then target."""
    row_ptr = np.searchsorted(source, np.arange(n_pre + 1)).astype(np.int64)
    return Synapses(row_ptr, target.astype(narrow(n_post)), entry, weight)


def own_targets(same: bool | np.ndarray, n_pre: int, n_post: int) -> np.ndarray:
    """Return which target each source itself is, int64[n_pre]; n_post where it is none. `same` as in `Sparse.synapses`."""
    if isinstance(same, np.ndarray):
        return same
    return np.arange(n_pre, dtype=np.int64) if same else np.full(n_pre, n_post, dtype=np.int64)


def pairs(same: bool | np.ndarray, n_pre: int, n_post: int) -> float:
    """Return the pairs of a source and another neuron. `same` as in `Sparse.synapses`"""
    own = np.count_nonzero(same < n_post) if isinstance(same, np.ndarray) else n_pre if same else 0
    return float(n_pre) * n_post - float(own)


class Connector:
    """Base of all connectors.

    weighted : bool   whether a projection may give it weights; False where it carries its own or takes none
    """

    weighted: ClassVar[bool] = False

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        """Refuse shapes this connector cannot join. `where` names the projection in the error."""
        raise NotImplementedError(f"{type(self).__name__}.check")  # a connector must say what it accepts


class Sparse(Connector):
    """A connector that can list its synapses."""

    weighted = True

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        """Any two shapes can be joined by a list of synapses."""

    def synapses(self, n_pre: int, n_post: int, *, same: bool | np.ndarray, random: np.random.Generator) -> Synapses:
        """Return the synapses between `n_pre` sources and `n_post` targets.

        same : bool or int64[n_pre]   whether pre and post are one population, so that autapses are left out; or, for views of
                                      one population, which target each source itself is (n_post: none), as `own_targets`
        random : Generator            used by connectors that draw; others ignore it
        """
        raise NotImplementedError(f"{type(self).__name__}.synapses")

    def expected(self, pre: Shape, post: Shape, *, same: bool | np.ndarray) -> float | None:
        """Return the expected number of synapses between populations of two shapes, without drawing one; None: it cannot tell.

        same : as in `synapses`
        """
        return None

    def between(self, pre: Shape, post: Shape, *, same: bool | np.ndarray, random: np.random.Generator) -> Synapses:
        """Return the synapses between populations of two shapes; most connectors need the sizes alone."""
        return self.synapses(prod(pre), prod(post), same=same, random=random)
