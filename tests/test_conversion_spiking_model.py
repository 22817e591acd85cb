"""A trained transformer, converted."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import snnsim as sim
from snnsim.connect import Dense
from snnsim.errors import ConversionError, ParameterError
from snnsim.graph.ir import Activation, Graph, Input, LayerNorm, Linear, Mean, Multiply, Softmax
from snnsim.models.integer import IntegerUnit


@pytest.fixture(scope="module")
def held_out():
    images, labels = sim.data.load_digits("test")
    return sim.data.patches(images), labels


def test_float_quantised_and_spiking_model_classify_the_held_out_digits(held_out):
    graph, about = sim.data.load_model("digits")
    inputs, labels = held_out
    model = sim.convert(graph, sim.data.patches(sim.data.load_digits("train")[0][:512]))
    floats = graph.evaluate(inputs)["logits"]
    reference = model.reference(inputs)
    result = model(inputs, code="graded")
    certificate = model.verify(result, reference)
    accuracy = (floats.argmax(axis=1) == labels).mean()
    assert len(labels) == 360
    assert accuracy >= 0.96
    assert accuracy == pytest.approx(about["held_out_accuracy"], abs=1e-3)
    assert (model.scores(result).argmax(axis=1) == labels).mean() >= accuracy - 0.003
    assert certificate.mismatches == 0
    sizes = {name: p.size for name, p in model.network.populations.items()}
    assert certificate.compared == 360 * (2 * sum(sizes.values()) - sizes["pixels"] - sizes["logits"])
    assert {layer.name for layer in certificate.layers} == set(model.network.populations)
    assert all(layer.bits <= 32 for layer in certificate.layers)


def test_scores_approach_the_float_model_as_bits_are_added(held_out):
    graph, _ = sim.data.load_model("digits")
    calibration = sim.data.patches(sim.data.load_digits("train")[0][:256])
    inputs = held_out[0][:60]
    floats = graph.evaluate(inputs)["logits"]
    errors = []
    for bits in (4, 6, 8):
        model = sim.convert(graph, calibration, activation_bits=bits)
        scores = model.reference(inputs)["logits"].acc * model.integer_graph.output.scale
        errors.append(np.abs(scores - floats).mean())
    assert errors[0] > 2 * errors[1] > 2 * errors[2]
    assert errors[2] < 0.1


def test_a_converted_transformer_is_an_ordinary_network(digits):
    model, inputs, _, result = digits
    again = sim.simulate(model.network, inputs=inputs)
    assert all((again.values[name] == result.values[name]).all() for name in result.values)


def test_a_changed_weight_fails_the_certificate(digits):
    model, inputs, _, _ = digits
    layers = dict(model.integer_graph.layers)
    weight = layers["block1.out"].edges[1].weight
    changed = np.array(weight)
    changed[3, 4] += 1
    edges = list(layers["block1.out"].edges)
    edges[1] = type(edges[1])(edges[1].source, changed)
    layers["block1.out"] = dataclasses.replace(layers["block1.out"], edges=tuple(edges))
    other = sim.SpikingModel(model.graph, type(model.integer_graph)(list(layers.values())))
    with pytest.raises(ConversionError, match=r"layer 'block1.out' differs from the integer program in [1-9]\d* of"):
        model.verify(other(inputs), model.reference(inputs))


def test_every_layer_says_what_it_became(digits):
    model, *_ = digits
    labels = {row.name: row.label for row in model.layers}
    assert labels["block0.scores"] == labels["norm"] == "group"
    assert labels["block0.q"] == labels["block1.hidden"] == "spiking"
    assert labels["pixels"] == "input"
    assert labels["logits"] == "readout"
    assert all(isinstance(p.model, IntegerUnit) for p in model.network.populations.values())
    dense = [p.connector for p in model.network.projections.values() if isinstance(p.connector, Dense)]
    assert all(connector.weight.dtype == np.int8 for connector in dense)
    bits = {row.name: row.weight_bits for row in model.layers}
    assert (bits["block0.q"], bits["norm"], bits["block0.mid"]) == (8, 0, 16)  # a residual weight is a threshold: wider than 8 bits


def chain(*nodes):
    x = Input(name="x", inputs=(), shape=(2, 2), low=0, high=4, step=0.25)
    return Graph([x, *nodes])


EYE = np.eye(2)


@pytest.mark.parametrize(
    ("graph", "text"),
    [
        (lambda: chain(Softmax(name="s", inputs=("x",), shape=(2, 2))), "'s': Softmax of 'x' has no conversion yet"),
        (lambda: chain(Activation(name="a", inputs=("x",), shape=(2, 2), function="gelu")), "'a': Activation of 'x' has no conversion yet"),
        (
            lambda: chain(
                Linear(name="l", inputs=("x",), shape=(2, 2), weight=EYE, bias=np.zeros(2)),
                Activation(name="a", inputs=("l",), shape=(2, 2), function="tanh"),
            ),
            "output 'a' applies 'tanh'",
        ),
        (lambda: chain(Linear(name="l", inputs=("x",), shape=(2, 2), weight=0 * EYE, bias=np.zeros(2))), "'l' is 0 on all 1 calibration"),
        (
            lambda: chain(
                LayerNorm(name="n", inputs=("x",), shape=(2, 2), gamma=1e9 * np.ones(2), beta=np.ones(2), eps=1e12),
                Mean(name="o", inputs=("n",), shape=(2,)),
            ),
            "'n': eps = 1e.12 is .* past 2.40",
        ),
    ],
)
def test_what_cannot_be_converted_names_its_node(graph, text):
    with pytest.raises(ConversionError, match=text):
        sim.convert(graph(), np.array([[[1, 4], [3, 0]]]))


def test_a_product_of_a_population_with_itself_settles():
    sample = np.array([[[1, 4], [3, 0]]])
    graph = chain(
        Multiply(name="m", inputs=("x", "x"), shape=(2, 2), subscripts="id,jd->ij", views=((2, 2), (2, 2)), scale=1.0),
        LayerNorm(name="n", inputs=("m",), shape=(2, 2), gamma=np.ones(2), beta=np.zeros(2), eps=1e-5),
        Mean(name="o", inputs=("n",), shape=(2,)),
    )
    model = sim.convert(graph, sample)
    for code, schedule in (("unary", "shuffled"), ("signed_digit", "eager"), ("graded", "settled")):
        assert model.verify(model(sample, code=code, schedule=schedule), model.reference(sample)).mismatches == 0


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8, 10])
@pytest.mark.parametrize("function", ["relu", "gelu"])
@pytest.mark.parametrize("high", [1, 3, 255])
def test_the_integer_program_stays_near_the_float_model_whatever_the_input_levels(bits, function, high):
    """Binary inputs give coarse sums; folding them must not push a weight out of its 8 bits."""
    for seed in range(5):
        random = np.random.default_rng(seed)
        x = Input(name="x", inputs=(), shape=(1, 6), low=0, high=high, step=1.0 / high)
        graph = Graph([
            x,
            Linear(name="l", inputs=("x",), shape=(1, 8), weight=random.normal(size=(8, 6)), bias=random.normal(size=8)),
            Activation(name="a", inputs=("l",), shape=(1, 8), function=function),
            Linear(name="m", inputs=("a",), shape=(1, 8), weight=random.normal(size=(8, 8)), bias=random.normal(size=8)),
            Linear(name="o", inputs=("m",), shape=(1, 3), weight=random.normal(size=(3, 8)), bias=np.zeros(3)),
        ])  # fmt: skip
        inputs = random.integers(0, high + 1, size=(64, 1, 6))
        model = sim.convert(graph, inputs, activation_bits=bits)
        values, floats = model.reference(inputs), graph.evaluate(inputs)
        for name, layer in model.integer_graph.layers.items():
            if name in ("a", "m"):
                error = np.abs(values[name].s * layer.scale - floats[name])
                levels = min(2 ** (bits - 1) - 1, 127)
                assert error.max() <= (1.5 if name == "a" else 6.0) / levels * np.abs(floats[name]).max() + 0.05


@pytest.mark.parametrize("function", ["relu", "gelu", "silu", "sigmoid", "tanh"])
def test_any_scalar_function_becomes_a_spiking_table(function):
    random = np.random.default_rng(1)
    graph = chain(
        Linear(name="l", inputs=("x",), shape=(2, 8), weight=random.normal(size=(8, 2)) * 3, bias=random.normal(size=8)),
        Activation(name="a", inputs=("l",), shape=(2, 8), function=function),
        Linear(name="o", inputs=("a",), shape=(2, 3), weight=random.normal(size=(3, 8)), bias=np.zeros(3)),
    )
    x = random.integers(0, 5, size=(40, 2, 2))
    model = sim.convert(graph, x)
    result = model(x, code="unary", schedule="eager")
    assert model.verify(result, model.reference(x)).mismatches == 0
    wanted = graph.evaluate(x)["a"]
    step = np.abs(wanted).max() / 127
    got = result.values["a"] * model.integer_graph.layers["a"].scale
    # half a step of the output, and half an argument step (1/512 of the range) plus weight rounding through the steepest slope
    np.testing.assert_allclose(got, wanted, atol=0.5 * step + 0.02 * np.abs(graph.evaluate(x)["l"]).max())


def test_bad_calibration_is_refused():
    graph, _ = sim.data.load_model("digits")
    with pytest.raises(ParameterError, match=r"must have \(batch, 16, 4\)"):
        sim.convert(graph, np.zeros((3, 8, 8), int))
    with pytest.raises(ParameterError, match="activation_bits = 1 must be >= 2"):
        sim.convert(graph, np.ones((3, 16, 4), int), activation_bits=1)
    with pytest.raises(ParameterError, match=r"convert.graph = str must be a Graph"):
        sim.convert("digits", np.ones((3, 16, 4), int))


def test_a_certificate_needs_the_reference_of_the_same_inputs(digits):
    model, inputs, _, result = digits
    for other in (inputs[:5], inputs[::-1], np.repeat(inputs[:1], 24, axis=0)):
        with pytest.raises(ParameterError, match="the same inputs"):
            model.verify(result, model.reference(other))
