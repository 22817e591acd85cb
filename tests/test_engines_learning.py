"""Histories of postsynaptic spikes: as deep as they must be, and never too shallow without a word."""

from dataclasses import dataclass

import numpy as np
import pytest

import snnsim as sim
from snnsim.engines.lessons import HISTORY
from snnsim.engines.spiking import run_spiking
from snnsim.kernels._jit import kernel_with
from snnsim.kernels.layout import CLOCK_STEP
from snnsim.models.spiking import ClockForm, NeuronModel


@kernel_with(CLOCK_STEP)
def burst(step, state, coef, inputs, key, events, tally):
    """Let the last neuron fire coef[0, 0] times in step 3."""
    tally[1] += state.shape[1]
    if step != 3:
        return 0
    events[0, 0], events[1, 0] = state.shape[1] - 1, np.int32(coef[0, 0])
    return 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Bursting(NeuronModel):
    """A neuron that fires many times in one step."""

    times: int

    def clock_form(self, n, dt):
        return ClockForm(burst, np.zeros((1, n)), np.array([[float(self.times)]]))


def network(times):
    pre, post = sim.Population("pre", 1, sim.SpikeArray(times=[1.0, 9.0], indices=[0, 0])), sim.Population("post", 3, Bursting(times=times))
    rule = sim.PairSTDP(a_plus=1e-4, a_minus=0.0, mu_plus=1.0)
    return sim.Network(sim.Projection(pre, post, sim.AllToAll(), weight=0.5, plasticity=rule))


def test_as_many_spikes_as_a_history_holds_are_all_learned_from():
    weight = run_spiking(network(HISTORY), duration=20.0, engine="clock", dt=1.0).weights["pre -> post"]
    # The presynaptic spike was at the synapse at 1 ms, the burst is there at 5 ms.
    expected = 1.0 - 0.5 * (1.0 - 1e-4 * np.exp(-4.0 / 20.0)) ** HISTORY
    np.testing.assert_allclose(weight, [0.5, 0.5, expected], rtol=1e-12)


@pytest.mark.parametrize("times", [HISTORY + 1, 1000])
def test_more_spikes_at_once_than_a_history_holds_end_the_run_with_a_reason(times):
    with pytest.raises(
        sim.SimulationError, match=rf"pre -> post.* neuron of population 'post' made {times} spikes .* at most {HISTORY} .*Lower"
    ):
        run_spiking(network(times), duration=20.0, engine="clock", dt=1.0)
