"""Devices hold what their published fits say."""

from __future__ import annotations

import math

import numpy as np
import pytest

import snnsim as sim
from snnsim.analog.cmos import subthreshold_mismatch
from snnsim.analog.crossbar import step_of
from snnsim.analog.device import draws_of, lognormal
from snnsim.analog.presets import PRESETS
from snnsim.errors import ParameterError

MANY = 200_000
DRAWS = draws_of(7, "here")


def held(device, g, time=None):
    return device.conductances(np.full(MANY, g), DRAWS, device.t_0 if time is None else time)


@pytest.mark.parametrize(("g", "sigma"), [(0.0, 0.26348), (0.5, 0.952705), (1.0, 1.05538)])
def test_programming_noise_of_pcm_is_the_published_polynomial(g, sigma):
    pcm = sim.PCM(drift=0.0, flicker=0.0)
    assert pcm.g_max == 25.0
    assert pcm.programming_noise(np.array(g)) == pytest.approx(sigma, abs=1e-9)
    drawn = held(pcm, g)
    if g:
        assert drawn.mean() == pytest.approx(g, abs=4 * sigma / 25.0 / math.sqrt(MANY))
        assert drawn.std() == pytest.approx(sigma / 25.0, rel=0.01)
    else:  # half of the devices would be negative, and hold nothing
        assert (drawn == 0.0).mean() == pytest.approx(0.5, abs=0.005)
        assert drawn[drawn > 0.0].mean() == pytest.approx(sigma / 25.0 * math.sqrt(2.0 / math.pi), rel=0.01)


@pytest.mark.parametrize(
    ("g", "mean", "deviation"),
    [(1.0, 0.049, 0.008), (0.1, -0.0155 * math.log(0.1) + 0.0244, -0.0125 * math.log(0.1) - 0.0059), (1e-9, 0.1, 0.045)],
)
def test_drift_of_pcm_follows_a_power_law_with_the_published_exponents(g, mean, deviation):
    pcm = sim.PCM(programming=0.0, flicker=0.0)
    assert pcm.drift_exponent(np.array(g)) == pytest.approx((mean, deviation), abs=1e-12)
    day = 86_400.0
    nu = -np.log(held(pcm, g, day) / g) / math.log(day / 20.0)
    if mean > 4 * deviation:  # else some exponents change their sign, and count as positive
        assert nu.mean() == pytest.approx(mean, abs=4 * deviation / math.sqrt(MANY) + 1e-4)
        assert nu.std() == pytest.approx(deviation, rel=0.02)
    assert (nu >= 0.0).all()
    assert (held(pcm, g) == g).all()  # at t_0 nothing has drifted


def test_a_pcm_of_your_own_drifts_as_you_say():
    pcm = sim.PCM(programming=0.0, flicker=0.0, exponent=(0.0, 0.2, 0.0, 1.0), spread=(0.0, 0.0, 0.0, 0.0), t_0=1.0)
    assert held(pcm, 0.5, 100.0) == pytest.approx(0.5 * 100.0**-0.2, rel=1e-12)
    assert sim.PCM(polynomial=(0.1, 0.0, 0.0)).programming_noise(np.array(0.7)) == pytest.approx(0.1)


def test_a_day_at_an_exponent_of_0_049_leaves_two_thirds_of_a_pcm_device():
    assert (86_400.0 / sim.PCM().t_0) ** -0.049 == pytest.approx(0.6635, abs=1e-4)
    drifted = held(sim.PCM(programming=0.0, flicker=0.0), 1.0, 86_400.0)
    assert np.exp(np.log(drifted).mean()) == pytest.approx(0.6635, abs=2e-4)


def test_flicker_noise_of_pcm_is_the_published_one_and_grows_with_time():
    pcm = sim.PCM(programming=0.0, drift=0.0)
    assert pcm.read_noise_of(np.array(1.0), 20.0) == pytest.approx(0.0088 * math.sqrt(math.log((20.0 + 250e-9) / 500e-9)), rel=1e-12)
    assert pcm.read_noise_of(np.array(1e-12), 20.0) == pytest.approx(0.2 * math.sqrt(math.log((20.0 + 250e-9) / 500e-9)), rel=1e-12)
    assert held(pcm, 1.0).std() == pytest.approx(float(pcm.read_noise_of(np.array(1.0), 20.0)), rel=0.01)
    assert held(pcm, 1.0, 1e6).std() > 1.1 * held(pcm, 1.0).std()


@pytest.mark.parametrize(("time", "sigma"), [(1.0, 1.103), (86_400.0, 2.651), (172_800.0, 2.677)])
def test_relaxation_of_rram_is_the_published_fit(time, sigma):
    rram = sim.RRAM()
    assert rram.relaxation_noise(np.array(1.0), time) == pytest.approx(sigma, abs=1e-9)
    assert held(rram, 1.0, time).std() == pytest.approx(sigma / 40.0, rel=0.01)


def test_relaxation_of_rram_lies_between_its_neighbours_along_the_logarithm_of_time():
    half = sim.RRAM().relaxation_noise(np.array(0.3), math.sqrt(86_400.0))
    ends = [sim.RRAM().relaxation_noise(np.array(0.3), time) for time in (1.0, 86_400.0)]
    assert half == pytest.approx(np.mean(ends), rel=1e-12)


