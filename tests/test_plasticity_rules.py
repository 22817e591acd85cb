"""What holds for every rule of spikes: the traces of NEST, a sum over all pairs in both engines, bounds, bits and counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nest_traces import load
from pairing_reference import learned, scripted

from snnsim.engines.spiking import run_spiking
from snnsim.plasticity.inhibitory_stdp import InhibitorySTDP
from snnsim.plasticity.pair_stdp import PairSTDP
from snnsim.plasticity.power_law_stdp import PowerLawSTDP
from snnsim.plasticity.triplet_stdp import TripletSTDP

ENGINES = ("clock", "event")
SEEDS = st.integers(0, 2**32 - 1)
END = 64.0  # ms


def pairs_of_nest(given, post):
    """stdp_synapse"""
    return PairSTDP(
        a_plus=given["lambda"], a_minus=given["lambda"] * given["alpha"], tau_plus=given["tau_plus"], tau_minus=post["tau_minus"],
        mu_plus=given["mu_plus"], mu_minus=given["mu_minus"], w_max=given["Wmax"],
    )  # fmt: skip


def power_law_of_nest(given, post):
    """stdp_pl_synapse_hom"""
    a_minus = given["lambda"] * given["alpha"]
    return PowerLawSTDP(a_plus=given["lambda"], a_minus=a_minus, tau_plus=given["tau_plus"], tau_minus=post["tau_minus"], mu=given["mu"])


def triplets_of_nest(given, post):
    """stdp_triplet_synapse"""
    top = given["Wmax"]
    return TripletSTDP(
        a2_plus=given["Aplus"] / top, a3_plus=given["Aplus_triplet"] / top, a2_minus=given["Aminus"] / top,
        a3_minus=given["Aminus_triplet"] / top, tau_plus=given["tau_plus"], tau_x=given["tau_plus_triplet"],
        tau_minus=post["tau_minus"], tau_y=post["tau_minus_triplet"], w_max=top,
    )  # fmt: skip


def inhibition_of_nest(given, post):
    """vogels_sprekeler_synapse"""
    rho_0 = 1000.0 * given["alpha"] / (2.0 * given["tau"])
    return InhibitorySTDP(eta=given["eta"], rho_0=rho_0, tau=given["tau"], w_max=given["Wmax"])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("name", "translated"),
    [
        ("plast_stdp_synapse_add_d1", pairs_of_nest),
        ("plast_stdp_synapse_d1", pairs_of_nest),
        ("plast_stdp_pl_synapse_hom_d1", power_law_of_nest),
        ("plast_stdp_triplet_synapse_d1", triplets_of_nest),
        ("plast_vogels_sprekeler_synapse_d1", inhibition_of_nest),
    ],
)
def test_weights_are_those_of_nest_after_every_presynaptic_spike(refs, name, translated, engine):
    trace, reference = load(refs, name)
    rule = translated(reference["defaults"] | reference["params"], reference["post_params"])
    start = reference["params"]["weight"] * (-1.0 if rule.inhibitory else 1.0)
    zeros = np.zeros(len(trace["pre"]), dtype=int)
    net = scripted(1, 1, (trace["pre"], zeros), (trace["post"], zeros), [0], [0], start, reference["delay"], rule)
    weights, now, state = [], 0.0, None
    for time in trace["times"]:
        result = run_spiking(net, duration=time - now, engine=engine, start=state)
        weights.append(abs(result.weights["pre -> post"][0]))
        now, state = time, result.state
    np.testing.assert_allclose(weights, trace["weights"], rtol=1e-10)


def random_rule(random, kind, delay):
    """Return a rule with random parameters, and the sign of its weights."""
    a, tau = random.uniform(0.01, 0.08, 4), random.choice([3.0, 10.0, 20.0, 60.0, 200.0], 4)
    bounds = {"w_min": float(random.choice([0.0, 0.1])), "w_max": 0.9, "delay": delay}
    sign = -1.0 if kind == "inhibitory" or random.random() < 0.3 else 1.0
    if kind == "triplet":
        three = dict(zip(("a2_plus", "a3_plus", "a2_minus", "a3_minus"), a, strict=True))
        if random.random() < 0.2:
            three["a3_plus"] *= -1.0
        return TripletSTDP(**three, **dict(zip(("tau_plus", "tau_x", "tau_minus", "tau_y"), tau, strict=True)), **bounds), sign
    if kind == "inhibitory":
        return InhibitorySTDP(eta=a[0], rho_0=random.uniform(0.0, 20.0), tau=tau[0], **bounds), sign
    both = {"a_plus": a[0], "a_minus": a[1], "tau_plus": tau[0], "tau_minus": tau[1]}
    if kind == "power law":
        return PowerLawSTDP(**both, delay=delay, mu=random.uniform(0.0, 1.2), w_0=random.uniform(0.2, 2.0)), sign
    mu = {"additive": (0.0, 0.0), "multiplicative": (1.0, 1.0), "power": (0.4, 0.4), "mixed": (0.0, 1.0)}
    dependence = mu[str(random.choice(list(mu)))]
    signs = random.choice([1.0, 1.0, -1.0], 2)
    both |= {"a_plus": signs[0] * a[0], "a_minus": signs[1] * a[1]}
    return PairSTDP(**both, pairing=kind, mu_plus=dependence[0], mu_minus=dependence[1], **bounds), sign


KINDS = ("all_to_all", "nearest_symmetric", "nearest_pre_centred", "triplet", "inhibitory", "power law")


def random_case(seed, kind, delay, *, quiet=0.0):
    """Return a network of two sources and two targets that play random spikes, and what each synapse sees.

    Times and delays are multiples of 0.5 ms, exact in binary: ties are frequent, and the same for all. quiet : ms, of the end
    """
    random = np.random.default_rng(seed)
    rule, sign = random_rule(random, kind, delay)
    last = int(2 * (END - quiet))
    pre, post = ((random.integers(3, last, n) / 2, random.integers(2, size=n)) for n in random.integers([0, 0], [41, 91]))
    post = np.unique(np.stack(post), axis=1)  # a neuron fires once per step, a source as often as it likes
    post = post[0], post[1].astype(int)
    source, target = np.array([0, 0, 1, 1, 0]), np.array([0, 1, 0, 1, 0])
    late, weight = random.integers(1, 20, 5) / 2, sign * random.uniform(0.2, 0.8, 5)
    net = scripted(2, 2, pre, post, source, target, weight, late, rule)
    order = np.lexsort((target, source))  # weights are reported by source, target; ties keep the order given
    synapses = [(rule, pre[0][pre[1] == source[k]], post[0][post[1] == target[k]], weight[k], late[k]) for k in order]
    return net, synapses


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("delay", ["dendritic", "axonal"])
@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=25)
@given(seed=SEEDS, cut=st.integers(1, 63))
def test_weights_are_a_sum_over_all_pairs_for_any_spikes_and_delays(engine, delay, kind, seed, cut):
    net, synapses = random_case(seed, kind, delay)
    first = run_spiking(net, duration=float(cut), engine=engine, dt=0.5)
    second = run_spiking(net, duration=END - cut, engine=engine, dt=0.5, start=first.state)
    for end, result in ((float(cut), first), (END, second)):
        np.testing.assert_allclose(result.weights["pre -> post"], [learned(*each, end)[0] for each in synapses], rtol=1e-11, atol=1e-15)
