"""Small networks for tests of what a run writes down."""

from __future__ import annotations

from typing import Any

import snnsim as sim


def noisy(live: Any = None, *, n: int = 40, rate: float = 900.0) -> sim.Network:
    """Return a noisy recurrent network; `live` is a model of `n` neurons that kick the cells one by one."""
    noise, cells = sim.Population("noise", n, sim.PoissonSource(rate=rate)), sim.Population("cells", n, sim.LIF())
    parts = [
        sim.Projection(noise, cells, sim.OneToOne(), weight=1.2),
        sim.Projection(cells, cells, sim.FixedProbability(0.2), weight=0.3, delay=1.5),
    ]
    if live is not None:
        parts.append(sim.Projection(sim.Population("live", n, live), cells, sim.OneToOne(), weight=30.0, delay=0.5))
    return sim.Network(*parts)
