"""Rules that act at intervals, recorded weights, and learning switched on and off."""

from dataclasses import dataclass, field

import numpy as np
import pytest

import snnsim as sim
from snnsim.engines.spiking import run_spiking
from snnsim.plasticity.base import StructuralRule

ENGINES = ("clock", "event")


def network(plasticity, n=30, m=10, rate=40.0, weight=0.6, delay=1.0):
    source = sim.Population("source", n, sim.PoissonSource(rate=rate))
    cells = sim.Population("cells", m, sim.LIF(v_rest=0.0, v_reset=0.0, v_th=5.0, t_ref=2.0))
    return sim.Network(sim.Projection(source, cells, sim.FixedProbability(0.5), weight=weight, delay=delay, plasticity=plasticity))


def synapses(net):
    from snnsim.compiler.spiking import compile_spiking

    part = compile_spiking(net, seed=0, dt=0.5).projections[0]
    return np.repeat(np.arange(len(part.row_ptr) - 1), part.fan_out), part.target.astype(int)


@pytest.mark.parametrize("engine", ENGINES)
def test_normalisation_keeps_the_total_onto_every_target(engine):
    net = network([sim.PairSTDP(a_plus=0.05, a_minus=0.02, w_max=5.0), sim.WeightNormalisation(total=4.0, interval=50.0)])
    result = run_spiking(net, duration=200.0, engine=engine, dt=0.5)
    _, target = synapses(net)
    weight = result.weights["source -> cells"]
    np.testing.assert_allclose(np.bincount(target, weights=weight), 4.0, rtol=0.1)  # spikes under way have learned since
    assert np.ptp(weight) > 0.05
    between = run_spiking(net, duration=240.0, engine=engine, dt=0.5).weights["source -> cells"]
    assert not np.allclose(np.bincount(target, weights=between), 4.0, rtol=0.001)


def test_normalisation_alone_scales_once_and_is_counted():
    net = network(sim.WeightNormalisation(total=4.0, interval=50.0))
    result = run_spiking(net, duration=199.0, engine="clock", dt=0.5)
    _, target = synapses(net)
    np.testing.assert_allclose(result.weights["source -> cells"], 4.0 / np.bincount(target)[target], rtol=1e-12)
    assert result.counts.layers["source -> cells"]["plasticity_updates"] == 3 * len(target)


@pytest.mark.parametrize("norm", [1.0, 2.0, 3.5])
def test_normalisation_gives_every_target_the_norm_asked_for_and_keeps_directions(norm):
    source = sim.Population("source", 3, sim.PoissonSource(rate=1.0))
    cells = sim.Population("cells", 3, sim.LIF())
    weight = np.array([[3.0, -1.0, 0.0], [4.0, 2.0, 0.0], [0.0, -2.0, 0.0]])
    rule = sim.WeightNormalisation(total=5.0, norm=norm, interval=10.0)
    net = sim.Network(sim.Projection(source, cells, sim.AllToAll(), weight=weight.ravel(), plasticity=rule))
    after = run_spiking(net, duration=10.0, engine="clock", dt=0.5).weights["source -> cells"].reshape(3, 3)
    expected = weight[:, :2] * 5.0 / np.linalg.norm(weight[:, :2], ord=norm, axis=0)
    np.testing.assert_allclose(after[:, :2], expected, rtol=1e-12)
    np.testing.assert_array_equal(after[:, 2], 0.0)  # nothing to scale


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "rule",
    [
        [sim.PairSTDP(a_plus=0.02, a_minus=0.02, w_max=2.0), sim.SynapticScaling(rate=20.0, beta=0.5, interval=20.0)],
        [sim.PairSTDP(a_plus=0.02, a_minus=0.02, mu_plus=0.4, w_max=2.0), sim.WeightNormalisation(total=8.0, interval=20.0)],
        sim.RateOja(eta=1e-4),
        sim.RateBCM(eta=1e-5),
    ],
)
def test_pieces_have_the_bits_of_one_run(engine, rule):
    net, more = network(rule), {"engine": engine, "dt": 0.5}
    whole = run_spiking(net, duration=200.0, **more)
    pieces, state = [], None
    for duration in (7.0, 60.0, 53.0, 80.0):
        result = run_spiking(net, duration=duration, start=state, **more)
        state = result.state
        pieces.append(result)
    np.testing.assert_array_equal(whole.weights["source -> cells"], result.weights["source -> cells"])
    for name, array in whole.state.arrays.items():
        np.testing.assert_array_equal(array, state.arrays[name], err_msg=name)
    counts = sum((piece.counts for piece in pieces[1:]), pieces[0].counts)
    assert counts.to_dict()["source -> cells"] == whole.counts.to_dict()["source -> cells"]


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit(threads):
    rules = [sim.PairSTDP(a_plus=0.02, a_minus=0.02, w_max=2.0), sim.SynapticScaling(rate=20.0, beta=0.5, interval=20.0)]
    net = network(rules, n=60, m=40)
    record = {"source -> cells": sim.Record("weight", every=10.0)}
    one, other = (run_spiking(net, duration=100.0, engine="clock", threads=k, record=record) for k in (1, threads))
    np.testing.assert_array_equal(one.weights["source -> cells"], other.weights["source -> cells"])
    first, second = (result.recordings["source -> cells"]["weight"].values for result in (one, other))
    np.testing.assert_array_equal(first, second)
    assert len(first) == 10


