"""A fixed number of synapses: into each target, out of each source, or in all."""

from __future__ import annotations

from math import prod
from typing import final

import numpy as np

from snnsim.connect.base import Shape, Sparse, Synapses, own_targets
from snnsim.connect.rows import counted_rows, transposed
from snnsim.errors import WiringError
from snnsim.units import check_bool, check_integer


class _FixedNumber(Sparse):
    """What the three rules share: a number, and whether a pair may repeat or a neuron meet itself."""

    def __init__(self, n: int, *, autapses: bool = False, multapses: bool = False) -> None:
        owner = type(self).__name__
        self.n = check_integer(f"{owner}.n", n, low=0)
        self.autapses = check_bool(f"{owner}.autapses", autapses)
        self.multapses = check_bool(f"{owner}.multapses", multapses)

    def _fit(self, where: str, room: int) -> None:
        if self.n > room and not (self.multapses and room):
            remedy = "" if self.multapses or not room else ", or allow multapses"
            raise WiringError(
                f"{where}{type(self).__name__}.n = {self.n} must be <= {room}, the pairs there are to choose from. "
                f"Choose a smaller n{remedy}."
            )

    def _own(self, same: bool | np.ndarray, n_pre: int, n_post: int) -> np.ndarray:
        return own_targets(False if self.autapses else same, n_pre, n_post)


@final
class FixedInDegree(_FixedNumber):
    """Every target receives n synapses from sources drawn uniformly.

    n : int            synapses per target
    autapses : bool    also allow a neuron to connect to itself when pre and post are one population (default no)
    multapses : bool   draw with replacement, so that a pair may have several synapses (default: n distinct sources)

    Raises WiringError when n exceeds the sources there are and multapses are not allowed.
    """

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        self._fit(f"{where}: ", prod(pre))

    def expected(self, pre: Shape, post: Shape, *, same: bool | np.ndarray) -> float:
        return float(self.n) * prod(post)

    def synapses(self, n_pre: int, n_post: int, *, same: bool | np.ndarray, random: np.random.Generator) -> Synapses:
        own = self._own(same, n_pre, n_post)
        avoided = np.full(n_post, n_pre, dtype=np.int64)  # the same from the side of the targets
        avoided[own[own < n_post]] = np.flatnonzero(own < n_post)
        self._fit("", n_pre - bool(np.any(own < n_post)))
        sources = counted_rows(np.full(n_post, self.n), n_pre, avoided, random, repeat=self.multapses)
        return transposed(sources.target, self.n, n_pre, n_post)


@final
class FixedOutDegree(_FixedNumber):
    """Every source makes n synapses onto targets drawn uniformly.

    n : int            synapses per source
    autapses : bool    also allow a neuron to connect to itself when pre and post are one population (default no)
    multapses : bool   draw with replacement, so that a pair may have several synapses (default: n distinct targets)

    Raises WiringError when n exceeds the targets there are and multapses are not allowed.
    """

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        self._fit(f"{where}: ", prod(post))

    def expected(self, pre: Shape, post: Shape, *, same: bool | np.ndarray) -> float:
        return float(self.n) * prod(pre)

    def synapses(self, n_pre: int, n_post: int, *, same: bool | np.ndarray, random: np.random.Generator) -> Synapses:
        own = self._own(same, n_pre, n_post)
        self._fit("", n_post - bool(np.any(own < n_post)))
        return counted_rows(np.full(n_pre, self.n), n_post, own, random, repeat=self.multapses)


@final
class FixedTotalNumber(_FixedNumber):
    """n synapses in all, between pairs drawn uniformly.

    n : int            synapses
    autapses : bool    also allow a neuron to connect to itself when pre and post are one population (default no)
    multapses : bool   draw with replacement, so that a pair may have several synapses (default: n distinct pairs)

    Raises WiringError when n exceeds the pairs there are and multapses are not allowed.
    """

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        self._fit(f"{where}: ", prod(pre) * prod(post))

    def expected(self, pre: Shape, post: Shape, *, same: bool | np.ndarray) -> float:
        return float(self.n)

    def synapses(self, n_pre: int, n_post: int, *, same: bool | np.ndarray, random: np.random.Generator) -> Synapses:
        own = self._own(same, n_pre, n_post)
        width = n_post - (own < n_post)
        self._fit("", int(width.sum()))
        share = multinomial if self.multapses else hypergeometric
        return counted_rows(share(self.n, width, random), n_post, own, random, repeat=self.multapses)


def multinomial(n: int, width: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return how many of n independent uniform pairs fall into each row of `width` pairs, int64[n_rows]."""
    return random.multinomial(n, width / width.sum()) if n else np.zeros(len(width), dtype=np.int64)


def hypergeometric(n: int, width: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return how many of n distinct uniform pairs fall into each row of `width` pairs, int64[n_rows].

    Every pair is taken with probability n / pairs, and then as many uniform ones are taken out or added as there are too
    many or too few: some sqrt(n). A uniform subset stays one, and is drawn exactly at any size.
    """
    pairs = int(width.sum())
    count = random.binomial(width, n / pairs) if pairs else np.zeros(len(width), dtype=np.int64)
    excess = int(count.sum()) - n
    pool = count if excess > 0 else width - count
    which = random.choice(int(pool.sum()), abs(excess), replace=False, shuffle=False)
    moved = np.bincount(np.searchsorted(np.cumsum(pool), which, side="right"), minlength=len(width))
    return count - np.sign(excess) * moved
