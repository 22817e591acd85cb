"""A fixed number of synapses: into each target, out of each source, or in all."""

from __future__ import annotations

from math import prod
from typing import final

import numpy as np

from snnsim.connect.base import Shape, Sparse, Synapses, from_pairs
from snnsim.connect.subsets import subsets
from snnsim.errors import WiringError
from snnsim.units import check_bool, check_integer


class _FixedNumber(Sparse):
    """What the three rules share: a number, and whether a pair may repeat or a neuron meet itself."""

    def __init__(self, n: int, *, autapses: bool = False, multapses: bool = False) -> None:
        owner = type(self).__name__
        self.n = check_integer(f"{owner}.n", n, low=0)
        self.autapses = check_bool(f"{owner}.autapses", autapses)
        self.multapses = check_bool(f"{owner}.multapses", multapses)

    def _draw(self, where: str, n_rows: int, room: int, random: np.random.Generator) -> np.ndarray:
        """Return `n` of `room` places for each row, int64[n_rows, n]."""
        self._fit(where, room)
        if self.multapses:
            return random.integers(room, size=(n_rows, self.n)) if self.n else np.empty((n_rows, 0), dtype=np.int64)
        return subsets(n_rows, room, self.n, random)

    def _fit(self, where: str, room: int) -> None:
        if self.n > room and not (self.multapses and room):
            remedy = "" if self.multapses or not room else ", or allow multapses"
            raise WiringError(
                f"{where}: {type(self).__name__}.n = {self.n} must be <= {room}, the pairs there are to choose from. "
                f"Choose a smaller n{remedy}."
            )

    def _excluded(self, same: bool) -> bool:
        return same and not self.autapses


@final
class FixedInDegree(_FixedNumber):
    """Every target receives n synapses from sources drawn uniformly.

    n : int            synapses per target
    autapses : bool    also allow a neuron to connect to itself when pre and post are one population (default no)
    multapses : bool   draw with replacement, so that a pair may have several synapses (default: n distinct sources)

    Raises WiringError when n exceeds the sources there are and multapses are not allowed.
    """

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        self._fit(where, prod(pre))

    def synapses(self, n_pre: int, n_post: int, *, same: bool, random: np.random.Generator) -> Synapses:
        excluded = self._excluded(same)
        source = self._draw("synapses", n_post, n_pre - excluded, random)
        target = np.arange(n_post, dtype=np.int64)[:, None]
        if excluded:
            source += source >= target  # the target itself is stepped over
        pairs = np.sort((source * n_post + target).ravel())
        return from_pairs(*np.divmod(pairs, n_post), n_pre, n_post)


@final
class FixedOutDegree(_FixedNumber):
    """Every source makes n synapses onto targets drawn uniformly.

    n : int            synapses per source
    autapses : bool    also allow a neuron to connect to itself when pre and post are one population (default no)
    multapses : bool   draw with replacement, so that a pair may have several synapses (default: n distinct targets)

    Raises WiringError when n exceeds the targets there are and multapses are not allowed.
    """

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        self._fit(where, prod(post))

    def synapses(self, n_pre: int, n_post: int, *, same: bool, random: np.random.Generator) -> Synapses:
        excluded = self._excluded(same)
        target = self._draw("synapses", n_pre, n_post - excluded, random)
        source = np.arange(n_pre, dtype=np.int64)[:, None]
        if excluded:
            target += target >= source
        target.sort(axis=1)
        return from_pairs(np.repeat(source.ravel(), self.n), target.ravel(), n_pre, n_post)


@final
class FixedTotalNumber(_FixedNumber):
    """n synapses in all, between pairs drawn uniformly.

    n : int            synapses
    autapses : bool    also allow a neuron to connect to itself when pre and post are one population (default no)
    multapses : bool   draw with replacement, so that a pair may have several synapses (default: n distinct pairs)

    Raises WiringError when n exceeds the pairs there are and multapses are not allowed.
    """

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        self._fit(where, prod(pre) * prod(post))

    def synapses(self, n_pre: int, n_post: int, *, same: bool, random: np.random.Generator) -> Synapses:
        excluded = self._excluded(same)
        width = n_post - excluded
        pairs = np.sort(self._draw("synapses", 1, n_pre * width, random).ravel())
        source, target = np.divmod(pairs, max(width, 1))
        if excluded:
            target += target >= source
        return from_pairs(source, target, n_pre, n_post)
