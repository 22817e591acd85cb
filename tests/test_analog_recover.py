"""A chip that measures itself gets back what it can."""

from __future__ import annotations

import numpy as np
import pytest

import snnsim as sim
from snnsim.models.staircase import Staircase
from snnsim.models.table import Table

CLEAN = sim.PCM(programming=0.0, flicker=0.0)


@pytest.fixture(scope="module")
def model():
    graph, _ = sim.data.load_model("digits")
    return sim.convert(graph, sim.data.patches(sim.data.load_digits("train")[0][:512]))


@pytest.fixture(scope="module")
def calibration():
    return sim.data.patches(sim.data.load_digits("train")[0][600:664])


@pytest.fixture(scope="module")
def held_out():
    images, labels = sim.data.load_digits("test")
    return sim.data.patches(images[:120]), labels[:120].astype(int)


def errors(model, chip, inputs):
    """Return the error of what every population of the model emits over its spread, root mean square."""
    wanted, got = model.reference(inputs), chip.reference(inputs)
    names = [name for name, each in wanted.items() if each.s.any() and name != "pixels"]
    return {name: np.sqrt(((got[name].s - wanted[name].s) ** 2).mean()) / wanted[name].s.std() for name in names}


def test_gain_and_offset_of_converters_are_trimmed_away(model, calibration, held_out):
    device = sim.AnalogDevice(adc_bits=12, converter_gain=0.2, converter_offset=40.0)
    raw, trimmed = (sim.fabricate(model, device, seed=3, calibration=calibration, recover=recover) for recover in (None, "channels"))
    before, after = (errors(model, chip, held_out[0]) for chip in (raw, trimmed))
    assert before["block1.hidden"] > 0.15
    assert after["block1.hidden"] < 0.15 * before["block1.hidden"]
    assert np.mean(list(after.values())) < 0.1 * np.mean(list(before.values()))
    assert trimmed.certify(held_out[0][:8], code="graded").mismatches == 0


def test_a_trimmed_converter_has_the_gain_and_offset_of_an_ideal_one(model, calibration):
    device = sim.AnalogDevice(adc_bits=14, converter_gain=0.3, converter_offset=200.0)
    chip = sim.fabricate(model, device, seed=0, calibration=calibration, recover="channels")
    first = next(bar for bar in chip.crossbars if bar.layer == "embed")  # nothing before it is wrong
    unit = chip.integer_graph.layers[first.name].unit
    assert unit.theta == pytest.approx(np.full(32, first.theta), rel=0.01)
    raw = sim.fabricate(model, device, seed=0, calibration=calibration).integer_graph.layers[first.name].unit
    assert np.abs(raw.theta / first.theta - 1.0).max() > 0.2
    assert np.abs(unit.bias / unit.theta).max() < 0.02 * np.abs(raw.bias / raw.theta).max()


def test_drift_compensation_returns_the_gain_that_drift_took(model, calibration):
    chip = sim.fabricate(model, CLEAN, time=86_400.0, calibration=calibration, recover="drift")
    raw = sim.fabricate(model, CLEAN, time=86_400.0, calibration=calibration)
    for bar in raw.crossbars[:4]:
        thetas = [np.unique(each.integer_graph.layers[bar.name].unit.theta) for each in (raw, chip)]
        assert thetas[0] == bar.theta
        assert len(thetas[1]) == 1  # one number for all channels
        assert thetas[1][0] / bar.theta == pytest.approx(0.64, abs=0.05)


def away(model, chip, inputs):
    """Return by population how far, at most, the mean place of a unit in its staircase or table is from that of the ideal network."""
    wanted, got = model.reference(inputs), chip.reference(inputs)
    far = {}
    for name, layer in model.integer_graph.layers.items():
        unit = layer.unit
        if isinstance(unit, (Staircase, Table)):
            low, high = (unit.low, unit.low + len(unit.values) - 1) if isinstance(unit, Table) else (unit.s_min, unit.s_max)
            places = (np.clip(np.floor(each[name].acc / unit.theta + 0.5), low, high) for each in (wanted, got))
            first, second = (place.reshape(-1, layer.shape[-1]).mean(axis=0) for place in places)
            far[name] = np.abs(first - second).max()
    return far


def test_homeostasis_returns_every_unit_to_its_mean_activity(model, calibration):
    device = sim.AnalogDevice(mismatch=0.3)
    raw, rested = (sim.fabricate(model, device, seed=1, calibration=calibration, recover=r) for r in (None, "homeostasis"))
    before, after = (away(model, chip, calibration) for chip in (raw, rested))
    assert min(before.values()) > 5.0
    assert max(after.values()) < 0.2
    assert np.median(list(after.values())) <= 0.021
    assert all((rested.integer_graph.layers[b.name].unit.theta == raw.integer_graph.layers[b.name].unit.theta).all() for b in raw.crossbars)


@pytest.mark.parametrize(
    ("device", "time", "recover", "at_most", "at_least"),
    [
        ("pcm", 86_400.0, "drift", 0.5, 0.93),
        ("pcm", 86_400.0, "channels", 0.5, 0.97),
        (sim.AnalogDevice(mismatch=0.4, converter_gain=0.3), None, "channels", 0.75, 0.93),
        (sim.AnalogDevice(mismatch=0.4, converter_gain=0.3), None, "homeostasis", 0.75, 0.78),
    ],
)
def test_accuracy_comes_back(model, calibration, held_out, device, time, recover, at_most, at_least):
    settings = {"n": 4, "time": time, "calibration": calibration}
    raw = sim.monte_carlo(model, *held_out, device, **settings)
    recovered = sim.monte_carlo(model, *held_out, device, **settings, recover=recover)
    assert raw.mean < at_most
    assert recovered.mean > at_least
