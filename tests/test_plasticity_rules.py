"""What holds for every rule of spikes: the traces of NEST, a sum over all pairs in both engines, bounds, bits and counts."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nest_traces import load
from pairing_reference import busy, learned, scripted

from snnsim.connect import AllToAll
from snnsim.engines import lessons
from snnsim.engines.spiking import run_spiking
from snnsim.errors import CompileError, ParameterError
from snnsim.models.lif import LIF
from snnsim.models.lif_cond_exp import LIFCondExp
from snnsim.models.lif_exp import LIFExp
from snnsim.models.spike_array import SpikeArray
from snnsim.network import Network, Population, Projection
from snnsim.plasticity.base import SpikeRule
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
        return PowerLawSTDP(**both, delay=delay, mu=random.uniform(0.0, 1.0), w_0=random.uniform(0.2, 2.0)), sign
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


@pytest.mark.parametrize("delay", ["dendritic", "axonal"])
@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=25)
@given(seed=SEEDS, threads=st.sampled_from([1, 2]))
def test_both_engines_end_with_the_same_weights_and_count_every_spike_at_every_synapse(delay, kind, seed, threads):
    # The quiet end is longer than two of the longest delays: all that was sent has arrived.
    net, synapses = random_case(seed, kind, delay, quiet=22.0)
    clock = run_spiking(net, duration=END, engine="clock", dt=0.5, threads=threads)
    event = run_spiking(net, duration=END, engine="event", dt=0.5)
    np.testing.assert_allclose(clock.weights["pre -> post"], event.weights["pre -> post"], rtol=1e-9)
    updates = sum(learned(*each, END)[1] for each in synapses)
    for result in (clock, event):
        assert result.counts.layers["pre -> post"].get("plasticity_updates", 0) == updates


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=10)
@given(seed=SEEDS)
def test_no_weight_crosses_a_bound_however_large_the_steps(engine, kind, seed):
    random = np.random.default_rng(seed)
    rule, _ = random_rule(random, kind, str(random.choice(["dendritic", "axonal"])))
    large = {name: 20.0 * getattr(rule, name) for name in AMPLITUDES if hasattr(rule, name)}
    rule = dataclasses.replace(rule, **large)
    net, synapses = random_case(seed, kind, rule.delay)
    net = with_rule(net, rule)
    state = None
    for _ in range(8):
        result = run_spiking(net, duration=END / 8, engine=engine, dt=0.5, start=state)
        size, state = sign_of(synapses) * result.weights["pre -> post"], result.state
        assert np.all(size >= rule.w_min) and np.all(size <= rule.w_max)
        assert not np.any(np.isnan(size))


AMPLITUDES = ("a_plus", "a_minus", "a2_plus", "a3_plus", "a2_minus", "a3_minus", "eta")


def sign_of(synapses):
    """Return the sign of the weights of a random case."""
    return np.sign(synapses[0][3])


def with_rule(net, rule):
    """Return the network with another rule."""
    drive, plastic = net.projections.values()
    return Network(
        drive, Projection(plastic.pre, plastic.post, plastic.connector, weight=plastic.weight, delay=plastic.delay, plasticity=rule)
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", KINDS)
def test_spikes_of_one_side_alone_change_no_weight_but_those_of_inhibition(engine, kind):
    random = np.random.default_rng(8)
    rule, sign = random_rule(random, kind, "dendritic")
    times, zeros, none = np.arange(5.0, 60.0, 2.5), np.zeros(22, int), ([], np.empty(0, int))
    weight = 0.7 * sign
    silent = run_spiking(scripted(1, 1, none, (times, zeros), [0], [0], weight, 1.0, rule), duration=END, engine=engine, dt=0.5)
    assert silent.weights["pre -> post"][0] == weight
    alone = run_spiking(scripted(1, 1, (times[:8], zeros[:8]), none, [0], [0], weight, 1.0, rule), duration=END, engine=engine, dt=0.5)
    expected = weight
    if kind == "inhibitory":
        expected = -max(rule.w_min, 0.7 - 8 * rule.eta * 2.0 * rule.rho_0 * rule.tau / 1000.0)
        assert expected > weight
    assert alone.weights["pre -> post"][0] == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("delay", ["dendritic", "axonal"])
@pytest.mark.parametrize("kind", KINDS)
def test_threads_and_cuts_change_no_bit(kind, delay):
    rule, _ = random_rule(np.random.default_rng(3), kind, delay)
    net = busy(rule, weight=-0.5 if kind == "inhibitory" else 0.5)
    run = {"engine": "clock", "dt": 0.25, "seed": 5, "record": {"cells": ["spikes", "v"]}}
    one = run_spiking(net, duration=80.0, **run)
    assert len(one.spikes["cells"]) > 50
    assert all(np.ptp(weight) > 0.01 for weight in one.weights.values())
    for threads, cut in ((2, 33.25), (3, 60.0)):
        first = run_spiking(net, duration=cut, threads=threads, **run)
        second = run_spiking(net, duration=80.0 - cut, threads=4 - threads, start=first.state, **run)
        whole = run_spiking(net, duration=80.0, threads=threads, **run)
        values = np.concatenate([piece.recordings["cells"]["v"].values for piece in (first, second)])
        np.testing.assert_array_equal(values, one.recordings["cells"]["v"].values)
        for name, weight in one.weights.items():
            np.testing.assert_array_equal(second.weights[name], weight)
            np.testing.assert_array_equal(whole.weights[name], weight)
        assert (first.counts + second.counts).to_dict() == one.counts.to_dict() == whole.counts.to_dict()


def change_by(rule, lags, engine, weight=0.5, delay=1.0):
    """Return the change of the weight by one pre and one post spike, whose times at the synapse differ by lag = post - pre."""
    n, each, changes = len(lags), np.arange(len(lags)), []
    shift = -delay if rule.delay == "dendritic" else delay
    net = scripted(n, n, (np.full(n, 100.0), each), (100.0 + shift + np.asarray(lags), each), each, each, weight, delay, rule)
    changes = run_spiking(net, duration=260.0, engine=engine, dt=0.5).weights["pre -> post"] - weight
    return changes * np.sign(weight)


LAGS = np.array([-60.0, -20.0, -5.5, -0.5, 0.0, 0.5, 4.0, 20.0, 61.5])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("delay", ["dendritic", "axonal"])
@pytest.mark.parametrize("pairing", KINDS[:3])
@pytest.mark.parametrize(("up", "down"), [(0.02, 0.03), (-0.02, -0.03), (0.02, -0.03), (-0.02, 0.03)])
def test_the_window_of_pairs_is_its_formula_also_where_it_is_turned_or_symmetric(engine, delay, pairing, up, down):
    rule = PairSTDP(a_plus=up, a_minus=down, tau_plus=10.0, tau_minus=30.0, w_max=2.0, pairing=pairing, delay=delay)
    # A pair that meets at one time is not counted behind a dendritic delay; behind an axonal one pre has caused post.
    expected = np.where(LAGS > 0.0, 2.0 * up * np.exp(-LAGS / 10.0), -2.0 * down * np.exp(LAGS / 30.0))
    expected[LAGS == 0.0] = 2.0 * up if delay == "axonal" else 0.0
    np.testing.assert_allclose(change_by(rule, LAGS, engine), expected, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_window_of_inhibition_is_symmetric_less_a_constant(engine):
    rule = InhibitorySTDP(eta=0.01, rho_0=5.0, tau=20.0)
    expected = 0.01 * (np.where(LAGS == 0.0, 0.0, np.exp(-np.abs(LAGS) / 20.0)) - 2.0 * 0.005 * 20.0)
    np.testing.assert_allclose(change_by(rule, LAGS, engine, weight=-0.5), expected, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("weight", [0.3, 2.5])
def test_the_window_of_the_power_law_goes_with_the_weight(engine, weight):
    rule = PowerLawSTDP(a_plus=0.1, a_minus=0.05, tau_plus=15.0, tau_minus=25.0, mu=0.4, w_0=2.0)
    up, down = 0.1 * 2.0**0.6 * weight**0.4, 0.05 * weight
    expected = np.where(LAGS > 0.0, up * np.exp(-LAGS / 15.0), -down * np.exp(LAGS / 25.0))
    expected[LAGS == 0.0] = 0.0
    np.testing.assert_allclose(change_by(rule, LAGS, engine, weight=weight), expected, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("engine", ENGINES)
def test_triplets_add_their_term_to_that_of_pairs(engine):
    # Both orders of Pfister & Gerstner (2006), with unequal lags.
    rule = TripletSTDP(a2_plus=0.01, a3_plus=0.02, a2_minus=0.03, a3_minus=0.04)
    first, second = 7.0, 12.5

    def change(pre, post):
        net = scripted(1, 1, (pre, [0] * len(pre)), (np.array(post) - 1.0, [0] * len(post)), [0], [0], 0.5, 1.0, rule)
        return run_spiking(net, duration=400.0, engine=engine, dt=0.5).weights["pre -> post"][0] - 0.5

    e = np.exp
    post_pre_post = -0.03 * e(-first / 33.7) + e(-second / 16.8) * (0.01 + 0.02 * e(-(first + second) / 125.0))
    pre_post_pre = 0.01 * e(-first / 16.8) - e(-second / 33.7) * (0.03 + 0.04 * e(-(first + second) / 101.0))
    assert change([50.0 + first], [50.0, 50.0 + first + second]) == pytest.approx(post_pre_post, rel=1e-10)
    assert change([50.0, 50.0 + first + second], [50.0 + first]) == pytest.approx(pre_post_pre, rel=1e-10)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("delay", ["dendritic", "axonal"])
def test_triplets_without_their_third_spike_are_pairs(engine, delay):
    traces = {"tau_plus": 12.0, "tau_minus": 31.0, "w_max": 0.9, "w_min": 0.1, "delay": delay}
    net, _ = random_case(2, "triplet", delay)
    three = TripletSTDP(a2_plus=0.03, a3_plus=0.0, a2_minus=0.02, a3_minus=0.0, **traces)
    two = PairSTDP(a_plus=0.03, a_minus=0.02, **traces)
    weights = [run_spiking(with_rule(net, rule), duration=END, engine=engine, dt=0.5).weights["pre -> post"] for rule in (three, two)]
    np.testing.assert_allclose(*weights, rtol=1e-14)


@pytest.mark.parametrize("delay", ["dendritic", "axonal"])
@pytest.mark.parametrize(("fast", "slow"), [(0.7, 90.0), (90.0, 0.7), (20.0, 20.0)])
@pytest.mark.parametrize("kind", ["all_to_all", "nearest_symmetric", "triplet", "inhibitory"])
def test_a_bank_opened_many_times_gives_what_a_replay_gives(monkeypatch, kind, fast, slow, delay):
    top, up, down = {"w_max": 0.9, "w_min": 0.1, "delay": delay}, 0.01 / fast, 0.01 / slow
    if kind == "triplet":
        traces = {"tau_plus": fast, "tau_minus": slow, "tau_x": slow, "tau_y": fast}
        rule = TripletSTDP(a2_plus=0.3 * up, a3_plus=0.1 * up, a2_minus=0.3 * down, a3_minus=0.1 * down, **traces, **top)
    elif kind == "inhibitory":
        rule = InhibitorySTDP(eta=up, rho_0=20.0, tau=fast, **top)
    else:
        rule = PairSTDP(a_plus=up, a_minus=down, tau_plus=fast, tau_minus=slow, pairing=kind, **top)
    net = busy(rule, weight=-0.5 if kind == "inhibitory" else 0.5)
    run = {"duration": 1500.0, "engine": "clock", "dt": 0.25, "seed": 1, "record": {"cells": ["spikes"]}}
    banked = run_spiking(net, **run)
    monkeypatch.setattr(lessons, "is_banked", lambda part, form: False)
    replayed = run_spiking(net, **run)
    np.testing.assert_array_equal(banked.spikes["cells"].times, replayed.spikes["cells"].times)
    for name, weight in banked.weights.items():
        inside = (np.abs(weight) > rule.w_min) & (np.abs(weight) < rule.w_max)
        assert inside.mean() > 0.3
        np.testing.assert_allclose(weight, replayed.weights[name], rtol=1e-9)


LONE = Population("lone", 3, LIF())


def started(rule, **given):
    """Run a network of one plastic projection for an instant."""
    return run_spiking(Network(Projection(LONE, LONE, AllToAll(), plasticity=rule, **given)), duration=1.0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: PairSTDP(w_min=2.0, w_max=1.0), r"PairSTDP\.w_min = 2 must be < w_max = 1\. Widen"),
        (lambda: TripletSTDP(w_min=1.0), r"TripletSTDP\.w_min = 1 must be < w_max = 1\. Widen"),
        (lambda: InhibitorySTDP(w_min=-1.0), r"InhibitorySTDP\.w_min = -1 must be >= 0: bounds are those of the size"),
        (lambda: InhibitorySTDP(w_max=-1.0), r"InhibitorySTDP\.w_max = -1 must be > 0"),
        (lambda: TripletSTDP(tau_x=0.0), r"TripletSTDP\.tau_x = 0 ms must be > 0 ms"),
        (lambda: TripletSTDP(tau_y=np.array([1.0, 2.0])), r"TripletSTDP\.tau_y = array\(2,\) \[1\.0, 2\.0\] must be one number"),
        (lambda: InhibitorySTDP(tau=-2.0), r"InhibitorySTDP\.tau = -2 ms must be > 0 ms"),
        (lambda: InhibitorySTDP(rho_0=-2.0), r"InhibitorySTDP\.rho_0 = -2 Hz must be >= 0 Hz"),
        (lambda: InhibitorySTDP(alpha=0.2), r"InhibitorySTDP: parameter = 'alpha' is not known\. Valid: eta, rho_0, tau, w"),
        (lambda: TripletSTDP(a2_pluss=0.2), r"Valid: a2_plus, a3_plus, .* Did you mean 'a2_plus'"),
        (lambda: PowerLawSTDP(w_max=3.0), r"PowerLawSTDP: parameter = 'w_max' is not known\. Valid: a_plus, a_minus"),
        (lambda: PowerLawSTDP(mu=1.5), r"PowerLawSTDP\.mu = 1\.5 must be <= 1"),
        (lambda: PowerLawSTDP(w_0=0.0), r"PowerLawSTDP\.w_0 = 0 must be > 0"),
        (lambda: PowerLawSTDP(a_minus=np.inf), r"PowerLawSTDP\.a_minus = inf must be finite"),
        (lambda: PairSTDP(pairing="all"), r"PairSTDP\.pairing = 'all' must be one of 'all_to_all', 'nearest_symmetric'"),
        (lambda: PairSTDP(pairing=np.zeros(2)), r"PairSTDP\.pairing = array\(\[0\., 0\.\]\) must be one of 'all_to_all'"),
        (lambda: TripletSTDP(delay="somatic"), r"TripletSTDP\.delay = 'somatic' must be one of 'dendritic', 'axonal'"),
        (lambda: started(InhibitorySTDP(), weight=0.5), r"weight = 0\.5 must be <= 0: InhibitorySTDP is a rule of inhibition\. Ch"),
        (lambda: started(InhibitorySTDP(), weight=-1.5), r"-1\.5 must lie within InhibitorySTDP\.w_min = 0 and w_max = 1, sign aside"),
        (lambda: started(TripletSTDP(w_min=0.2), weight=0.1), r"weight = 0\.1 must lie within TripletSTDP\.w_min = 0\.2 and w_max = 1"),
        (lambda: started(PowerLawSTDP(), weight=np.array([0.5, -2.5] * 3)), r"has both signs, -2\.5 and 0\.5: PowerLawSTDP keeps"),
        (lambda: started([PairSTDP(), TripletSTDP()]), r"has PairSTDP and TripletSTDP, of which a projection takes one\. Make two"),
        (lambda: started(TripletSTDP(), weight=0.5, delay=0.0), r"delay = 0 ms must be > 0 ms where it learns"),
    ],
)  # fmt: skip
def test_what_a_rule_cannot_be_is_refused_by_name_value_and_remedy(wrong, message):
    with pytest.raises(ParameterError, match=message):
        wrong()


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Formed(SpikeRule):
    """A rule whose form has any number of coefficients and traces; kernels are those of pairs."""

    w_min: float = 0.0
    w_max: float = 1.0
    n_coef: int = 8
    tau_pre: tuple = (20.0,)
    tau_post: tuple = (20.0,)

    def form(self):
        given = PairSTDP(a_plus=0.0, a_minus=0.0).form()
        coef = (*given.coef, *[0.0] * 9)[: self.n_coef]
        return given._replace(coef=coef, tau_pre=self.tau_pre, tau_post=self.tau_post)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_coef": 13}, r"coef has 13 coefficients but must have at most 12: .*\. Work out"),
        ({"n_coef": 1}, r"coef has 1 coefficients but must have at least 2: .*w_min and w_max"),
        ({"tau_pre": (1.0, 2.0, 3.0)}, r"tau_pre has 3 time constants but must have at most 2: .*\. Leave one out"),
        ({"tau_post": (1.0, 2.0, 3.0)}, r"tau_post has 3 time constants but must have at most 2"),
    ],
)
def test_a_form_that_no_kernel_holds_is_refused_by_name_number_and_remedy(engine, given, message):
    pre = Population("pre", 3, SpikeArray(times=[2.0], indices=[0]))
    net = Network(Projection(pre, LONE, AllToAll(), plasticity=Formed(**given)))
    with pytest.raises(CompileError, match=r"Projection\(pre -> lone\)\.plasticity: Formed\.form\(\)\." + message):
        run_spiking(net, duration=1.0, engine=engine)
    assert run_spiking(net, duration=1.0, engine=engine, learning=False).weights["pre -> lone"][0] == 1.0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_form_at_its_limits_runs(engine):
    rule = Formed(n_coef=12, tau_pre=(20.0, 30.0), tau_post=(20.0,))
    pre = Population("pre", 3, SpikeArray(times=[2.0], indices=[0]))
    net = Network(Projection(pre, LONE, AllToAll(), plasticity=rule))
    assert run_spiking(net, duration=1.0, engine=engine).weights["pre -> lone"][0] == 1.0


@pytest.mark.parametrize(("rule", "weight"), [(InhibitorySTDP(), 0.0), (PowerLawSTDP(), -250.0), (TripletSTDP(), -1.0)])
def test_weights_at_a_bound_or_of_any_size_without_one_are_taken(rule, weight):
    assert np.all(started(rule, weight=weight).weights["lone -> lone"] == weight)


@pytest.mark.parametrize("model", [LIFExp(), LIFCondExp()], ids=["current", "conductance"])
@pytest.mark.parametrize("weight", [-0.5, 0.5])
def test_one_plastic_weight_for_all_reaches_the_channel_of_its_sign(model, weight):
    pre = Population("pre", 3, SpikeArray(times=[2.0, 3.0, 5.0], indices=[0, 1, 2]))
    post = Population("post", 2, model)
    still = PairSTDP(a_plus=0.0, a_minus=0.0)
    nets = (Network(Projection(pre, post, AllToAll(), weight=weight, plasticity=rule)) for rule in (None, still))
    runs = [run_spiking(net, duration=20.0, engine="clock", record={"post": ["v"]}) for net in nets]
    static, plastic = (run.recordings["post"]["v"].values for run in runs)
    assert np.array_equal(static, plastic) and np.ptp(static) > 0.0
