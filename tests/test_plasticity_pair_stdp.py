"""Pair STDP against NEST and against a sum over all pairs."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnsim.connect import FromArrays, OneToOne
from snnsim.engines.spiking import run_spiking
from snnsim.errors import ParameterError
from snnsim.models.lif import LIF
from snnsim.models.spike_array import SpikeArray
from snnsim.network import Network, Population, Projection
from snnsim.plasticity.pair_stdp import PairSTDP

NEST = Path(__file__).parents[2] / "shared" / "refs" / "nest"
ENGINES = ("clock", "event")


def scripted(n_pre, n_post, pre, post, source, target, weight, delay, rule):
    """Sources fire at `pre`; deaf neurons fire at `post`, lifted over a far threshold 1 ms after their drive."""
    (pre_times, pre_index), (post_times, post_index) = pre, post
    drive = Population("drive", n_post, SpikeArray(times=np.asarray(post_times) - 1.0, indices=post_index))
    sources = Population("pre", n_pre, SpikeArray(times=pre_times, indices=pre_index))
    cells = Population("post", n_post, LIF(t_ref=0.0, v_th=1e5))
    return Network(
        Projection(drive, cells, OneToOne(), weight=1e6, delay=1.0),
        Projection(sources, cells, FromArrays(source, target), weight=weight, delay=delay, plasticity=rule),
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_weights_are_those_of_nest_after_every_presynaptic_spike(engine):
    if not NEST.exists():
        pytest.skip(f"no reference traces in {NEST}")
    trace = np.load(NEST / "plast_stdp_synapse_add_d1.npz")
    reference = json.loads((NEST / "refs_params.json").read_text())["plast_stdp_synapse_add_d1"]
    given = reference["params"]
    rule = PairSTDP(
        a_plus=given["lambda"], a_minus=given["lambda"] * given["alpha"], tau_plus=given["tau_plus"],
        tau_minus=reference["post_params"]["tau_minus"], w_max=given["Wmax"],
    )  # fmt: skip
    zeros = np.zeros(len(trace["pre"]), dtype=int)
    net = scripted(1, 1, (trace["pre"], zeros), (trace["post"], zeros), [0], [0], given["weight"], 1.0, rule)
    weights, now, state = [], 0.0, None
    for time in trace["times"]:
        result = run_spiking(net, duration=time - now, engine=engine, start=state)
        weights.append(result.weights["pre -> post"][0])
        now, state = time, result.state
    np.testing.assert_allclose(weights, trace["weights"], rtol=1e-10)


def brute_force(pre, post, weight, delay, rule, end):
    """Every pair of one synapse, in order of the time at the synapse; a post spike is there `delay` later."""
    events = sorted([(t, 1, t) for t in pre if t <= end] + [(t + delay, 0, t) for t in post if t + delay <= end])
    for at, is_pre, _ in events:
        if is_pre:
            lags = [at - (t + delay) for t in post if t + delay < at]
            weight = max(rule.w_min, weight - rule.a_minus * rule.w_max * sum(np.exp(-lag / rule.tau_minus) for lag in lags))
        else:
            lags = [at - t for t in pre if t < at]
            weight = min(rule.w_max, weight + rule.a_plus * rule.w_max * sum(np.exp(-lag / rule.tau_plus) for lag in lags))
    return weight


@pytest.mark.parametrize("engine", ENGINES)
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), n_pre_spikes=st.integers(0, 40), n_post_spikes=st.integers(0, 90), cut=st.integers(1, 63))
def test_weights_are_a_sum_over_all_pairs_for_any_dendritic_delays(engine, seed, n_pre_spikes, n_post_spikes, cut):
    random = np.random.default_rng(seed)
    # Times and delays are multiples of 0.5 ms, exact in binary: ties are frequent and the same for all three.
    pre = random.integers(3, 120, n_pre_spikes) / 2, random.integers(2, size=n_pre_spikes)
    post = random.integers(3, 120, n_post_spikes) / 2, random.integers(2, size=n_post_spikes)
    post = tuple(np.unique(np.stack(post), axis=1))  # a neuron fires once per step
    post = post[0], post[1].astype(int)
    source, target = np.array([0, 0, 1, 1, 0]), np.array([0, 1, 0, 1, 0])
    delay = random.integers(1, 20, 5) / 2
    weight = random.uniform(0.2, 0.8, 5)
    rule = PairSTDP(a_plus=0.05, a_minus=0.04, tau_plus=15.0, tau_minus=25.0, w_min=0.1, w_max=0.9)
    net = scripted(2, 2, pre, post, source, target, weight, delay, rule)
    first = run_spiking(net, duration=float(cut), engine=engine, dt=0.5)
    second = run_spiking(net, duration=64.0 - cut, engine=engine, dt=0.5, start=first.state)
    order = np.lexsort((target, source))  # weights are reported by source, target; ties keep the order given
    for end, result in ((float(cut), first), (64.0, second)):
        expected = [brute_force(pre[0][pre[1] == source[k]], post[0][post[1] == target[k]], weight[k], delay[k], rule, end) for k in order]
        np.testing.assert_allclose(result.weights["pre -> post"], expected, rtol=1e-11)


def restricted_pairs(pre, post, weight, delay, rule):
    """Pairs without a spike between them; times are those at the synapse, where a post spike is `delay` late."""
    pre, post = np.sort(pre), np.sort(post) + delay
    for at, is_pre in sorted([(t, 1) for t in pre] + [(t, 0) for t in post]):  # post spikes first at a tie
        own, other = (pre, post) if is_pre else (post, pre)
        own, other = own[own < at], other[other < at]
        if len(other) and (not len(own) or other[-1] >= own[-1]):
            lag = at - other[-1]
            change = -rule.a_minus * np.exp(-lag / rule.tau_minus) if is_pre else rule.a_plus * np.exp(-lag / rule.tau_plus)
            weight = min(rule.w_max, max(rule.w_min, weight + change * rule.w_max))
    return weight


@pytest.mark.parametrize("engine", ENGINES)
@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), n_pre_spikes=st.integers(1, 30), n_post_spikes=st.integers(1, 30), steps=st.integers(1, 20))
def test_restricted_pairs_have_no_spike_between_them(engine, seed, n_pre_spikes, n_post_spikes, steps):
    random = np.random.default_rng(seed)
    pre = np.unique(random.integers(3, 80, n_pre_spikes) / 2)
    post = np.unique(random.integers(3, 80, n_post_spikes) / 2)
    rule = PairSTDP(a_plus=0.05, a_minus=0.04, tau_plus=15.0, tau_minus=25.0, w_max=0.9, pairing="nearest_restricted")
    last = 100.0  # a presynaptic spike at the end brings the synapse up to date
    trains = (np.append(pre, last), np.zeros(len(pre) + 1, dtype=int)), (post, np.zeros(len(post), dtype=int))
    net = scripted(1, 1, *trains, [0], [0], 0.45, 0.5 * steps, rule)
    weight = run_spiking(net, duration=110.0, engine=engine, dt=0.5).weights["pre -> post"][0]
    assert weight == pytest.approx(restricted_pairs(np.append(pre, last), post, 0.45, 0.5 * steps, rule), rel=1e-11)


@pytest.mark.parametrize("engine", ENGINES)
def test_histories_are_kept_for_as_long_as_a_silent_source_needs_them(engine):
    # 300 postsynaptic spikes between two presynaptic ones overflow the history many times; 40 fit within one long delay.
    post = np.arange(2.0, 302.0)
    rule = PairSTDP(a_plus=0.001, a_minus=0.001, w_max=1.0)
    net = scripted(1, 1, ([1.5, 310.5], [0, 0]), (post, np.zeros(300, dtype=int)), [0], [0], 0.5, 40.0, rule)
    weight = run_spiking(net, duration=400.0, engine=engine, dt=0.5).weights["pre -> post"][0]
    assert weight == pytest.approx(brute_force([1.5, 310.5], post, 0.5, 40.0, rule, 400.0), rel=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_window_of_one_pair_is_a_double_exponential_with_zero_in_the_middle(engine):
    rule = PairSTDP(a_plus=0.02, a_minus=0.03, tau_plus=10.0, tau_minus=30.0, w_max=2.0)
    for lag in (-20.0, -1.0, 0.0, 1.0, 20.0):
        net = scripted(1, 1, ([50.0], [0]), ([49.0 + lag], [0]), [0], [0], 1.0, 1.0, rule)
        change = run_spiking(net, duration=200.0, engine=engine).weights["pre -> post"][0] - 1.0
        expected = 0.04 * np.exp(-lag / 10.0) if lag > 0 else -0.06 * np.exp(lag / 30.0) if lag < 0 else 0.0
        assert change == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_weights_outside_the_bounds_are_refused():
    a = Population("a", 2, LIF())
    net = Network(Projection(a, a, FromArrays([0], [1]), weight=1.5, plasticity=PairSTDP(w_max=1.0)))
    with pytest.raises(ParameterError, match=r"weight = 1\.5 must lie within PairSTDP\.w_min = 0 and w_max = 1"):
        run_spiking(net, duration=1.0)


@pytest.mark.parametrize("wrong", [{"tau_plus": 0.0}, {"mu_plus": -1.0}, {"w_min": 2.0}, {"tau_minus": np.array([1.0, 2.0])}])
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ParameterError, match=f"PairSTDP.{next(iter(wrong))}"):
        PairSTDP(**wrong)
