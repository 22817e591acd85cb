"""Everyone to everyone."""

from __future__ import annotations

from math import prod
from typing import final

import numpy as np

from snnsim.connect.base import Shape, Sparse, Synapses, own_targets, pairs
from snnsim.connect.rows import all_rows
from snnsim.units import check_bool


@final
class AllToAll(Sparse):
    """Every pre neuron to every post neuron.

    autapses : bool   also connect a neuron to itself when pre and post are one population (default no)
    """

    def __init__(self, *, autapses: bool = False) -> None:
        self.autapses = check_bool(f"{type(self).__name__}.autapses", autapses)

    def expected(self, pre: Shape, post: Shape, *, same: bool | np.ndarray) -> float:
        return pairs(False if self.autapses else same, prod(pre), prod(post))

    def synapses(self, n_pre: int, n_post: int, *, same: bool | np.ndarray, random: np.random.Generator) -> Synapses:
        return all_rows(n_post, own_targets(False if self.autapses else same, n_pre, n_post))
