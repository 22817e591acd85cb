"""Delivery into the delay ring."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim.compiler.spiking import compile_spiking
from snnsim.connect import FromArrays
from snnsim.engines.clock import delay_steps
from snnsim.engines.tables import build_wiring
from snnsim.kernels.deliver import deliver_spikes
from snnsim.models.lif import LIF
from snnsim.models.lif_exp import LIFExp
from snnsim.network import Network, Population, Projection

N_PRE, N_POST, SLOTS = 4, 5, 4


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("model", [LIF, LIFExp])
@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), step=st.integers(0, 99), n=st.integers(0, 30), uniform=st.booleans())
def test_delivery_is_a_dense_product_shifted_by_the_delay(compiled, model, seed, step, n, uniform):
    random = np.random.default_rng(seed)
    source, target = random.integers(N_PRE, size=n), random.integers(N_POST, size=n)
    delay = random.integers(1, SLOTS, size=n).astype(float)
    weight = np.full(n, -0.5) if uniform else random.normal(size=n)
    pre, post = Population("pre", N_PRE, LIF()), Population("post", N_POST, model())
    net = Network(Projection(pre, post, FromArrays(source, target), weight=-0.5 if uniform else weight, delay=delay))
    built = compile_spiking(net, seed=0, dt=1.0)
    channels = post.model.channels
    cells = SimpleNamespace(channels=np.array([1, channels]), size=np.array([N_PRE, N_POST]), input_first=np.array([0, N_PRE]))
    wiring = build_wiring(built, cells, delay_steps(built), np.int64)
    ring = np.zeros((SLOTS, N_PRE + channels * N_POST))
    fired = random.integers(0, 3, size=N_PRE)
    run = deliver_spikes if compiled else deliver_spikes.py_func
    events = np.array([np.arange(N_PRE), fired], dtype=np.int32)
    synops = run(wiring, 0, events, N_PRE, step, ring)

    dense = np.zeros((SLOTS, 2, N_PRE, N_POST))
    np.add.at(dense, (delay.astype(int), (weight < 0).astype(int) * (channels - 1), source, target), weight)
    expected = np.einsum("s,dcst->dct", fired, dense)[:, :channels].reshape(SLOTS, -1)
    np.testing.assert_allclose(np.roll(ring, -step, axis=0)[:, N_PRE:], expected, atol=1e-12)
    assert synops == np.sum(fired * np.bincount(source, minlength=N_PRE))