def test_rates_are_low_passed_counts_and_weights_follow_the_drift():
    rule = sim.RateHebb(eta=1e-4, tau=50.0, interval=10.0, w_max=10.0)
    times, indices = np.array([3.0, 12.0, 14.0, 33.0]), np.array([0, 1, 1, 0])
    source = sim.Population("source", 2, sim.SpikeArray(times=times, indices=indices))
    cells = sim.Population("cells", 1, sim.LIF(v_rest=0.0, v_reset=0.0, v_th=5.0, t_ref=0.0))
    net = sim.Network(sim.Projection(source, cells, sim.AllToAll(), weight=6.0, delay=1.0, plasticity=rule))
    result = run_spiking(net, duration=50.0, engine="event")
    pre, post, w, keep = np.zeros(2), 0.0, np.full(2, 6.0), np.exp(-10.0 / 50.0)
    for k in range(5):
        count = np.array([np.sum((times > 10 * k) & (times <= 10 * k + 10) & (indices == i)) for i in (0, 1)])
        fired = np.sum((times + 1.0 > 10 * k) & (times + 1.0 <= 10 * k + 10))
        pre, post = keep * pre + (1 - keep) * count * 100.0, keep * post + (1 - keep) * fired * 100.0
        w = np.minimum(w + 1e-4 * 0.01 * pre * post, 10.0)
    np.testing.assert_allclose(result.weights["source -> cells"], w, rtol=1e-12)


def by_hand(rule, times, indices, step):
    """Weights of two sources onto one cell that fires 1 ms after each of them, after five intervals of 10 ms."""
    pre, post, w, held, keep = np.zeros(2), 0.0, np.full(2, 6.0), {}, np.exp(-10.0 / rule.tau)
    for k in range(5):
        count = np.array([np.sum((times > 10 * k) & (times <= 10 * k + 10) & (indices == i)) for i in (0, 1)])
        fired = np.sum((times + 1.0 > 10 * k) & (times + 1.0 <= 10 * k + 10))
        pre, post = keep * pre + (1 - keep) * count * 100.0, keep * post + (1 - keep) * fired * 100.0
        w = w + rule.eta * 0.01 * step(rule, w, pre, post, held)
    return w


def covariance(rule, w, pre, post, held):
    keep = np.exp(-10.0 / rule.tau_mean)
    held["pre"] = keep * held.get("pre", 0.0) + (1 - keep) * pre
    held["post"] = keep * held.get("post", 0.0) + (1 - keep) * post
    return (pre - held["pre"]) * (post - (held["post"] if rule.theta_post is None else rule.theta_post))


def oja(rule, w, pre, post, held):
    y = post - rule.theta_post
    return y * (pre - rule.theta_pre) - rule.alpha * y * y * w


def bcm(rule, w, pre, post, held):
    theta, keep = held.get("theta", rule.r_0), np.exp(-10.0 / rule.tau_theta)
    held["theta"] = keep * theta + (1 - keep) * post**2 / rule.r_0
    return pre * post * (post - theta)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("rule", "step"),
    [
        (sim.RateCovariance(eta=1e-4, tau=50.0, tau_mean=200.0), covariance),
        (sim.RateCovariance(eta=1e-4, tau=50.0, tau_mean=200.0, theta_post=30.0), covariance),
        (sim.RateOja(eta=1e-5, tau=50.0, alpha=0.5, theta_pre=0.0, theta_post=0.0), oja),
        (sim.RateBCM(eta=1e-6, tau=50.0, r_0=20.0, tau_theta=100.0, w_max=10.0), bcm),
    ],
)
def test_rules_of_rates_follow_their_drift(engine, rule, step):
    times, indices = np.array([3.0, 12.0, 14.0, 33.0]), np.array([0, 1, 1, 0])
    source = sim.Population("source", 2, sim.SpikeArray(times=times, indices=indices))
    cells = sim.Population("cells", 1, sim.LIF(v_rest=0.0, v_reset=0.0, v_th=5.0, t_ref=0.0))
    net = sim.Network(sim.Projection(source, cells, sim.AllToAll(), weight=6.0, delay=1.0, plasticity=rule))
    weights = run_spiking(net, duration=50.0, engine=engine).weights["source -> cells"]
    expected = by_hand(rule, times, indices, step)
    assert np.all(expected > 5.0) and np.ptp(expected) > 1e-6  # the cell fires at every spike; the weights part
    np.testing.assert_allclose(weights, expected, rtol=1e-12)


