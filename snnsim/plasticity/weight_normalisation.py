"""Normalisation of the weights onto a target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from snnsim.plasticity.base import IntervalRule, Synapses
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class WeightNormalisation(IntervalRule):
    r"""Scale the weights onto every target to a given norm: the sum of their sizes, or the length of their vector.

    .. math:: w_{ij} \to w_{ij} \, W \Big/ \Big(\sum_k |w_{kj}|^p\Big)^{1/p}

    norm : p, 1 (the sum of the sizes is W) or any other number >= 1; 2 is the Euclidean length

    A target whose weights are all 0 is left alone. Together with a rule of spikes, weights are put back within its bounds, and
    the total is then missed by what was cut.

    Source: Diehl & Cook (2015), Front. Comput. Neurosci. 9:99, sect. 2.4, and von der Malsburg (1973), Kybernetik 14:85, for
    p = 1; Oja (1982), J. Math. Biol. 15:267, eq. 2, for p = 2.
    """

    total: float = param(1.0, gt=0.0, doc="norm of the weights onto a target, in their unit")
    norm: float = param(1.0, ge=1.0, doc="exponent of the norm")
    interval: float = param(100.0, unit="ms", gt=0.0, doc="time between two normalisations")

    def act(self, synapses: Synapses) -> None:
        """Scale the weights in place."""
        from snnsim.kernels.scale import add_sizes, scale

        powers = np.zeros(synapses.n_post)
        add_sizes(synapses.target, synapses.weight, self.norm, powers)
        norms = powers ** (1.0 / self.norm)
        scale(synapses.target, np.where(norms > 0.0, self.total / np.where(norms > 0.0, norms, 1.0), 1.0), synapses.weight)
