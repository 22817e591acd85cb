"""What every connector declares."""

from __future__ import annotations

from math import prod
from typing import ClassVar, NamedTuple

import numpy as np

Shape = tuple[int, ...]


class Synapses(NamedTuple):
    """Synapses in order of source, then target.

    source, target : int64[n_synapses]     indices into the flattened populations
    entry : int64[n_synapses] or None      position in the user's arrays, where a connector was given arrays
    weight : float64[n_synapses] or None   the weights of a connector that carries its own
    """

    source: np.ndarray
    target: np.ndarray
    entry: np.ndarray | None = None
    weight: np.ndarray | None = None


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

    def synapses(self, n_pre: int, n_post: int, *, same: bool, random: np.random.Generator) -> Synapses:
        """Return the synapses between `n_pre` sources and `n_post` targets.

        same : bool          whether pre and post are one population (autapses are then left out)
        random : Generator   used by connectors that draw; others ignore it
        """
        raise NotImplementedError(f"{type(self).__name__}.synapses")

    def between(self, pre: Shape, post: Shape, *, same: bool, random: np.random.Generator) -> Synapses:
        """Return the synapses between populations of two shapes; most connectors need the sizes alone."""
        return self.synapses(prod(pre), prod(post), same=same, random=random)
