"""Everyone to everyone."""

from __future__ import annotations

from typing import final

import numpy as np

from snnsim.connect.base import Sparse, Synapses, from_pairs
from snnsim.units import check_bool


@final
class AllToAll(Sparse):
    """Every pre neuron to every post neuron.

    autapses : bool   also connect a neuron to itself when pre and post are one population (default no)
    """

    def __init__(self, *, autapses: bool = False) -> None:
        self.autapses = check_bool(f"{type(self).__name__}.autapses", autapses)

    def synapses(self, n_pre: int, n_post: int, *, same: bool, random: np.random.Generator) -> Synapses:
        source = np.repeat(np.arange(n_pre, dtype=np.int64), n_post)
        target = np.tile(np.arange(n_post, dtype=np.int64), n_pre)
        if same and not self.autapses:
            keep = source != target
            source, target = source[keep], target[keep]
        return from_pairs(source, target, n_pre, n_post)
