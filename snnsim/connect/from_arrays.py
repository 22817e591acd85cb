"""Synapses listed by the user."""

from __future__ import annotations

from math import prod
from typing import final

import numpy as np

from snnsim.connect.base import Shape, Sparse, Synapses, from_pairs
from snnsim.errors import ParameterError, WiringError
from snnsim.units import as_integers


@final
class FromArrays(Sparse):
    """Synapses listed by the user.

    source, target : int[n_synapses]   indices into the flattened pre and post populations
    Array weights and delays of the projection follow the same order.

    Raises ParameterError for arrays of different length or not of integers, WiringError for an index out of range.
    """

    def __init__(self, source: np.ndarray, target: np.ndarray) -> None:
        self.source, self.target = (
            as_integers(f"FromArrays.{name}", values, low=-(2**62), high=2**62) for name, values in (("source", source), ("target", target))
        )
        for name, array in (("source", self.source), ("target", self.target)):
            if array.ndim != 1:
                raise ParameterError(f"FromArrays.{name} has shape {array.shape} but must be a list of indices.")
            array.flags.writeable = False
        if len(self.source) != len(self.target):
            raise ParameterError(
                f"FromArrays: source has {len(self.source)} and target {len(self.target)} entries; each synapse needs one of both."
            )

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        for name, index, size in (("source", self.source, prod(pre)), ("target", self.target, prod(post))):
            bad = index[(index < 0) | (index >= size)]
            if bad.size:
                raise WiringError(f"{where}: FromArrays.{name} holds {bad[0]} but must lie in 0 .. {size - 1}. Correct the index.")

    def expected(self, pre: Shape, post: Shape, *, same: bool | np.ndarray) -> float:
        return float(len(self.source))

    def synapses(self, n_pre: int, n_post: int, *, same: bool | np.ndarray, random: np.random.Generator) -> Synapses:
        entry = np.lexsort((self.target, self.source))
        return from_pairs(self.source[entry], self.target[entry], n_pre, n_post, entry)
