"""Structural plasticity: weak synapses are pruned, and as many grow elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from snnsim.plasticity.base import StructuralRule, Synapses
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Rewiring(StructuralRule):
    """Prune synapses whose size is below a threshold, and let each target grow as many from sources it has no synapse from.

    A pruned synapse is lost with all it has learned. The new one comes from a source drawn uniformly, once per target, and begins
    with `weight`; a target that has synapses from all sources keeps its own. Every target keeps its number of synapses. Runs on
    the clock engine, where all synapses of the projection have one delay.

    Source: Butz & van Ooyen (2013), PLoS Comput. Biol. 9:e1003259, deletion and formation at fixed in-degree; Chklovskii, Mel &
    Svoboda (2004), Nature 431:782, for the pruning of weak synapses.
    """

    threshold: float = param(0.05, gt=0.0, doc="synapses of a smaller size are pruned, in the unit of the weight")
    weight: float = param(0.1, doc="weight of a new synapse")
    interval: float = param(1_000.0, unit="ms", gt=0.0, doc="time between two rewirings")

    def move(self, synapses: Synapses, random: np.random.Generator, *, recurrent: bool) -> np.ndarray:
        """Move weak synapses in place, target by target."""
        weak = np.abs(synapses.weight) < self.threshold
        order = np.argsort(synapses.target, kind="stable")
        bounds = np.searchsorted(synapses.target[order], np.arange(synapses.n_post + 1))
        for target in np.unique(synapses.target[weak]).tolist():
            onto = order[bounds[target] : bounds[target + 1]]
            free = np.ones(synapses.n_pre, dtype=bool)
            free[synapses.source[onto]] = False
            if recurrent:
                free[target] = False
            sources, pruned = np.flatnonzero(free), onto[weak[onto]]
            weak[pruned[len(sources) :]] = False
            pruned = pruned[: len(sources)]
            synapses.source[pruned] = random.choice(sources, len(pruned), replace=False)
        synapses.weight[weak] = self.weight
        return weak
