"""Neuron i to neuron i."""

from __future__ import annotations

from math import prod
from typing import final

import numpy as np

from snnsim.connect.base import Shape, Sparse, Synapses, narrow
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

    def expected(self, pre: Shape, post: Shape, *, same: bool | np.ndarray) -> float:
        return float(prod(pre))

    def synapses(self, n_pre: int, n_post: int, *, same: bool | np.ndarray, random: np.random.Generator) -> Synapses:
        return Synapses(np.arange(n_pre + 1, dtype=np.int64), np.arange(n_pre, dtype=narrow(n_post)))
