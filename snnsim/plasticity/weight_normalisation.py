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
    r"""Scale the weights onto every target so that their sizes add up to a given total.

    .. math:: w_{ij} \to w_{ij} \, W / \sum_k |w_{kj}|

    A target whose weights are all 0 is left alone. Together with a rule of spikes, weights are put back within its bounds, and
    the total is then missed by what was cut.

    Source: Diehl & Cook (2015), Front. Comput. Neurosci. 9:99, sect. 2.4; von der Malsburg (1973), Kybernetik 14:85.
    """

    total: float = param(1.0, gt=0.0, doc="sum of the sizes of the weights onto a target, in their unit")
    interval: float = param(100.0, unit="ms", gt=0.0, doc="time between two normalisations")

    def act(self, synapses: Synapses) -> None:
        """Scale the weights in place."""
        sums = np.bincount(synapses.target, weights=np.abs(synapses.weight), minlength=synapses.n_post)
        factor = np.where(sums > 0.0, self.total / np.where(sums > 0.0, sums, 1.0), 1.0)
        synapses.weight[:] *= factor[synapses.target]
