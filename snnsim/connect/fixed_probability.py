"""Every synapse independently, with one probability."""

from __future__ import annotations

from math import prod
from typing import final

import numpy as np

from snnsim.connect.base import Shape, Sparse, Synapses, own_targets, pairs
from snnsim.connect.rows import counted_rows
from snnsim.errors import ParameterError
from snnsim.units import check_bool, check_number


@final
class FixedProbability(Sparse):
    """Every possible synapse exists independently with probability p (a directed Erdos-Renyi graph).

    p : float         in [0, 1]
    autapses : bool   also allow a neuron to connect to itself (default no)

    A row draws its number of synapses, binomial, and then that many distinct targets: the same as a toss for every pair, at
    the cost of the synapses made.
    """

    def __init__(self, p: float, *, autapses: bool = False) -> None:
        number = check_number("FixedProbability.p", p, ge=0.0, le=1.0)
        if isinstance(number, np.ndarray):
            raise ParameterError(f"FixedProbability.p = {p!r} must be one number. Give a float.")
        self.p = number
        self.autapses = check_bool(f"{type(self).__name__}.autapses", autapses)

    def expected(self, pre: Shape, post: Shape, *, same: bool | np.ndarray) -> float:
        return self.p * pairs(False if self.autapses else same, prod(pre), prod(post))

    def synapses(self, n_pre: int, n_post: int, *, same: bool | np.ndarray, random: np.random.Generator) -> Synapses:
        own = own_targets(False if self.autapses else same, n_pre, n_post)
        return counted_rows(random.binomial(n_post - (own < n_post), self.p), n_post, own, random, repeat=False)
