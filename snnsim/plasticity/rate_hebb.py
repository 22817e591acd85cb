"""Hebb's rule of rates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from snnsim.plasticity.base import Synapses
from snnsim.plasticity.rates import RateRule


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class RateHebb(RateRule):
    r"""Plain Hebbian growth of rates, which only the bounds stop.

    .. math:: f = r_{pre} \, r_{post}

    Parameters of rates and bounds: `RateRule`.

    Source: Hebb (1949), The Organization of Behavior.
    """

    def drift(self, w: np.ndarray, pre: np.ndarray, post: np.ndarray, synapses: Synapses) -> np.ndarray:
        """Return the product of the rates."""
        return pre[synapses.source] * post[synapses.target]
