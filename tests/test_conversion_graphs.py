"""Graphs written by hand, every operation among them: converted, run, and held against the float graph."""

from __future__ import annotations

import numpy as np
import pytest
from float_graphs import attention, cnn, samples

import snnsim as sim
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import OPERATIONS, Activation, Affine, Gather, Input, Linear


def exact(model, inputs):
    """Run every code under one schedule each, and return the outputs; all integers are those of the program."""
    reference = model.reference(inputs)
    for code, schedule in (("unary", "eager"), ("binary", "shuffled"), ("signed_digit", "settled"), ("graded", "settled")):
        result = model(inputs, code=code, schedule=schedule)
        assert model.verify(result, reference).mismatches == 0
        for name, value in model.outputs(reference).items():
            np.testing.assert_array_equal(result.outputs[name], value)
    return result.outputs


def near(model, graph, inputs, part):
    floats = graph.evaluate(inputs)
    for name, got in exact(model, inputs).items():
        wanted = floats[name]
        assert got.shape == wanted.shape
        np.testing.assert_allclose(got, wanted, atol=part * np.abs(wanted).max())


def test_a_convolutional_network_is_exact_in_spikes_and_near_the_float_graph():
    random = np.random.default_rng(3)
    graph = cnn(random)
    inputs = random.integers(-8, 9, size=(24, 7, 7, 2))
    model = sim.convert(graph, inputs)
    near(model, graph, inputs[:6], 0.06)
    units = {row.name: row.unit for row in model.layers if row.unit}
    assert {row.name: row.into for row in model.layers if row.into} == {
        "conv1": ("relu1",), "bn": ("gelu",), "window": ("max",), "conv3": ("gelu",), "both": ("gelu",), "places": ("mean",),
    }  # fmt: skip
    assert units == {
        "image": "IntegerInput", "relu1": "Staircase", "max": "MaxRow", "conv2": "Staircase", "gelu": "Table", "mean": "Staircase",
        "logits": "Readout",
    }  # fmt: skip


def test_more_bits_bring_a_convolutional_network_nearer_to_the_float_graph():
    random = np.random.default_rng(5)
    graph, inputs = cnn(random), random.integers(-8, 9, size=(24, 7, 7, 2))
    wanted = graph.evaluate(inputs)["logits"]
    errors = []
    for bits in (4, 6, 8, 10):
        model = sim.convert(graph, inputs, activation_bits=bits, weight_bits=bits)
        errors.append(np.abs(model.outputs(model.reference(inputs))["logits"] - wanted).mean())
    assert errors[0] > 1.5 * errors[1] > 2.25 * errors[2] > 3.4 * errors[3]
    assert errors[3] < 0.01 * np.abs(wanted).max()


def test_embeddings_masks_gates_and_two_inputs_and_outputs_are_exact_in_spikes():
    random = np.random.default_rng(1)
    graph, inputs = attention(random), samples(random, 40)
    model = sim.convert(graph, inputs)
    part = {name: array[:8] for name, array in inputs.items()}
    near(model, graph, part, 0.25)
    assert [row.name for row in model.layers if row.label == "host"] == ["rows", "padding"]
    probabilities = model.reference(part)["soft"].s
    assert not probabilities[0, :, :, 1].any()  # what the input blocks
    assert not probabilities[:, :, 0, 1:].any()  # what is blocked for all
    with pytest.raises(sim.ParameterError, match="input 'extra' is missing"):
        model(inputs["tokens"])


def test_the_two_graphs_hold_every_operation_there_is():
    random = np.random.default_rng(0)
    found = {type(node).__name__ for graph in (cnn(random), attention(random)) for node in graph.nodes.values()}
    assert found == set(OPERATIONS)


def test_an_output_may_be_any_layout_of_several_populations():
    random = np.random.default_rng(2)
    x = Input(name="x", inputs=(), shape=(4,), kind="real")
    a = Linear(name="a", inputs=("x",), shape=(3,), weight=random.normal(size=(3, 4)), bias=random.normal(size=3))
    b = Activation(name="b", inputs=("x",), shape=(4,), function="tanh")
    out = Gather(name="out", inputs=("a", "b"), shape=(2, 3), index=np.array([[6, 0, -1], [2, 3, 1]], dtype=np.int32), fill=0.25)
    scaled = Affine(name="scaled", inputs=("out",), shape=(2, 3), scale=np.array([1.0, -2.0, 3.0]), offset=np.array(0.5))
    graph = Graph([x, a, b, out, scaled], ["scaled", "b"])
    inputs = random.normal(size=(20, 4))
    model = sim.convert(graph, inputs)
    near(model, graph, inputs, 0.02)
    assert {row.name: row.kind for row in model.layers} == {
        "x": "input", "a": "readout", "b": "spiking", "out": "folded into a, b", "scaled": "folded into a, b",
    }  # fmt: skip


def test_a_token_model_answers_the_same_whatever_type_its_tokens_come_in():
    random = np.random.default_rng(4)
    graph, inputs = attention(random), samples(random, 10)
    model = sim.convert(graph, inputs)
    wanted = model(inputs).outputs["answer"]
    for kind in (np.int8, np.float32, np.uint64):
        np.testing.assert_array_equal(model({**inputs, "tokens": inputs["tokens"].astype(kind)}).outputs["answer"], wanted)
    with pytest.raises(sim.ParameterError, match="'tokens' holds 7 but must lie in 0 .. 6"):
        model({**inputs, "tokens": np.full((10, 5), 7)})
