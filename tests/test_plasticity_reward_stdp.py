"""Reward-modulated STDP against a walk from event to event, piece by piece."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_plasticity_pair_stdp import scripted

import snnsim as sim
from snnsim.engines.spiking import run_spiking
from snnsim.errors import CompileError, ParameterError

DT = 0.5  # ms, exact in binary: all times below are the same numbers everywhere
RULE = {"a_plus": 0.01, "a_minus": 0.012, "tau_plus": 15.0, "tau_minus": 25.0, "tau_c": 12.0, "tau_d": 5.0, "w_min": 0.1, "w_max": 0.9}


def brute_force(pre, post, doses, weight, delay, rule, end):
    """One synapse, from one event to the next; between them c and d decay, and w grows by the integral of their product."""
    events = [(t + delay, 0, 0.0) for t in pre if t + delay <= end] + [(t, 1, 0.0) for t in post if t <= end]
    events += [(t, 2, amount) for t, amount in doses if t <= end] + [(end, 3, 0.0)]
    x = y = c = d = now = 0.0
    both = 1.0 / (1.0 / rule.tau_c + 1.0 / rule.tau_d)
    for t, kind, amount in sorted(events):
        weight -= c * d * both * np.expm1(-(t - now) / both)
        x, y, c, d = (v * np.exp(-(t - now) / tau) for v, tau in zip((x, y, c, d), (rule.tau_plus, rule.tau_minus, rule.tau_c, rule.tau_d)))
        now = t
        if kind == 0:
            x, c = x + 1.0, c - rule.a_minus * y
        elif kind == 1:
            y, c = y + 1.0, c + rule.a_plus * x
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