def test_mismatch_is_lognormal_with_mean_one():
    drawn = lognormal(0.3, (MANY,), np.random.default_rng(1))
    assert drawn.mean() == pytest.approx(1.0, abs=0.003)
    assert drawn.std() == pytest.approx(0.3, rel=0.01)
    assert np.log(drawn).std() == pytest.approx(math.sqrt(math.log(1.09)), rel=0.01)
    assert held(PRESETS["mismatch"], 0.5).std() == pytest.approx(0.05, rel=0.01)


def test_subthreshold_mismatch_follows_from_the_exponential_law():
    random = np.random.default_rng(0)
    currents = np.exp(0.7 * 5.0 * random.standard_normal(MANY) / 25.85)
    assert subthreshold_mismatch() == pytest.approx(currents.std() / currents.mean(), rel=0.01)
    assert subthreshold_mismatch() == pytest.approx(0.1360, abs=1e-4)
    assert sim.SubthresholdCMOS().mismatch == sim.SubthresholdCMOS().converter_gain == subthreshold_mismatch()
    assert subthreshold_mismatch(0.0) == 0.0


def test_brainscales2_has_the_published_bits_gain_and_noise():
    chip = sim.BrainScaleS2()
    assert (chip.weight_bits, chip.dac_bits, chip.adc_bits, chip.read_noise, chip.gain) == (6, 5, 8, 2.0, 0.002)
    # 500 steps of weight times input make one of the result; sent 3 times, 166.7, and a fourth time would pass 127 results
    assert step_of(chip, 1, 127 * 150.0, 1.0) == (167.0, 167, 3)
    assert step_of(chip, 1, 127 * 2000.0, 1.0) == (500.0, 500, 1)  # once at least: what is larger is cut by the ADC
    assert step_of(chip, 10, 127 * 0.3, 1.0) == (0.3, 3, 1666)


def test_weights_of_few_bits_take_as_many_magnitudes():
    weight = np.arange(-127, 128)
    device = sim.AnalogDevice(weight_bits=3)
    got = device.weights(weight, DRAWS, 0.0)
    assert sorted(set(np.abs(got).round(6))) == pytest.approx([127 * level / 7 for level in range(8)], abs=1e-6)
    assert np.abs(got - weight).max() <= 127 / 14 + 1e-9
    assert (sim.AnalogDevice().weights(weight, DRAWS, 0.0) == weight).all()


def test_stuck_devices_hold_nothing_or_everything():
    stuck = held(sim.AnalogDevice(stuck_off=0.1, stuck_on=0.02), 0.4)
    assert (stuck == 0.0).mean() == pytest.approx(0.1, abs=0.004)
    assert (stuck == 1.0).mean() == pytest.approx(0.02, abs=0.002)
    assert ((stuck == 0.0) | (stuck == 1.0) | (stuck == 0.4)).all()


def test_a_pair_of_devices_is_noisy_on_its_empty_side_too():
    device = sim.PCM(drift=0.0, flicker=0.0)
    pair = device.weights(np.full(MANY, 0), DRAWS, 20.0)
    assert pair.std() > 0.0
    assert abs(pair.mean()) < 5 * pair.std() / math.sqrt(MANY)
    weight = np.where(np.arange(MANY) % 2, 100, -100)
    got = device.weights(weight, DRAWS, 20.0)
    one, other = device.programming_noise(np.array([1.0, 0.0])) / 25.0
    half = other * math.sqrt(0.5 - 0.5 / math.pi)  # standard deviation of a normal number cut at 0
    assert (got * np.sign(weight)).std() / 100.0 == pytest.approx(math.hypot(one, half), rel=0.01)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: sim.AnalogDevice(mismatch=-0.1), r"AnalogDevice.mismatch = -0.1 must be >= 0"),
        (lambda: sim.AnalogDevice(mismatch=float("nan")), "must be finite"),
        (lambda: sim.AnalogDevice(mismatch=[0.1, 0.2]), "must be one number"),
        (lambda: sim.AnalogDevice(adc_bits=0), "AnalogDevice.adc_bits = 0 must be >= 2"),
        (lambda: sim.AnalogDevice(dac_bits=0), "AnalogDevice.dac_bits = 0 must be >= 1"),
        (lambda: sim.AnalogDevice(weight_bits=0), "AnalogDevice.weight_bits = 0 must be >= 1"),
        (lambda: sim.AnalogDevice(weight_bits=2.5), "must be a whole number"),
        (lambda: sim.AnalogDevice(tile=0), "AnalogDevice.tile = 0 must be >= 1"),
        (lambda: sim.AnalogDevice(stuck_off=0.6, stuck_on=0.6), "must be <= 1"),
        (lambda: sim.AnalogDevice(read_noise=1.0), "needs adc_bits"),
        (lambda: sim.AnalogDevice(converter_offset=1.0), "needs adc_bits"),
        (lambda: sim.PCM(polynomial=(1.0, 2.0)), r"PCM.polynomial = \(1.0, 2.0\) must be coefficients of 1, g and g\^2"),
        (lambda: sim.PCM(exponent=(0.0, 0.0, 0.2, 0.1)), "PCM.exponent = .* must be a slope, a value, and bounds"),
        (lambda: sim.PCM(t_0=0.0), "PCM.t_0 = 0 s must be > 0"),
        (lambda: sim.PCM(programming=-1.0), "PCM.programming = -1 must be >= 0"),
        (lambda: subthreshold_mismatch(-1.0), "subthreshold_mismatch.sigma_vt = -1 mV must be >= 0"),
    ],
)
def test_impossible_devices_are_refused(make, said):
    with pytest.raises(ParameterError, match=said):
        make()
