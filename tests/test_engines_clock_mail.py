"""Input that arrives later, in the state of a clock run: what is saved, how little, and that it comes back."""

import numpy as np
import pytest

from snnsim.connect import FixedOutDegree, FromArrays
from snnsim.distributions import Uniform
from snnsim.engines.spiking import run_spiking
from snnsim.io.state import load_state, save_state
from snnsim.models.lif import LIF
from snnsim.models.lif_exp import LIFExp
from snnsim.models.poisson import PoissonSource
from snnsim.models.spike_array import SpikeArray
from snnsim.network import Network, Population, Projection


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("precision", ["double", "single"])
def test_what_is_saved_is_the_sum_of_what_arrives_in_each_step(threads, precision):
    burst, calm = Population("burst", 2, SpikeArray(times=[1.0, 1.0, 1.5], indices=[0, 1, 0])), Population("calm", 5, LIF())
    slow = Population("slow", 4, LIFExp())
    sources, targets, weights, delays = zip(
        (0, 0, 1.0, 0.5),  # has arrived when the run ends
        (0, 3, 2.0, 2.0),
        (1, 3, 4.0, 2.0),
        (0, 4, 0.5, 2.0),
        (1, 4, -0.5, 2.0),  # cancels the one above at first
        (0, 0, 0.0, 2.0),
        strict=True,
    )
    net = Network(
        Projection(burst, calm, FromArrays(sources, targets), weight=np.array(weights), delay=np.array(delays)),
        Projection(burst, slow, FromArrays([0, 0], [1, 2]), weight=np.array([-8.0, 16.0]), delay=np.array([2.0, 1.0])),
    )
    arrays = run_spiking(net, duration=2.0, dt=0.5, engine="clock", threads=threads, precision=precision).state.arrays
    # By step, beginning with the one that ends at 2.5 ms. Columns: 5 of calm; 4 excitatory and 4 inhibitory ones of slow.
    expected = [{7: 16.0}, {3: 6.0, 10: -8.0}, {3: 2.0, 4: 0.5, 10: -8.0}] + 5 * [{}]
    assert arrays["mail.each"].tolist() == [len(step) for step in expected]
    assert arrays["mail.column"].tolist() == [column for step in expected for column in step]
    assert arrays["mail.amount"].tolist() == [amount for step in expected for amount in step.values()]
    assert arrays["mail.amount"].dtype == {"double": np.float64, "single": np.float32}[precision]


def test_delays_of_a_second_leave_a_small_state_that_continues_on_other_threads(tmp_path):
    # The ring has 16,384 steps of 2,000 columns: 262 MB, nearly all of it zero.
    noise, cells = Population("noise", 100, PoissonSource(rate=20.0)), Population("cells", 1000, LIFExp())
    net = Network(
        Projection(noise, cells, FixedOutDegree(10), weight=800.0, delay=Uniform(low=0.1, high=1000.0, step=0.1)),
        Projection(noise, cells, FixedOutDegree(3), weight=-50.0, delay=Uniform(low=0.1, high=1000.0, step=0.1)),
    )
    run = {"engine": "clock", "record": {"cells": ["spikes", "v"]}}
    first = run_spiking(net, duration=100.0, threads=2, **run)
    posted = first.counts.total("synops")
    assert sum(array.nbytes for array in first.state.arrays.values()) < 12 * posted + 500_000
    assert len(first.state.arrays["mail.amount"]) > 0.8 * posted > 1000
    save_state(first.state, tmp_path / "state.npz")
    rest = run_spiking(net, duration=200.0, threads=1, start=load_state(tmp_path / "state.npz"), **run)
    whole = run_spiking(net, duration=300.0, **run)
    for name, array in whole.state.arrays.items():
        assert (array.dtype, array.tobytes()) == (rest.state.arrays[name].dtype, rest.state.arrays[name].tobytes()), name
    values = [piece.recordings["cells"]["v"].values for piece in (first, rest)]
    np.testing.assert_array_equal(np.concatenate(values), whole.recordings["cells"]["v"].values)
    assert len(rest.spikes["cells"]) > 10
