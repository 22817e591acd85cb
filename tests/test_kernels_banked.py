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


STDP = {"a_plus": 0.02, "a_minus": 0.018, "w_max": 4.0}


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(
    "rule",
    [
        lambda: sim.PairSTDP(**STDP),
        lambda: sim.PairSTDP(**STDP, pairing="nearest_symmetric", delay="axonal"),
        lambda: sim.TripletSTDP(w_max=4.0),
        lambda: [sim.PairSTDP(**STDP, tau_plus=2.1, tau_minus=1.7), sim.WeightNormalisation(total=40.0, interval=15.0)],
    ],
    ids=["pair", "nearest, axonal", "triplet", "opened anew often"],
)
@pytest.mark.parametrize("model", [lambda: sim.LIF(tau_m=15.0, v_th=-58.0), lambda: sim.LIFExp(v_th=-58.0)], ids=["one channel", "two"])
def test_synapses_in_a_row_learn_as_scattered_ones_do(model, rule, sign):
    n_pre, n_post, gap = 40, 30, 17
    random = np.random.default_rng(4)
    step, neuron = np.nonzero(random.random((300, n_pre)) < 0.05)
    # Some fire twice in a step.
    step, neuron = np.append(step, step[::7]), np.append(neuron, neuron[::7])
    weight = sign * random.uniform(0.0, 3.0, (n_pre, n_post))
    scale = 60.0 if isinstance(model(), sim.LIFExp) else 1.0

    def run(size, connector, weights, drive, threads):
        x = sim.Population("x", n_pre, sim.SpikeArray(times=step + 1.0, indices=neuron))
        cells, noise = sim.Population("cells", size, model()), sim.Population("noise", n_post, sim.PoissonSource(rate=300.0))
        plastic = sim.Projection(x, cells, connector, weight=weights.ravel(), delay=2.0, plasticity=rule())
        net = sim.Network(plastic, sim.Projection(noise, cells, drive, weight=25.0 * scale, delay=1.0))
        result = sim.simulate(net, 300.0, dt=1.0, engine="clock", threads=threads)
        return result.weights["x -> cells"].reshape(n_pre, n_post), result.spikes["cells"]

    each = np.arange(n_post)
    with_gap = each + (each >= gap)
    scattered = sim.FromArrays(np.repeat(np.arange(n_pre), n_post), np.tile(with_gap, n_pre))
    apart, spikes = run(n_post + 1, scattered, weight, sim.FromArrays(each, with_gap), 1)
    assert len(spikes.times) > 50 and np.abs(apart - weight).max() > 0.01
    for threads in (1, 2):
        together, also = run(n_post, sim.AllToAll(), weight, sim.OneToOne(), threads)
        assert np.array_equal(together, apart)
        assert np.array_equal(also.times, spikes.times) and np.array_equal(with_gap[also.indices], spikes.indices)
