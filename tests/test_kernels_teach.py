"""What a look at the weights at the end of a clock run includes."""

import numpy as np
import pytest
from spike_pairs import scripted

from snnsim.engines.spiking import run_spiking
from snnsim.plasticity.pair_stdp import PairSTDP


@pytest.mark.parametrize("pairing", ["all_to_all", "nearest_pre_centred"])  # from a bank, and replayed
def test_a_postsynaptic_spike_at_the_very_end_counts_behind_an_axonal_delay(pairing):
    rule = PairSTDP(a_plus=0.1, tau_plus=20.0, pairing=pairing, delay="axonal")
    net = scripted(1, 1, ([2.0], [0]), ([8.0], [0]), [0], [0], 0.5, 1.0, rule)
    weight = run_spiking(net, duration=8.0, engine="clock", dt=0.5).weights["pre -> post"][0]
    assert weight == pytest.approx(0.5 + 0.1 * np.exp(-5.0 / 20.0), rel=1e-12)
