"""What inhibitory plasticity is for: targets come to fire at the rate asked for. Its updates are held in test_plasticity_rules.py."""

import numpy as np
import pytest

from snnsim.connect import AllToAll, OneToOne
from snnsim.engines.spiking import run_spiking
from snnsim.models.lif import LIF
from snnsim.models.poisson import PoissonSource
from snnsim.network import Network, Population, Projection
from snnsim.plasticity.inhibitory_stdp import InhibitorySTDP


@pytest.mark.parametrize("rho_0", [5.0, 12.0])
def test_targets_of_a_strong_drive_come_to_fire_at_the_rate_asked_for(rho_0):
    drive, inhibition = Population("drive", 20, PoissonSource(rate=4000.0)), Population("inhibition", 100, PoissonSource(rate=20.0))
    cells, rule = Population("cells", 20, LIF()), InhibitorySTDP(eta=5e-3, rho_0=rho_0, w_max=5.0)
    net = Network(
        Projection(drive, cells, OneToOne(), weight=0.35, delay=1.0),
        Projection(inhibition, cells, AllToAll(), weight=0.0, delay=1.0, plasticity=rule),
    )
    run = {"engine": "clock", "dt": 0.5, "seed": 1, "record": {"cells": ["spikes"]}}
    before = run_spiking(net, duration=500.0, **run)
    learned = run_spiking(net, duration=9_500.0, start=before.state, **run)
    after = run_spiking(net, duration=20_000.0, start=learned.state, **run)
    assert len(before.spikes["cells"]) / 20 / 0.5 > 3.0 * rho_0
    assert len(after.spikes["cells"]) / 20 / 20.0 == pytest.approx(rho_0, rel=0.1)
    assert np.all(after.weights["inhibition -> cells"] <= 0.0)
