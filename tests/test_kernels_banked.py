"""The bank against a sum over all spikes, over many of its epochs."""

import numpy as np
import pytest
from pairing_reference import scripted

import snnsim as sim
from snnsim.engines.spiking import run_spiking


@pytest.mark.parametrize("delay", ["dendritic", "axonal"])
def test_rounding_stays_below_1e_12_of_what_was_learned_over_many_epochs(delay):
    # 400 epochs of ten time constants; many pairs of neurons, so that some spikes fall on the last steps of an epoch.
    pairs, duration, tau = 50, 20_000.0, 5.0
    random = np.random.default_rng(1)
    pre, post = ((random.integers(10, int(2 * duration) - 20, 200 * pairs) / 2, random.integers(pairs, size=200 * pairs)) for _ in range(2))
    post = np.unique(np.stack(post), axis=1)
    post = post[0], post[1].astype(int)
    each = np.arange(pairs)
    rule = sim.Hebb(eta=0.01, tau_pre=tau, tau_post=tau, w_max=1e3, delay=delay)
    net = scripted(pairs, pairs, pre, post, each, each, 0.0, 3.0, rule)
    weights = run_spiking(net, duration=duration, engine="clock", dt=0.5).weights["pre -> post"]
    for k in each:
        x, y = pre[0][pre[1] == k], post[0][post[1] == k]
        lag = (y[:, None] - x[None, :]) + (3.0 if delay == "dendritic" else -3.0)
        counted = lag != 0.0 if delay == "dendritic" else np.full(lag.shape, True)
        expected = 0.01 * np.exp(-np.abs(lag[counted]) / tau).sum()
        assert weights[k] == pytest.approx(expected, rel=1e-12)
