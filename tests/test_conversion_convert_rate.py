"""Rate-coded conversions."""

from __future__ import annotations

import numpy as np
import pytest
from rate_graphs import cnn, mlp, simulated

import snnsim as sim
from snnsim.conversion.balance import Balance, rate
from snnsim.errors import ConversionError, ParameterError

STAIRS = ("mul", ("minimum", ("maximum", ("mul", ("floor", ("add", ("mul", 4.0, "x"), 0.5)), 0.125), 0.0), 1.0), 2.0)
ERRORS = {"max": {"method": "max"}, "percentile": {"percentile": 99.0}, "qcfs": {"method": "qcfs"}, "zero": {"reset": "zero"}}


def data(graph, n=40, seed=3):
    return np.abs(np.random.default_rng(seed).normal(size=(n, *graph.input.shape)))


def error(graph, x, steps, **settings):
    """Return the mean distance of the outputs after `steps` from those of the float model."""
    model = sim.convert_rate(graph, data(graph, 200, seed=4), steps=steps, **settings)
    return np.abs(model.scores(model(x))[:, -1] - graph.evaluate(x)[graph.output.name]).mean()


@pytest.mark.parametrize("settings", [{}, {"reset": "zero"}, {"neuron": "lif", "tau_m": 8.0}, {"method": "qcfs"}], ids=str)
def test_every_step_is_that_of_the_few_lines_that_say_what_neurons_do(settings):
    graph = mlp()
    x = data(graph, 7)
    model = sim.convert_rate(graph, data(graph), steps=25, **settings)
    result = model(x)
    beta = np.exp(-1.0 / 8.0) if "neuron" in settings else 1.0
    reset = settings.get("reset", "subtract")
    outputs, spikes = simulated(graph, x, model.thresholds, 25, beta=beta, reset=reset, half="method" in settings)
    np.testing.assert_allclose(model.scores(result), outputs, atol=1e-10)
    assert [result.counts.layers[name]["spikes"] for name in ("relu1", "relu2")] == spikes and min(spikes) > 100
    synops = [result.counts.layers[name]["synops"] for name in ("relu1 -> relu2", "relu2 -> fc3")]
    assert synops == [10 * spikes[0], 4 * spikes[1]]
    assert result.counts.layers["x -> relu1 (host)"] == {"macs": 7 * 6 * 12} and result.counts.role("x -> relu1 (host)") == "ann"


@pytest.mark.parametrize("name", ["max", "percentile", "qcfs"])
def test_the_error_falls_with_the_steps_down_to_what_the_threshold_cuts_off(name):
    graph = mlp()
    x = data(graph)
    errors = [error(graph, x, steps, **{**ERRORS[name], "percentile": 100.0}) for steps in (16, 64, 256)]
    if name == "qcfs":
        assert errors[0] > 2.0 * errors[1]  # its clip is made for few steps
    else:
        assert errors[0] > 2.5 * errors[1] > 2.5 * 2.5 * errors[2]  # 1 / T would be 4


def test_a_convolutional_network_comes_near_its_floats_too():
    graph = cnn()
    x = data(graph, 12)
    few, many = (error(graph, x, steps, method="max") for steps in (32, 256))
    assert few > 4.0 * many


def test_a_half_threshold_at_the_start_beats_none_at_few_steps_and_a_reset_to_zero_loses():
    graph = mlp()
    x = data(graph, 100)
    found = {name: error(graph, x, 8, **settings) for name, settings in ERRORS.items()}
    assert found["qcfs"] < 0.5 * found["max"]
    late = {name: error(graph, x, 128, **settings) for name, settings in ERRORS.items()}
    assert late["zero"] > 3.0 * late["percentile"]


@pytest.mark.parametrize("settings", [{"initial": "calibrated"}, {"bias": "calibrated"}], ids=str)
def test_calibration_takes_most_of_the_error_off_at_few_steps(settings):
    graph = mlp()
    x = data(graph, 100)
    assert error(graph, x, 8, **settings) < 0.7 * error(graph, x, 8)


def test_a_network_trained_with_steps_is_equalled_in_as_many_steps():
    graph = mlp(sizes=(6, 30, 4), function=STAIRS)  # eight steps up to 2
    x = data(graph, 60)
    model = sim.convert_rate(graph, data(graph), steps=8, method="qcfs")
    assert dict(model.thresholds) == {"relu1": 2.0}
    floats = graph.evaluate(x)
    assert len(np.unique(floats["relu1"])) == 9
    np.testing.assert_allclose(model.rates(x)["relu1"], floats["relu1"], atol=1e-12)
    np.testing.assert_allclose(model.scores(model(x))[:, -1], floats["fc2"], atol=1e-12)


def test_thresholds_are_those_that_the_methods_name():
    graph = mlp()
    calibration = data(graph, 50)
    values = graph.evaluate(calibration)
    most = sim.convert_rate(graph, calibration, method="max")
    some = sim.convert_rate(graph, calibration, percentile=90.0)
    for name in ("relu1", "relu2"):
        assert most.thresholds[name] == values[name].max()
        assert some.thresholds[name] == np.percentile(values[name][values[name] > 0.0], 90.0)
    few, many = (sim.convert_rate(graph, calibration, method="qcfs", steps=steps).thresholds["relu1"] for steps in (2, 64))
    assert few < many <= most.thresholds["relu1"]  # few levels are better spent on small values


