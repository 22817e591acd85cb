"""A trained transformer, converted."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import snnsim as sim
from snnsim.connect import Dense
from snnsim.errors import CompileError, ConversionError, ParameterError
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Activation, Elementwise, Gather, Input, LayerNorm, Linear, Multiply, Sum
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
    first, dense = layers["block0.out"].edges
    changed = np.array(dense.weight)
    changed[3, 4] += 1 if changed[3, 4] < 127 else -1
    edges = (first, dataclasses.replace(dense, weight=changed))
    layers["block0.out"] = dataclasses.replace(layers["block0.out"], edges=edges)
    other = sim.SpikingModel(model.coding, type(model.integer_graph)(list(layers.values())))
    with pytest.raises(ConversionError, match=r"layer 'block0.out' differs from the integer program in [1-9]\d* of"):
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
    # A residual weight is a threshold, wider than 8 bits; products read populations and need no weight.
    assert (bits["block0.q"], bits["block0.mid"], bits["block0.scores"]) == (8, 16, 0)
    rows = {row.name: row for row in model.layers}
    assert rows["block0.hidden"].unit == "Table" and rows["block0.hidden"].levels == 256
    low, high = rows["block0.q"].threshold
    assert 1 <= low < high


def chain(*nodes):
    x = Input(name="x", inputs=(), shape=(2, 2), low=0, high=4, step=0.25)
    return Graph([x, *nodes])


EYE = np.eye(2)


def linear(name, source, weight, bias=0.0):
    return Linear(name=name, inputs=(source,), shape=(2, len(weight)), weight=weight, bias=np.full(len(weight), bias))


def test_a_bias_that_correction_lifts_past_31_bits_names_node_place_and_remedy():
    x = Input(name="x", inputs=(), shape=(64,), kind="real")
    data = np.full((64, 64), 0.4 / 255)  # reads as 0, so that the bias takes up their mean
    data[0] = 1.0
    place = "model.py:7: return self.last(x)"

    def converted(bias, **options):
        last = Linear(name="last", inputs=("x",), shape=(2,), weight=np.ones((2, 64)), bias=np.full(2, bias), origin=place)
        return sim.convert(Graph([x, last]), data, **options)

    unit = float(np.max(converted(0.0).integer_graph.layers["last"].scale))
    largest = (2**31 - 2) * unit
    with pytest.raises(CompileError, match=r"Population\('last'\): an accumulator can reach .* It comes from model.py:7: return self.last"):
        converted(largest, bias_correction=False)
    message = (
        r"node 'last' \(model.py:7: return self.last\(x\)\) has a bias of 2.147e\+09 accumulator units after bias correction, past 31 "
        r"bits: .*fewer weight_bits.*bias_correction=False"
    )
    with pytest.raises(ConversionError, match=message):
        converted(largest)


@pytest.mark.parametrize(
    ("graph", "text"),
    [
        (lambda: chain(linear("l", "x", 0 * EYE)), "'l' has only zero weights: it computes a constant. Remove it"),
        (lambda: chain(linear("l", "x", 1e-30 * EYE, bias=1.0)), "'l' has a bias of .* accumulator units, past 31 bits"),
        (
            lambda: chain(
                linear("l", "x", -EYE), Activation(name="a", inputs=("l",), shape=(2, 2), function="relu"), linear("o", "a", EYE)
            ),
            "'a' is 0 on all 1 calibration inputs. Give inputs that excite it",
        ),
        (
            lambda: chain(linear("l", "x", EYE), Activation(name="a", inputs=("l",), shape=(2, 2), function="log")),
            "'a' is not finite on the calibration data",
        ),
        (
            lambda: chain(linear("l", "x", EYE, bias=-0.3), Activation(name="a", inputs=("l",), shape=(2, 2), function="reciprocal")),
            "'a' is not finite between .*for example by a clamp",
        ),
        (
            lambda: chain(LayerNorm(name="n", inputs=("x",), shape=(2, 2), gamma=1e9 * np.ones(2), beta=np.ones(2), eps=1e18)),
            "'n': eps = 1e.18 is .* past 2.62",
        ),
        (
            lambda: chain(Elementwise(name="e", inputs=("x",), shape=(2, 2), function=("eq", "x0", 1.0))),
            "'e': a Elementwise works on what the host computes",
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
        Gather(name="rows", inputs=("n",), shape=(2, 2), index=np.array([[0, 2], [1, 3]])),
        Sum(name="o", inputs=("rows",), shape=(2,), scale=0.5),
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
                assert error.max() <= (1.5 if name == "a" else 6.0) / levels * np.abs(floats[name]).max() + 0.06


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
    with pytest.raises(ParameterError, match="activation_bits = 17 must be <= 16"):
        sim.convert(graph, np.ones((3, 16, 4), int), activation_bits=17)
    with pytest.raises(ParameterError, match="weight_bits = 1 must be >= 2"):
        sim.convert(graph, np.ones((3, 16, 4), int), weight_bits=1)
    with pytest.raises(ConversionError, match="'digits' is no file"):
        sim.convert("digits", np.ones((3, 16, 4), int))


def test_an_accumulator_that_could_overflow_is_refused_with_layer_and_bits():
    """16-bit activations times 16-bit weights over 600 channels: up to 40 bits."""
    random = np.random.default_rng(0)
    x = Input(name="x", inputs=(), shape=(600,), kind="real")
    graph = Graph([
        x,
        Linear(name="wide", inputs=("x",), shape=(600,), weight=random.normal(size=(600, 600)), bias=np.zeros(600)),
        Activation(name="a", inputs=("wide",), shape=(600,), function="relu"),
        Linear(name="o", inputs=("a",), shape=(3,), weight=random.normal(size=(3, 600)), bias=np.zeros(3)),
    ])  # fmt: skip
    inputs = random.normal(size=(8, 600))
    with pytest.raises(CompileError, match=r"Population\('a'\): an accumulator can reach \d+, past the 2147483647 .*; 3\d bits would do"):
        sim.convert(graph, inputs, activation_bits=16, weight_bits=16)
    sim.convert(graph, inputs, activation_bits=10, weight_bits=10)


def test_real_inputs_past_the_calibration_take_its_end_with_a_warning():
    graph = Graph(
        [Input(name="x", inputs=(), shape=(2,), kind="real"), Linear(name="o", inputs=("x",), shape=(2,), weight=EYE, bias=np.zeros(2))]
    )
    model = sim.convert(graph, np.array([[1.0, -2.0], [0.5, 0.3]]))
    with pytest.warns(UserWarning, match=r"'x': 1 of 4 numbers .0.25 of them. lie past the range of the calibration data"):
        result = model(np.array([[9.0, 0.0], [0.5, -0.5]]))
    np.testing.assert_allclose(result.outputs["o"], [[1.0, 0.0], [0.5, -0.5]], atol=0.01)
    assert model(np.array([[1.0, -2.0]])).outputs["o"][0] == pytest.approx([1.0, -2.0], abs=0.01)


def test_the_certificate_is_made_on_the_calibration_data_and_in_batches_on_any_other(digits):
    model, inputs, _, result = digits
    assert model.certificate.mismatches == 0 and model.certificate is model.certificate
    sizes = sum(layer.compared for layer in model.certificate.layers)
    assert sizes == model.certificate.compared == 16 * model.verify(result, model.reference(inputs)).compared // 24
    parts = model.certify(inputs, batch=10, code="graded", schedule="eager")
    assert parts.compared == model.verify(result, model.reference(inputs)).compared and parts.mismatches == 0
    with pytest.raises(ParameterError, match="certify.batch = 0 must be >= 1"):
        model.certify(inputs, batch=0)
    alone = sim.SpikingModel(model.coding, model.integer_graph)
    with pytest.raises(ParameterError, match="has no calibration data. Call model.certify"):
        _ = alone.certificate


def test_a_certificate_needs_the_reference_of_the_same_inputs(digits):
    model, inputs, _, result = digits
    for other in (inputs[:5], inputs[::-1], np.repeat(inputs[:1], 24, axis=0)):
        with pytest.raises(ParameterError, match="the same inputs"):
            model.verify(result, model.reference(other))
