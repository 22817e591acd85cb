"""Every synapse independently, with one probability."""

from __future__ import annotations

from typing import final

import numpy as np

from snnsim.connect.base import Sparse, Synapses, from_pairs
from snnsim.errors import ParameterError
from snnsim.units import check_bool, check_number


@final
class FixedProbability(Sparse):
    """Every possible synapse exists independently with probability p (a directed Erdos-Renyi graph).

    p : float         in [0, 1]
    autapses : bool   also allow a neuron to connect to itself (default no)

    The draw jumps over absent synapses by geometric gaps, so its cost is that of the synapses made, not of the pairs.
    """

    def __init__(self, p: float, *, autapses: bool = False) -> None:
        number = check_number("FixedProbability.p", p, ge=0.0, le=1.0)
        if isinstance(number, np.ndarray):
            raise ParameterError(f"FixedProbability.p = {p!r} must be one number. Give a float.")
        self.p = number
        self.autapses = check_bool(f"{type(self).__name__}.autapses", autapses)

    def synapses(self, n_pre: int, n_post: int, *, same: bool, random: np.random.Generator) -> Synapses:
        pairs = n_pre * n_post
        if self.p * pairs < 2.0**-60:  # no synapse in any run of any length, and logarithms that stay normal
            empty = np.empty(0, dtype=np.int64)
            return from_pairs(empty, empty, n_pre, n_post)
        chosen = np.arange(pairs, dtype=np.int64) if self.p == 1.0 else self._jump(pairs, random)
        source, target = np.divmod(chosen, n_post)
        if same and not self.autapses:
            keep = source != target
            source, target = source[keep], target[keep]
        return from_pairs(source, target, n_pre, n_post)

    def _jump(self, pairs: int, random: np.random.Generator) -> np.ndarray:
        expected = pairs * self.p
        chunk = int(expected + 6.0 * np.sqrt(expected) + 16.0)
        parts, last = [], -1
        while last < pairs:
            # 1 - random() lies in (0, 1], so its logarithm is finite.
            gaps = np.floor(np.log(1.0 - random.random(chunk)) / np.log1p(-self.p))
            places = last + np.cumsum(np.minimum(gaps, pairs).astype(np.int64) + 1)
            parts.append(places)
            last = int(places[-1])
        chosen = np.concatenate(parts)
        return chosen[chosen < pairs]
