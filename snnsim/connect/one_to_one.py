"""Neuron i to neuron i."""

from __future__ import annotations

from math import prod
from typing import final

import numpy as np

from snnsim.connect.base import Shape, Sparse, Synapses, from_pairs
from snnsim.errors import WiringError


@final
class OneToOne(Sparse):
    """Neuron i of the pre population to neuron i of the post population. Also joins integer units.

    Raises WiringError when the two populations have different sizes.
    """

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        if prod(pre) != prod(post):
            raise WiringError(
                f"{where}: OneToOne joins {prod(pre)} to {prod(post)} units; both sides need the same number. "
                "Use AllToAll, FixedProbability or FromArrays."
            )

    def synapses(self, n_pre: int, n_post: int, *, same: bool, random: np.random.Generator) -> Synapses:
        index = np.arange(n_pre, dtype=np.int64)
        return from_pairs(index, index, n_pre, n_post)