@pytest.mark.parametrize("rule", [sim.RateOja, sim.RateSanger])
def test_rates_about_a_zero_start_at_it(rule):
    learning = rule(eta=1e-3, tau=50.0, interval=10.0, alpha=0.1, theta_pre=80.0, theta_post=150.0)
    times = np.array([3.0, 12.0, 14.0, 33.0])
    source = sim.Population("source", 1, sim.SpikeArray(times=times, indices=np.zeros(4, dtype=int)))
    cells = sim.Population("cells", 1, sim.LIF(v_rest=0.0, v_reset=0.0, v_th=5.0, t_ref=0.0))
    net = sim.Network(sim.Projection(source, cells, sim.AllToAll(), weight=6.0, delay=1.0, plasticity=learning))
    result = run_spiking(net, duration=50.0, engine="event")
    x, y, w, keep = 0.0, 0.0, 6.0, np.exp(-10.0 / 50.0)
    for k in range(5):
        count, fired = (np.sum((at > 10 * k) & (at <= 10 * k + 10)) for at in (times, times + 1.0))
        x, y = keep * x + (1 - keep) * (100.0 * count - 80.0), keep * y + (1 - keep) * (100.0 * fired - 150.0)
        w += 1e-3 * 0.01 * y * (x - 0.1 * y * w)
    np.testing.assert_allclose(result.weights["source -> cells"], w, rtol=1e-12)


def test_sanger_sees_the_sum_over_the_targets_before():
    rule = sim.RateSanger(eta=1.0, alpha=0.5)
    source, target = np.array([0, 0, 0, 1, 2, 2]), np.array([0, 1, 2, 1, 0, 2])
    w, pre, post = np.arange(1.0, 7.0), np.array([3.0, 5.0, 7.0]), np.array([2.0, 4.0, 6.0])
    from snnsim.plasticity.base import Synapses

    got = rule.drift(w, pre, post, Synapses(source, target, w, 3, 3, pre, post, {}))
    expected = [
        post[j] * (pre[i] - 0.5 * sum(w[m] * post[target[m]] for m in range(6) if source[m] == i and target[m] <= j))
        for i, j in zip(source, target, strict=True)
    ]
    np.testing.assert_allclose(got, expected)


def test_scaling_brings_neurons_to_their_rate():
    net = network(sim.SynapticScaling(rate=20.0, beta=1.0, tau=500.0), weight=0.3, n=100)
    first = run_spiking(net, duration=20_000.0, engine="clock", dt=0.5)
    after = run_spiking(net, duration=20_000.0, engine="clock", dt=0.5, start=first.state)
    np.testing.assert_allclose(after.spikes["cells"].rates(), 20.0, rtol=0.1)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", [sim.PairSTDP(a_plus=0.05, a_minus=0.02), sim.PairSTDP(a_plus=0.05, a_minus=0.02, mu_plus=1.0)])
def test_learning_switched_off_keeps_the_weights_and_switched_on_again_goes_on(engine, rule):
    net, more = network(rule), {"engine": engine, "dt": 0.5}
    learned = run_spiking(net, duration=100.0, **more)
    off = run_spiking(net, duration=100.0, start=learned.state, learning=False, **more)
    name = "source -> cells"
    np.testing.assert_array_equal(off.weights[name], learned.weights[name])
    assert off.counts.layers[name].get("plasticity_updates", 0) == 0 and len(off.spikes["cells"])
    still = run_spiking(net, duration=50.0, start=off.state, learning=[], **more)
    np.testing.assert_array_equal(still.weights[name], off.weights[name])
    on = run_spiking(net, duration=50.0, start=still.state, learning=[name], **more)
    assert np.abs(on.weights[name] - off.weights[name]).max() > 0.01


