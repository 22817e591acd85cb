"""The mean change of weights under random spike trains is the closed form that each Hebbian rule states.

Times in ms, rates in Hz until they enter a formula. Trains are Poisson; where they are correlated, post spikes contain copies of
pre spikes at one lag, which leaves both Poisson. Everything has faded in before the change is measured. Tolerance: 4 standard
errors over the pairs, and these must be small.
"""

import numpy as np
import pytest
from pairing_reference import scripted

import snnsim as sim
from snnsim.engines.spiking import run_spiking

PAIRS, SETTLE, DURATION, DELAY = 400, 3_000.0, 20_000.0, 1.5
TAU = {"tau_pre": 20.0, "tau_post": 10.0}


def poisson(random, rate):
    """Return times and neurons of PAIRS trains."""
    n = random.poisson(1e-3 * rate * (SETTLE + DURATION) * PAIRS)
    return random.uniform(5.0, SETTLE + DURATION, n), random.integers(PAIRS, size=n)


def trains(rate_pre, rate_post, copied, lag, seed):
    """Return pre and post trains; of the spikes of the first of both, a share is copied to the second `lag` after it."""
    random = np.random.default_rng(seed)
    first_rate, second_rate = (rate_pre, rate_post) if lag > 0.0 else (rate_post, rate_pre)
    first, second = poisson(random, first_rate), poisson(random, second_rate - copied * first_rate)
    taken = random.random(len(first[0])) < copied
    second = np.append(second[0], first[0][taken] + abs(lag)), np.append(second[1], first[1][taken])
    return (first, second) if lag > 0.0 else (second, first)


def change(rule, weight, rate_pre=30.0, rate_post=20.0, copied=0.0, lag=1.0, seed=0):
    """Return the mean weight once all has faded in, the mean change from there, and its standard error.

    `lag` is that at the synapse: post spikes are late by the dendritic DELAY there.
    """
    pre, post = trains(rate_pre, rate_post, copied, lag - DELAY, seed)
    each = np.arange(PAIRS)
    net = scripted(PAIRS, PAIRS, pre, post, each, each, weight, DELAY, rule)
    first = run_spiking(net, duration=SETTLE, engine="event")
    last = run_spiking(net, duration=DURATION, engine="event", start=first.state)
    before, after = (result.weights["pre -> post"] for result in (first, last))
    assert rule.w_min < after.min() and after.max() < rule.w_max  # no bound has acted
    return before.mean(), (after - before).mean(), (after - before).std() / np.sqrt(PAIRS)


def check(measured, error, expected, scale):
    """The tolerance is a few standard errors, and those resolve a fiftieth of what the terms of the formula are."""
    assert error < 0.02 * abs(scale)
    assert abs(measured - expected) < 4.0 * error


def test_hebb_grows_by_the_product_of_the_rates_and_by_correlation():
    rule = sim.Hebb(eta=1e-4, w_max=10.0, **TAU)
    by_rates = 1e-4 * 0.03 * 0.02 * (20.0 + 10.0) * DURATION
    _, measured, error = change(rule, 1.0)
    check(measured, error, by_rates, by_rates)
    for lag, kernel in ((6.0, np.exp(-6.0 / 20.0)), (-4.0, np.exp(-4.0 / 10.0))):
        copies = 0.3 * (0.03 if lag > 0.0 else 0.02) * DURATION  # the share copied is 0.3
        _, measured, error = change(rule, 1.0, copied=0.3, lag=lag)
        check(measured, error, by_rates + 1e-4 * copies * kernel, by_rates)


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize(("copied", "lag"), [(0.0, 6.0), (0.3, 6.0), (0.3, -4.0)])
def test_the_covariance_rule_follows_the_covariance_alone(running, copied, lag):
    rates = {"tau_mean": 200.0} if running else {"rate_pre": 30.0, "rate_post": 20.0}
    _, measured, error = change(sim.CovarianceHebb(eta=1e-4, **TAU, **rates), 0.0, copied=copied, lag=lag)
    tau, rate = (20.0, 0.03) if lag > 0.0 else (10.0, 0.02)
    kernel = np.exp(-abs(lag) / tau) - (tau / 200.0 * np.exp(-abs(lag) / 200.0) if running else 0.0)
    check(measured, error, 1e-4 * copied * rate * kernel * DURATION, 1e-4 * 0.3 * rate * DURATION)


def test_given_means_other_than_the_rates_leave_a_part_of_the_product():
    rule = sim.CovarianceHebb(eta=1e-4, rate_pre=20.0, rate_post=35.0, **TAU)
    _, measured, error = change(rule, 0.0)
    terms = 1e-4 * 0.03 * 0.02 * DURATION * np.array([20.0 * (1.0 - 20.0 / 30.0), 10.0 * (1.0 - 35.0 / 20.0)])
    check(measured, error, terms.sum(), terms[0])


@pytest.mark.parametrize("weight", [-1.0, 0.0, 1.5, 6.0])
@pytest.mark.parametrize("copied", [0.0, 0.3])
def test_oja_relaxes_to_the_correlation_over_the_squared_postsynaptic_rate(weight, copied):
    rule = sim.Oja(eta=1e-4, alpha=2.0, w_min=-20.0, w_max=20.0, **TAU)
    growth = 0.03 * 0.02 * 20.0 + copied * 0.03 * np.exp(-6.0 / 20.0)
    decay = 2.0 * 0.02**2 * 10.0
    before, measured, error = change(rule, weight, copied=copied, lag=6.0)
    expected = (growth / decay - before) * -np.expm1(-1e-4 * decay * DURATION)
    check(measured, error, expected, 1e-4 * DURATION * (growth + decay * abs(weight)))


@pytest.mark.parametrize("rate", [5.0, 10.0, 20.0])
def test_bcm_potentiates_above_and_depresses_below_a_threshold_of_the_squared_rate(rate):
    # The threshold slides: at a steady 5 Hz it lies below the rate, at 20 Hz above.
    rule = sim.BCM(eta=1e-4, tau_pre=20.0, tau_fast=30.0, tau_slow=200.0, rate_target=12.0, w_max=10.0)
    r = 1e-3 * rate
    threshold = (r**2 + r / (2.0 * 200.0)) / 0.012
    _, measured, error = change(rule, 1.0, rate_post=rate)
    per_spike = 1e-4 * 0.03 * 20.0 * 30.0 * DURATION * r
    check(measured, error, per_spike * (r - threshold), per_spike * (r + threshold))
    assert (measured > 0.0) == (rate < 12.0 - 1e3 / 400.0)
