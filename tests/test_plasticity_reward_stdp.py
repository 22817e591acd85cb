"""Reward-modulated STDP against a walk from event to event, piece by piece."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pairing_reference import scripted

import snnsim as sim
from snnsim.engines.spiking import run_spiking
from snnsim.errors import CompileError, ParameterError

DT = 0.5  # ms, exact in binary: all times below are the same numbers everywhere
RULE = {"a_plus": 0.01, "a_minus": 0.012, "tau_plus": 15.0, "tau_minus": 25.0, "tau_c": 12.0, "tau_d": 5.0, "w_min": 0.1, "w_max": 0.9}


def brute_force(pre, post, doses, weight, delay, rule, end, grown=()):
    """One synapse, from one event to the next; between them c and d decay, and w grows by the integral of their product.

    grown : (time, weight) of the synapse that takes its place, which knows the traces of its neurons and has no eligibility
    """
    events = [(t + delay, 0, 0.0) for t in pre if t + delay <= end] + [(t, 1, 0.0) for t in post if t <= end]
    events += [(t, 2, amount) for t, amount in doses if t <= end] + [(end, 3, 0.0)] + [(t, 0.5, w) for t, w in grown]
    x = y = c = d = now = 0.0
    taus = rule.tau_plus, rule.tau_minus, rule.tau_c, rule.tau_d
    both = 1.0 / (1.0 / rule.tau_c + 1.0 / rule.tau_d)
    for t, kind, amount in sorted(events):
        weight -= c * d * both * np.expm1(-(t - now) / both)
        x, y, c, d = (v * np.exp(-(t - now) / tau) for v, tau in zip((x, y, c, d), taus, strict=True))
        now = t
        if kind == 0.5:
            weight, c = amount, 0.0
        elif kind == 0:
            x, c = x + 1.0, c - rule.a_minus * y
        elif kind == 1:
            y, c = y + 1.0, c + rule.a_plus * x
        elif kind == 2:
            d += amount
        if kind != 2:
            weight = min(rule.w_max, max(rule.w_min, weight))
    return weight


def trains(seed, n_pre_spikes=40, n_post_spikes=90, n_doses=20, longest=20):
    random = np.random.default_rng(seed)
    pre = random.integers(3, 240, n_pre_spikes) / 2, random.integers(2, size=n_pre_spikes)
    post = np.unique(np.stack([random.integers(3, 240, n_post_spikes) / 2, random.integers(2, size=n_post_spikes)]), axis=1)
    doses = np.sort(random.integers(1, 230, n_doses)) / 2
    synapses = {"source": np.array([0, 0, 1, 1, 0]), "target": np.array([0, 1, 0, 1, 0]), "delay": random.integers(1, longest, 5) / 2}
    return pre, (post[0], post[1].astype(int)), doses, synapses | {"weight": random.uniform(0.2, 0.8, 5)}


def network(pre, post, doses, synapses, rule):
    net = scripted(2, 2, pre, post, synapses["source"], synapses["target"], synapses["weight"], synapses["delay"], rule)
    vta = sim.Population("vta", 3, sim.SpikeArray(times=doses, indices=np.arange(len(doses)) % 3))
    return sim.Network(*net.projections.values(), vta)


def expected(pre, post, doses, synapses, rule, end):
    source, target = synapses["source"], synapses["target"]
    order = np.lexsort((target, source))  # weights are reported by source, target; ties keep the order given
    return [
        brute_force(
            pre[0][pre[1] == source[k]], post[0][post[1] == target[k]], doses, synapses["weight"][k], synapses["delay"][k], rule, end
        )
        for k in order
    ]


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), amount=st.sampled_from([1.0, -0.7, 20.0]), tau_c=st.sampled_from([0.3, 1.2, 12.0, 300.0]))
def test_weights_are_the_integral_of_eligibility_times_dopamine(seed, amount, tau_c):
    # tau_c = 0.3 and 1.2 ms: the reference time of the integrals moves on every 3 and 12 ms, and eligibilities outlive many of them.
    pre, post, doses, synapses = trains(seed)
    rule = sim.RewardSTDP(**RULE | {"tau_c": tau_c}, dopamine="vta", release=amount, release_delay=2.5)
    first = run_spiking(network(pre, post, doses, synapses, rule), duration=(cut := 1 + seed % 118) * 1.0, engine="clock", dt=DT)
    second = run_spiking(network(pre, post, doses, synapses, rule), duration=120.0 - cut, engine="clock", dt=DT, start=first.state)
    released = [(t + 2.5, amount) for t in doses]
    for end, result in ((float(cut), first), (120.0, second)):
        np.testing.assert_allclose(result.weights["pre -> post"], expected(pre, post, released, synapses, rule, end), rtol=1e-9)


def applaud(begin, end):
    return 0.1 * np.sin(begin)


RECORD = {"pre -> post": [sim.Record("weight", every=1.5)]}


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_no_bit_depends_on_threads_pieces_or_a_checkpoint(threads, tmp_path):
    pre, post, doses, synapses = trains(3)
    rule = sim.RewardSTDP(**RULE | {"tau_c": 1.2}, dopamine="vta", reward=applaud, interval=8.0)
    arguments = {"engine": "clock", "dt": DT, "record": RECORD}
    whole = sim.simulate(network(pre, post, doses, synapses, rule), 120.0, **arguments)
    first = sim.simulate(network(pre, post, doses, synapses, rule), 63.0, threads=threads, **arguments)
    sim.save_state(first.state, tmp_path / "state.npz")
    start = sim.load_state(tmp_path / "state.npz")
    second = sim.simulate(network(pre, post, doses, synapses, rule), 57.0, threads=threads, start=start, **arguments)
    np.testing.assert_array_equal(second.weights["pre -> post"], whole.weights["pre -> post"])
    seen = np.concatenate([result.recordings["pre -> post"]["weight"].values for result in (first, second)])
    np.testing.assert_array_equal(seen, whole.recordings["pre -> post"]["weight"].values)
    assert np.ptp(seen, axis=0).min() > 1e-3
    for name, array in whole.state.arrays.items():
        np.testing.assert_array_equal(second.state.arrays[name], array, err_msg=name)
    # A weight that nobody looks at takes the same course.
    alone = sim.simulate(network(pre, post, doses, synapses, rule), 120.0, engine="clock", dt=DT, threads=threads)
    np.testing.assert_array_equal(alone.weights["pre -> post"], whole.weights["pre -> post"])
    pieces = [result.counts.layers["pre -> post"]["plasticity_updates"] for result in (first, second)]
    assert sum(pieces) == whole.counts.layers["pre -> post"]["plasticity_updates"]


def test_every_arrival_and_every_postsynaptic_spike_is_an_update_of_a_synapse():
    pre, post, doses, synapses = trains(8)
    rule = sim.RewardSTDP(**RULE | {"tau_c": 1.2}, dopamine="vta")
    result = run_spiking(network(pre, post, doses, synapses, rule), duration=119.0, engine="clock", dt=DT)
    arrivals = sum(
        np.sum((pre[1] == source) & (pre[0] + delay <= 119.0)) for source, delay in zip(synapses["source"], synapses["delay"], strict=True)
    )
    spikes = sum(np.sum((post[1] == target) & (post[0] < 119.0)) for target in synapses["target"])
    assert result.counts.layers["pre -> post"]["plasticity_updates"] == arrivals + spikes


def test_a_function_gives_dopamine_at_the_beginning_of_each_interval_and_hears_the_spikes_until_then():
    pre, post, doses, synapses = trains(5)
    asked, heard = [], []

    def reward(begin, end, spikes):
        asked.append((begin, end))
        heard.append(spikes["post"][0])
        return 0.05 * len(spikes["post"][0]) if begin != 56.0 else None

    rule = sim.RewardSTDP(**RULE, reward=reward, interval=4.0, hears=("post",))
    result = run_spiking(network(pre, post, doses, synapses, rule), duration=118.0, engine="clock", dt=DT, threads=2)
    begins = np.arange(0.0, 118.0, 4.0)
    assert asked == [(begin, begin + 4.0) for begin in begins]
    np.testing.assert_array_equal(np.concatenate(heard), np.sort(post[0][post[0] <= begins[-1]]))
    released = [(begin, 0.05 * len(times)) for begin, times in zip(begins, heard, strict=True) if begin != 56.0]
    np.testing.assert_allclose(result.weights["pre -> post"], expected(pre, post, released, synapses, rule, 118.0), rtol=1e-9)


def test_projections_with_one_function_share_its_call():
    calls = []

    def reward(begin, end):
        calls.append(begin)
        return 1.0

    pre, post, doses, synapses = trains(6)
    net = network(pre, post, doses, synapses, sim.RewardSTDP(**RULE, reward=reward))
    (again,) = (projection for name, projection in net.projections.items() if name == "pre -> post")
    other = sim.Projection(again.pre, again.post, again.connector, weight=again.weight, delay=again.delay, plasticity=again.plasticity)
    result = run_spiking(sim.Network(*net.projections.values(), other), duration=100.0, engine="clock", dt=DT)
    assert calls == [10.0 * k for k in range(10)]
    np.testing.assert_array_equal(result.weights["pre -> post"], result.weights["pre -> post #2"])
    assert np.abs(result.weights["pre -> post"] - again.weight[[0, 4, 1, 2, 3]]).min() > 1e-3


def test_an_eligibility_outlives_long_silence_and_the_histories_of_many_postsynaptic_spikes():
    # 300 postsynaptic spikes between two presynaptic ones overflow the history; a single dose comes long after the pair.
    post = np.arange(2.0, 302.0)
    rule = sim.RewardSTDP(a_plus=0.001, a_minus=0.0005, tau_c=40.0, dopamine="vta", release=0.3)
    doses = np.array([50.0, 200.0])
    net = scripted(1, 1, ([1.5, 310.5], [0, 0]), (post, np.zeros(300, dtype=int)), [0], [0], 0.5, 40.0, rule)
    vta = sim.Population("vta", 3, sim.SpikeArray(times=doses, indices=[0, 2]))
    weight = run_spiking(sim.Network(*net.projections.values(), vta), duration=400.0, engine="clock", dt=DT).weights["pre -> post"][0]
    assert weight == pytest.approx(brute_force([1.5, 310.5], post, [(51.0, 0.3), (201.0, 0.3)], 0.5, 40.0, rule, 400.0), rel=1e-12)
    assert abs(weight - 0.5) > 0.01


def test_weights_of_inhibition_keep_their_sign():
    pre, post, doses, synapses = trains(7)
    rule = sim.RewardSTDP(**RULE, dopamine="vta")
    up = run_spiking(network(pre, post, doses, synapses, rule), duration=100.0, engine="clock", dt=DT).weights["pre -> post"]
    synapses["weight"] = -synapses["weight"]
    down = run_spiking(network(pre, post, doses, synapses, rule), duration=100.0, engine="clock", dt=DT).weights["pre -> post"]
    np.testing.assert_array_equal(down, -up)


def test_a_rule_that_nobody_rewards_is_refused_with_the_remedy():
    cells = sim.Population("cells", 2, sim.LIF())
    with pytest.raises(
        ParameterError, match=r"Projection\('cells' -> 'cells'\)\.plasticity = RewardSTDP has no source of reward.*Give dopamine"
    ):
        sim.Projection(cells, cells, sim.OneToOne(), plasticity=sim.RewardSTDP())


def looped(**rule):
    cells = sim.Population("cells", 2, sim.LIF())
    return sim.Network(sim.Projection(cells, cells, sim.OneToOne(), plasticity=sim.RewardSTDP(**rule)))


@pytest.mark.parametrize("rule", [{"dopamine": "vat"}, {"reward": applaud, "hears": ("vat",)}])
def test_an_unknown_population_is_refused_with_the_valid_ones(rule):
    with pytest.raises(ParameterError, match=r"RewardSTDP\.(dopamine|hears): population = 'vat' is not known. Valid: cells"):
        run_spiking(looped(**rule), duration=1.0)


def test_the_event_engine_refuses_the_rule_and_auto_takes_the_clock():
    with pytest.raises(CompileError, match='RewardSTDP.*no steps. Use engine="clock"'):
        run_spiking(looped(dopamine="cells"), duration=1.0, engine="event")
    result = run_spiking(looped(dopamine="cells"), duration=1.0)
    assert result.engine == "clock" and "RewardSTDP" in result.why


@pytest.mark.parametrize("field", [{"release_delay": 0.25}, {"reward": applaud, "interval": 0.7}])
def test_times_off_the_grid_are_refused(field):
    with pytest.raises(ParameterError, match=rf"RewardSTDP\.{list(field)[-1]} = .* multiple"):
        run_spiking(looped(dopamine="cells", **field), duration=1.0, engine="clock", dt=DT)


@pytest.mark.parametrize(
    "wrong",
    [{"tau_c": 0.0}, {"tau_d": -1.0}, {"delay": "dendritic"}, {"dopamine": 3}, {"reward": 1.0}, {"hears": "cells"}, {"hears": ("cells",)},
     {"release_delay": 0.0}, {"w_min": 2.0}, {"interval": np.array([1.0, 2.0])}],
)  # fmt: skip
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ParameterError, match=f"RewardSTDP.{next(iter(wrong))}"):
        sim.RewardSTDP(**wrong)


@pytest.mark.parametrize("wrong", [np.nan, "much", [1.0, 2.0], True])
def test_a_function_that_gives_no_number_is_refused(wrong):
    def reward(begin, end):
        return wrong

    with pytest.raises(ParameterError, match="RewardSTDP.reward of projection 'cells -> cells' returned .* finite amount"):
        run_spiking(looped(reward=reward), duration=1.0, engine="clock", dt=DT)


def crowd(rule, *others):
    """Return 300 cells under noise that excite each other by plastic synapses of three delays, and a population that gives dopamine."""
    noise, cells = sim.Population("noise", 300, sim.PoissonSource(rate=900.0)), sim.Population("cells", 300, sim.LIF(tau_m=10.0))
    vta = sim.Population("vta", 150, sim.PoissonSource(rate=5.0))
    delay = sim.Uniform(low=0.5, high=2.0, step=0.5)
    return sim.Network(
        sim.Projection(noise, cells, sim.OneToOne(), weight=2.0),
        sim.Projection(cells, cells, sim.FixedProbability(0.1), weight=0.5, delay=delay, plasticity=[rule, *others]),
        vta,
    )


BUSY = sim.RewardSTDP(
    a_plus=1e-3, a_minus=1.2e-3, tau_c=3.0, tau_d=7.0, dopamine="vta", release=0.5, release_delay=1.5, reward=applaud, interval=5.0
)


@pytest.mark.parametrize("others", [(), (sim.WeightNormalisation(total=15.0, interval=20.0),)])
def test_a_busy_network_has_the_same_bits_for_any_threads_and_pieces(others):
    arguments = {"engine": "clock", "dt": 0.5, "seed": 4}
    whole = sim.simulate(crowd(BUSY, *others), 200.0, **arguments)
    first = sim.simulate(crowd(BUSY, *others), 90.5, threads=2, **arguments)
    second = sim.simulate(crowd(BUSY, *others), 109.5, threads=3, start=first.state, **arguments)
    np.testing.assert_array_equal(second.weights["cells -> cells"], whole.weights["cells -> cells"])
    for name, array in whole.state.arrays.items():
        np.testing.assert_array_equal(second.state.arrays[name], array, err_msg=name)
    assert len(whole.spikes["cells"]) > 500 and np.ptp(whole.weights["cells -> cells"]) > 0.1


def test_weights_stay_where_they_were_when_learning_is_switched_off():
    arguments = {"engine": "clock", "dt": 0.5, "seed": 4}
    first = sim.simulate(crowd(BUSY), 90.0, **arguments)
    rest = sim.simulate(crowd(BUSY), 50.0, start=first.state, learning=False, **arguments)
    np.testing.assert_array_equal(rest.weights["cells -> cells"], first.weights["cells -> cells"])
    again = sim.simulate(crowd(BUSY), 50.0, start=rest.state, **arguments)
    assert np.ptp(again.weights["cells -> cells"] - rest.weights["cells -> cells"]) > 0.01


def test_synapses_that_move_lose_their_eligibility_and_all_others_keep_it():
    # Onto target 0 come all sources, by strong synapses, so that all have traces; the weak ones onto 1 and 2 move once, at 60 ms.
    random, end, asked = np.random.default_rng(2), 119.0, []

    def reward(begin, end):
        asked.append(begin)
        return 0.3 * np.sin(begin)

    pre, post = (
        (times[0] / 2, times[1].astype(int))
        for times in (np.unique([random.integers(3, 236, n), random.integers(m, size=n)], axis=1) for n, m in ((90, 6), (130, 3)))
    )
    doses = np.sort(random.integers(1, 230, 20)) / 2
    source, target = np.r_[np.arange(6), 0:3, 3:6], np.repeat([0, 1, 2], [6, 3, 3])
    weight = np.where(target == 0, 0.8, random.uniform(0.2, 0.6, 12))
    rule = sim.RewardSTDP(**RULE | {"a_plus": 0.0002, "a_minus": 0.00024}, dopamine="vta", reward=reward, interval=8.0)
    net = scripted(6, 3, pre, post, source, target, weight, 1.5, [rule, sim.Rewiring(threshold=0.4, weight=0.5, interval=60.0)])
    vta = sim.Population("vta", 3, sim.SpikeArray(times=doses, indices=np.arange(20) % 3))
    net = sim.Network(*net.projections.values(), vta)
    result = run_spiking(net, duration=end, engine="clock", dt=DT)
    assert asked == list(np.arange(0.0, end, 8.0))
    released = [(t + rule.release_delay, rule.release) for t in doses] + [(t, 0.3 * np.sin(t)) for t in asked]
    before = {(i, j): w for i, j, w in zip(source, target, weight, strict=True)}
    got = {(i, j): w for i, j, w in zip(*result.connections("pre -> post"), result.weights["pre -> post"], strict=True)}
    assert 2 <= len(set(got) - set(before)) <= 4
    for (i, j), w in got.items():
        grown = [] if (i, j) in before else [(60.0, 0.5)]
        started = before.get((i, j), 0.5)
        spikes = pre[0][pre[1] == i], post[0][post[1] == j]
        assert w == pytest.approx(brute_force(*spikes, released, started, 1.5, rule, end, grown), rel=1e-9)
    # The same bits on any threads, and in pieces.
    first = run_spiking(net, duration=47.0, engine="clock", dt=DT, threads=2)
    second = run_spiking(net, duration=end - 47.0, engine="clock", dt=DT, threads=3, start=first.state)
    np.testing.assert_array_equal(second.weights["pre -> post"], result.weights["pre -> post"])
    for name, array in result.state.arrays.items():
        np.testing.assert_array_equal(second.state.arrays[name], array, err_msg=name)