def test_rates_of_the_first_layer_are_those_of_the_closed_form_and_others_come_near_their_activations():
    graph = mlp()
    x = data(graph, 9)
    model = sim.convert_rate(graph, data(graph), steps=64, method="max", initial="half")
    rates, floats = model.rates(x), model.activations(x)
    balance = model.balances["relu1"]
    assert isinstance(balance, Balance) and balance.v_init == balance.threshold / 2
    np.testing.assert_allclose(rates["relu1"], rate(balance, graph.evaluate(x)["fc1"], 64), atol=1e-12)
    for name, threshold in model.thresholds.items():
        np.testing.assert_array_equal(floats[name], graph.evaluate(x)[name])
        np.testing.assert_allclose(rates[name], np.minimum(floats[name], threshold), atol=4 * threshold / 64)


def test_inputs_as_spikes_need_no_multiplication_and_agree_in_the_end():
    graph = mlp()
    x = data(graph, 10)
    model = sim.convert_rate(graph, data(graph), steps=256, method="max", encoding="spikes")
    result = model(x)
    assert result.counts.total("macs") == 0
    assert list(model.thresholds) == ["x", "relu1", "relu2"]
    np.testing.assert_array_less(np.abs(model.scores(result)[:, -1] - graph.evaluate(x)["fc3"]).mean(), 0.05)
    with pytest.raises(ParameterError, match=r"RateModel\.inputs: 'x' holds -1 but must be >= 0"):
        model(-np.ones((1, 6)))
    with pytest.raises(ConversionError, match=r"input 'x' holds -1 but must be >= 0 with encoding='spikes'.*encoding='current'"):
        sim.convert_rate(graph, -np.ones((3, 6)), encoding="spikes")


def test_samples_and_threads_do_not_see_each_other_and_same_seed_gives_same_bits():
    graph = cnn()
    x = data(graph, 5)
    model = sim.convert_rate(graph, data(graph), steps=12)
    whole = model(x, seed=3)
    again, threaded = model(x, seed=3), model(x, threads=2)
    alone = np.concatenate([model.scores(model(x[i : i + 1])) for i in range(5)])
    for other in (model.scores(again), model.scores(threaded), alone):
        np.testing.assert_array_equal(model.scores(whole), other)
    assert whole.counts == again.counts and whole.counts.total("spikes") > 500
    longer = model.scores(model(x, steps=20))
    assert longer.shape == (5, 20, 3)
    np.testing.assert_array_equal(longer[:, :12], model.scores(whole))


def test_the_network_is_an_ordinary_one():
    graph = mlp()
    x = data(graph, 3)
    model = sim.convert_rate(graph, data(graph), steps=10)
    by_hand = sim.simulate(model.fed(x), 30.0, dt=1.0, engine="clock", trials=10.0, record={"relu1": ["spikes"], "fc3": ["v"]})
    recorded = model(x, record={"relu1": ["spikes"]})
    np.testing.assert_array_equal(by_hand.recordings["fc3"]["v"].values, recorded.recordings["fc3"]["v"].values)
    np.testing.assert_array_equal(by_hand.spikes["relu1"].times, recorded.spikes["relu1"].times)
    assert sim.estimate_energy(by_hand.counts, profile="horowitz45") is not None


def test_a_torch_module_enters_by_the_same_door():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3),
        torch.nn.BatchNorm2d(3),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(12, 4),
    ).eval()
    x = torch.rand(6, 1, 6, 6)
    model = sim.convert_rate(module, x, method="max", steps=256)
    with torch.no_grad():
        np.testing.assert_allclose(model.scores(model(x))[:, -1], module(x).numpy(), atol=0.03)
    layer = torch.nn.TransformerEncoderLayer(4, 1, batch_first=True).eval()
    with pytest.raises(ConversionError, match=r"convert_rate: graph node '.*' .*cannot be rate-coded.*Use sim\.convert"):
        sim.convert_rate(layer, torch.rand(2, 3, 4))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": "median"}, r"convert_rate\.method.*max, percentile, qcfs"),
        ({"percentile": 0.0}, r"convert_rate\.percentile = 0 must be > 0"),
        ({"steps": 0}, r"convert_rate\.steps = 0 must be >= 1"),
        ({"tau_m": 5.0}, r"convert_rate\.tau_m = 5\.0 does not apply to neuron='if'"),
        ({"neuron": "lif", "tau_m": -1.0}, r"convert_rate\.tau_m = -1 steps must be > 0"),
        ({"neuron": "lif", "tau_m": np.ones(2)}, r"convert_rate\.tau_m = .* must be one number"),
        ({"initial": "random"}, r"convert_rate\.initial.*zero, half, calibrated"),
        ({"reset": "zero", "initial": "calibrated"}, r"convert_rate\.initial = 'calibrated' must go with.*closed form"),
        ({"neuron": "lif", "bias": "calibrated"}, r"convert_rate\.bias = 'calibrated' must go with"),
        ({"encoding": "poisson"}, r"convert_rate\.encoding.*current, spikes"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_refused_with_name_value_and_rule(settings, words):
    with pytest.raises(ParameterError, match=words):
        sim.convert_rate(mlp(), np.ones((2, 6)), **settings)


def test_a_layer_that_the_data_do_not_excite_is_named():
    graph = mlp(sizes=(2, 1, 2))
    x = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0], [3.0, 3.0], [-3.0, -3.0]])
    silent = x[graph.evaluate(x)["relu1"][:, 0] == 0.0]
    assert len(silent)
    with pytest.raises(ConversionError, match="layer 'relu1' is 0 on all .* calibration inputs.*excite it"):
        sim.convert_rate(graph, silent)
