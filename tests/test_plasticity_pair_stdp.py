"""Pair STDP: its window, its histories, its parameters. What all rules have in common is in test_plasticity_rules.py."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pairing_reference import busy, learned, scripted

from snnsim.connect import FromArrays
from snnsim.engines.spiking import run_spiking
from snnsim.errors import ParameterError
from snnsim.models.lif import LIF
from snnsim.network import Network, Population, Projection
from snnsim.plasticity.pair_stdp import PairSTDP

ENGINES = ("clock", "event")


@pytest.mark.parametrize("engine", ENGINES)
def test_histories_are_kept_for_as_long_as_a_silent_source_needs_them(engine):
    # 300 postsynaptic spikes between two presynaptic ones overflow the history many times; 40 fit within one long delay.
    post = np.arange(2.0, 302.0)
    rule = PairSTDP(a_plus=0.001, a_minus=0.001, w_max=1.0)
    net = scripted(1, 1, ([1.5, 310.5], [0, 0]), (post, np.zeros(300, dtype=int)), [0], [0], 0.5, 40.0, rule)
    weight = run_spiking(net, duration=400.0, engine=engine, dt=0.5).weights["pre -> post"][0]
    assert weight == pytest.approx(learned(rule, [1.5, 310.5], post, 0.5, 40.0, 400.0)[0], rel=1e-12)


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
def test_the_window_of_one_pair_is_a_double_exponential_with_zero_in_the_middle(engine):
    rule = PairSTDP(a_plus=0.02, a_minus=0.03, tau_plus=10.0, tau_minus=30.0, w_max=2.0)
    for lag in (-20.0, -1.0, 0.0, 1.0, 20.0):
        net = scripted(1, 1, ([50.0], [0]), ([49.0 + lag], [0]), [0], [0], 1.0, 1.0, rule)
        change = run_spiking(net, duration=200.0, engine=engine).weights["pre -> post"][0] - 1.0
        expected = 0.04 * np.exp(-lag / 10.0) if lag > 0 else -0.06 * np.exp(lag / 30.0) if lag < 0 else 0.0
        assert change == pytest.approx(expected, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("mu", [0.0, 1.0])
def test_weights_at_the_end_hold_a_postsynaptic_spike_of_the_last_instant(engine, mu):
    # Behind an axonal delay it may meet a presynaptic spike of the same instant, which comes first and has arrived.
    rule = PairSTDP(a_plus=0.1, tau_plus=10.0, mu_plus=mu, mu_minus=mu, delay="axonal")
    net = scripted(1, 1, ([5.0, 9.0], [0, 0]), ([10.0], [0]), [0], [0], 0.5, 1.0, rule)
    weight = run_spiking(net, duration=10.0, engine=engine, dt=0.5).weights["pre -> post"][0]
    assert weight == pytest.approx(0.5 + 0.1 * 0.5**mu * (1.0 + np.exp(-0.4)), rel=1e-12)


def test_what_every_synapse_keeps_for_itself_is_saved_when_the_first_thread_has_no_synapses():
    rule = PairSTDP(a_plus=0.05, w_max=0.9, pairing="nearest_pre_centred")
    run, net = {"engine": "clock", "dt": 0.25, "seed": 5}, busy(rule, weight=0.5)
    whole = run_spiking(net, duration=60.0, threads=1, **run)
    first = run_spiking(net, duration=33.25, threads=2, **run)
    second = run_spiking(net, duration=26.75, threads=3, start=first.state, **run)
    for name, weight in whole.weights.items():
        np.testing.assert_array_equal(second.weights[name], weight)


def test_weights_outside_the_bounds_are_refused():
    a = Population("a", 2, LIF())
    net = Network(Projection(a, a, FromArrays([0], [1]), weight=1.5, plasticity=PairSTDP(w_max=1.0)))
    with pytest.raises(ParameterError, match=r"weight = 1\.5 must lie within PairSTDP\.w_min = 0 and w_max = 1"):
        run_spiking(net, duration=1.0)


@pytest.mark.parametrize("wrong", [{"tau_plus": 0.0}, {"mu_plus": -1.0}, {"w_min": 2.0}, {"tau_minus": np.array([1.0, 2.0])}])
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ParameterError, match=f"PairSTDP.{next(iter(wrong))}"):
        PairSTDP(**wrong)