@pytest.mark.parametrize("rule", [sim.PairSTDP(a_plus=0.0, a_minus=0.0), sim.PairSTDP(a_plus=0.0, a_minus=0.0, mu_plus=1.0)])
@pytest.mark.parametrize("learned", [True, False])
def test_a_rule_that_changes_no_weight_changes_no_spike_when_it_is_switched_on_or_off(rule, learned):
    # A run that learns keeps the spikes of two delays, one that does not those of one.
    noise, cells = sim.Population("noise", 40, sim.PoissonSource(rate=500.0)), sim.Population("cells", 40, sim.LIF(t_ref=2.0))
    net = sim.Network(
        sim.Projection(noise, cells, sim.OneToOne(), weight=3.0),
        sim.Projection(cells, cells, sim.FixedProbability(0.3), weight=0.75, delay=5.0, plasticity=rule),
    )
    first = run_spiking(net, duration=60.0, engine="clock", dt=0.5, threads=2, learning=learned)
    more = {"duration": 60.0, "engine": "clock", "dt": 0.5, "start": first.state}
    on, off = (run_spiking(net, learning=learning, threads=threads, **more) for learning, threads in ((True, 1), (False, 2)))
    assert len(on.spikes["cells"]) > 50
    np.testing.assert_array_equal(off.spikes["cells"].times, on.spikes["cells"].times)
    np.testing.assert_array_equal(off.spikes["cells"].indices, on.spikes["cells"].indices)


@pytest.mark.parametrize("engine", ENGINES)
def test_recorded_weights_are_those_a_run_to_that_time_returns(engine, tmp_path):
    pytest.importorskip("h5py")
    net, more = network(sim.PairSTDP(a_plus=0.05, a_minus=0.02), delay=3.0), {"engine": engine, "dt": 0.5}
    record = {"source -> cells": sim.Record("weight", every=25.0, neurons=[5, 2], start=25.0, stop=80.0), "cells": "spikes"}
    result = run_spiking(net, duration=100.0, record=record, **more)
    taken = result.recordings["source -> cells"]["weight"]
    np.testing.assert_array_equal(taken.times, [50.0, 75.0])
    for time, values in zip(taken.times, taken.values, strict=True):
        np.testing.assert_array_equal(values, run_spiking(net, duration=time, **more).weights["source -> cells"][[5, 2]])
    streamed = run_spiking(net, duration=100.0, record=record, stream=tmp_path / "run.h5", **more)
    np.testing.assert_array_equal(streamed.recordings["source -> cells"]["weight"].values, taken.values)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"learning": "source -> cells"}, "must be True, False or a list"),
        ({"learning": ["cells -> source"]}, "plastic projection"),
        ({"record": {"source -> cells": "weight"}}, r'must be one Record\("weight", every=\.\.\.\)'),
        ({"record": {"source -> cells": sim.Record("weight", every=0.3)}}, "must be a multiple"),
        ({"record": {"source -> cells": sim.Record("weight", every=1.0, neurons=[10**6])}}, "must be a synapse of"),
    ],
)
def test_wrong_arguments_are_refused(arguments, words):
    with pytest.raises(sim.ParameterError, match=words):
        run_spiking(network(sim.PairSTDP()), duration=10.0, dt=0.5, **arguments)


@pytest.mark.parametrize("rule", [sim.WeightNormalisation(total=4.0, interval=0.7), sim.RateHebb(interval=0.7)])
def test_an_interval_off_the_grid_is_refused_by_the_clock_and_taken_by_the_event_engine(rule):
    name = f"{type(rule).__name__}.interval"
    with pytest.raises(sim.ParameterError, match=rf"source -> cells\).plasticity: {name} = 0.7 ms must be a multiple >= 1 of dt = 0.5 ms"):
        run_spiking(network(rule), duration=10.0, engine="clock", dt=0.5)
    result = run_spiking(network(rule), duration=10.0, dt=0.5)
    assert result.engine == "event" and name in result.why
    assert run_spiking(network(rule), duration=10.0, engine="clock", dt=0.1).counts.layers["source -> cells"]["plasticity_updates"] > 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Census(StructuralRule):
    """Counts spikes, and moves nothing."""

    hears = True
    interval: float = 20.0
    seen: list = field(default_factory=list)

    def move(self, synapses, random, *, recurrent):
        self.seen.append((synapses.pre_count.copy(), synapses.post_count.copy()))
        return np.zeros(len(synapses.source), dtype=bool)


def test_a_structural_rule_hears_the_spikes_since_it_last_acted():
    rule = Census()
    result = run_spiking(network(rule), duration=60.0, engine="clock", dt=0.5, record={"source": "spikes", "cells": "spikes"})
    assert len(rule.seen) == 3
    for k, counts in enumerate(rule.seen):
        for name, count in zip(("source", "cells"), counts, strict=True):
            spikes = result.spikes[name]
            mine = spikes.indices[(spikes.times > 20.0 * k) & (spikes.times <= 20.0 * k + 20.0)]
            assert len(mine)
            np.testing.assert_array_equal(count, np.bincount(mine, minlength=len(count)))


def test_weights_that_grow_without_bound_end_the_run_with_a_reason():
    net = network(sim.SynapticScaling(rate=1e6, beta=1e6, interval=10.0))
    with pytest.raises(sim.SimulationError, match="SynapticScaling made a weight of inf"):
        run_spiking(net, duration=1000.0, engine="clock", dt=0.5)
