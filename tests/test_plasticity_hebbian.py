"""Hebb, CovarianceHebb, Oja and BCM: every spike against brute force, threads, bounds, bad input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pairing_reference import scripted, spikes_at_synapse, summed

import snnsim as sim
from snnsim.engines.spiking import run_spiking
from snnsim.errors import ParameterError

ENGINES = ("clock", "event")
DELAY = sim.Uniform(low=1.0, high=6.0, step=0.5)


def hebb(delay="dendritic"):
    """Return a rule and what it does at a spike: (w, x, y) -> w."""
    rule = sim.Hebb(eta=0.02, tau_pre=15.0, tau_post=25.0, w_min=0.1, w_max=0.9, delay=delay)
    return rule, lambda w, x, y: w + 0.02 * y(25.0), lambda w, x, y: w + 0.02 * x(15.0)


def anti_hebb(delay="dendritic"):
    # A short time constant: the bank is emptied several times.
    rule = sim.Hebb(eta=-0.02, tau_pre=1.5, tau_post=4.0, w_min=0.1, w_max=0.9, delay=delay)
    return rule, lambda w, x, y: w - 0.02 * y(4.0), lambda w, x, y: w - 0.02 * x(1.5)


def covariance_running(delay="dendritic"):
    rule = sim.CovarianceHebb(eta=0.1, tau_pre=5.0, tau_post=8.0, tau_mean=40.0, w_min=-0.9, w_max=0.9, delay=delay)
    return (
        rule,
        lambda w, x, y: w + 0.1 * (y(8.0) - 8.0 * y(40.0) / 40.0),
        lambda w, x, y: w + 0.1 * (x(5.0) - 5.0 * x(40.0) / 40.0),
    )


def covariance_given(delay="dendritic"):
    rule = sim.CovarianceHebb(eta=0.1, tau_pre=5.0, tau_post=8.0, rate_pre=200.0, rate_post=300.0, w_min=-0.9, w_max=0.9, delay=delay)
    return rule, lambda w, x, y: w + 0.1 * (y(8.0) - 8.0 * 0.3), lambda w, x, y: w + 0.1 * (x(5.0) - 5.0 * 0.2)


def oja(delay="dendritic"):
    rule = sim.Oja(eta=0.05, alpha=1.5, tau_pre=10.0, tau_post=20.0, w_min=-0.9, w_max=0.9, delay=delay)
    return rule, lambda w, x, y: w, lambda w, x, y: w + 0.05 * (x(10.0) - 1.5 * w * y(20.0))


def bcm(delay="dendritic", power=1.0):
    rule = sim.BCM(eta=0.01, tau_pre=10.0, tau_fast=12.0, tau_slow=30.0, rate_target=500.0, power=power, w_min=0.1, w_max=0.9, delay=delay)
    return rule, lambda w, x, y: w, lambda w, x, y: w + 0.01 * x(10.0) * (y(12.0) - 12.0 * 0.5 * (y(30.0) / 30.0 / 0.5) ** (1.0 + power))


def bcm_cubic(delay="dendritic"):
    return bcm(delay, 1.7)


def learned(rule, on_pre, on_post, pre, post, weight, delay, end):
    """Return the weight of one synapse at `end`, spike by spike, each trace summed anew."""
    for spike in spikes_at_synapse(pre, post, delay, rule.delay, end):
        x, y = (lambda tau, times=times, at=spike.at: summed(at, times, tau) for times in (spike.pres, spike.posts))
        weight = min(rule.w_max, max(rule.w_min, (on_pre if spike.is_pre else on_post)(weight, x, y)))
    return weight


CASES = (hebb, anti_hebb, covariance_running, covariance_given, oja, bcm, bcm_cubic)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("delay_is", ["dendritic", "axonal"])
@pytest.mark.parametrize("case", CASES)
@settings(max_examples=6)
@given(seed=st.integers(0, 2**32 - 1), n_pre_spikes=st.integers(0, 40), n_post_spikes=st.integers(0, 90), cut=st.integers(1, 63))
def test_every_spike_changes_weights_as_in_brute_force(case, delay_is, engine, seed, n_pre_spikes, n_post_spikes, cut):
    random = np.random.default_rng(seed)
    # Times and delays are multiples of 0.5 ms, exact in binary: ties are frequent and the same for all three.
    pre = random.integers(3, 120, n_pre_spikes) / 2, random.integers(2, size=n_pre_spikes)
    post = np.unique(np.stack([random.integers(3, 120, n_post_spikes) / 2, random.integers(2, size=n_post_spikes)]), axis=1)
    post = post[0], post[1].astype(int)  # a neuron fires once per step
    source, target = np.array([0, 0, 1, 1, 0]), np.array([0, 1, 0, 1, 0])
    rule, on_pre, on_post = case(delay_is)
    delay, weight = random.integers(1, 20, 5) / 2, random.uniform(-0.8 if rule.signed else 0.2, 0.8, 5)
    net = scripted(2, 2, pre, post, source, target, weight, delay, rule)
    first = run_spiking(net, duration=float(cut), engine=engine, dt=0.5)
    second = run_spiking(net, duration=64.0 - cut, engine=engine, dt=0.5, start=first.state)
    order = np.lexsort((target, source))  # weights are reported by source, target; ties keep the order given
    for end, result in ((float(cut), first), (64.0, second)):
        expected = [
            learned(rule, on_pre, on_post, pre[0][pre[1] == source[k]], post[0][post[1] == target[k]], weight[k], delay[k], end)
            for k in order
        ]
        np.testing.assert_allclose(result.weights["pre -> post"], expected, rtol=1e-10, atol=1e-12)


def recurrent(rule):
    """Poisson spikes drive cells that excite each other through plastic synapses with delays of their own."""
    noise = sim.Population("noise", 60, sim.PoissonSource(rate=40.0))
    cells = sim.Population("cells", 60, sim.LIF(tau_m=20.0, t_ref=2.0))
    return sim.Network(
        sim.Projection(noise, cells, sim.OneToOne(), weight=18.0, delay=1.0),
        sim.Projection(
            cells, cells, sim.FixedProbability(0.3), weight=0.4, delay=sim.Uniform(low=1.0, high=6.0, step=0.5), plasticity=rule
        ),
    )


@pytest.mark.parametrize("case", [hebb, covariance_running, oja, bcm])
def test_the_number_of_threads_changes_no_bit(case):
    one, *others = (sim.simulate(recurrent(case()[0]), 300.0, seed=3, engine="clock", threads=n, dt=0.5) for n in (1, 2, 3))
    learned_weights = one.weights["cells -> cells"]
    assert len(np.unique(learned_weights)) > 100  # they learned
    for other in others:
        np.testing.assert_array_equal(other.weights["cells -> cells"], learned_weights)
        np.testing.assert_array_equal(other.spikes["cells"].times, one.spikes["cells"].times)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", [sim.Hebb(eta=0.5), sim.Hebb(eta=-0.5), sim.CovarianceHebb(eta=0.5, rate_pre=0.0, rate_post=0.0)])
def test_weights_stop_at_their_bounds(rule, engine):
    net = scripted(1, 1, ([10.0, 12.0, 14.0], [0, 0, 0]), ([11.0, 13.0, 15.0], [0, 0, 0]), [0], [0], 0.5, 1.0, rule)
    weight = run_spiking(net, duration=30.0, engine=engine, dt=0.5).weights["pre -> post"][0]
    assert weight == (rule.w_max if rule.eta > 0.0 else rule.w_min)


@pytest.mark.parametrize("engine", ENGINES)
def test_weights_below_zero_are_kept_by_size_unless_the_rule_is_signed(engine):
    trains = ([10.0], [0]), ([15.0], [0])
    sizes = run_spiking(scripted(1, 1, *trains, [0], [0], -0.5, 1.0, sim.Hebb(eta=0.1)), duration=30.0, engine=engine, dt=0.5)
    assert sizes.weights["pre -> post"][0] == pytest.approx(-0.5 - 0.1 * np.exp(-6.0 / 20.0), rel=1e-12)
    rule = sim.Oja(eta=1.0)
    crossed = run_spiking(scripted(1, 1, *trains, [0], [0], -0.5, 1.0, rule), duration=30.0, engine=engine, dt=0.5)
    assert crossed.weights["pre -> post"][0] == pytest.approx(-0.5 + np.exp(-6.0 / 20.0), rel=1e-12) and np.exp(-0.3) > 0.5


@pytest.mark.parametrize("rule", [sim.Hebb, sim.CovarianceHebb, sim.Oja, sim.BCM])
@pytest.mark.parametrize(
    "wrong", [{"eta": np.array([0.1, 0.2])}, {"eta": np.nan}, {"tau_pre": 0.0}, {"w_min": 2.0}, {"delay": "somatic"}], ids=str
)
def test_wrong_parameters_are_refused(rule, wrong):
    with pytest.raises(ParameterError, match=f"{rule.__name__}.{next(iter(wrong))}"):
        rule(**wrong)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: sim.BCM(tau_slow=20.0), r"BCM\.tau_slow = 20 ms must be > tau_fast = 20 ms: .*\. Lengthen tau_slow\."),
        (lambda: sim.CovarianceHebb(tau_mean=10.0), r"CovarianceHebb\.tau_mean = 10 ms must be > tau_pre = 20 ms"),
        (lambda: sim.CovarianceHebb(tau_mean=30.0, tau_post=40.0), r"CovarianceHebb\.tau_mean = 30 ms must be > tau_post = 40 ms"),
        (lambda: sim.CovarianceHebb(rate_pre=-1.0), r"CovarianceHebb\.rate_pre = -1 Hz must be >= 0 Hz"),
        (lambda: sim.Oja(eta=0.0), r"Oja\.eta = 0 must be > 0"),
        (lambda: sim.Oja(alpha=-1.0), r"Oja\.alpha = -1 must be > 0"),
        (lambda: sim.BCM(eta=-1.0), r"BCM\.eta = -1 must be > 0"),
        (lambda: sim.BCM(rate_target=0.0), r"BCM\.rate_target = 0 Hz must be > 0 Hz"),
        (lambda: sim.BCM(power=0.0), r"BCM\.power = 0 must be > 0"),
    ],
)
def test_what_a_rule_cannot_mean_is_refused_with_a_remedy(make, text):
    with pytest.raises(ParameterError, match=text):
        make()


def test_a_mean_that_is_given_needs_no_time_constant():
    sim.CovarianceHebb(tau_mean=10.0, rate_pre=5.0, rate_post=5.0)
