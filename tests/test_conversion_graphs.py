"""Graphs written by hand, every operation among them: converted, run, and held against the float graph."""

from __future__ import annotations

import numpy as np
import pytest

import snnsim as sim
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import (
    LOWEST,
    OPERATIONS,
    Activation,
    Add,
    Affine,
    Conv,
    Elementwise,
    Embedding,
    Gather,
    Input,
    LayerNorm,
    Linear,
    Max,
    Multiply,
    Softmax,
    Sum,
    layout,
)


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


def windows(node, size, channels):
    """Return the index of non-overlapping windows of a square image, one row too large: -1 beyond the border."""
    n = node.shape[0]
    out = -(-n // size)
    at = np.full((out, out, channels, size * size), -1)
    for y, x, c, k in np.ndindex(*at.shape):
        row, column = y * size + k // size, x * size + k % size
        if row < n and column < n:
            at[y, x, c, k] = (row * n + column) * channels + c
    return at


def cnn(random):
    """Return conv - relu - max pool, a strided grouped conv beside it, concatenation, batch norm, mean, linear."""
    image = Input(name="image", inputs=(), shape=(7, 7, 2), low=-8, high=8, step=0.125)
    first = Conv(
        name="conv1", inputs=("image",), shape=(7, 7, 4), weight=random.normal(size=(3, 3, 2, 4)), bias=random.normal(size=4),
        stride=(1, 1), padding=((1, 1), (1, 1)), dilation=(1, 1),
    )  # fmt: skip
    rectified = Activation(name="relu1", inputs=("conv1",), shape=first.shape, function="relu")
    window = layout("window", rectified, windows(rectified, 2, 4), fill=LOWEST)
    pooled = Max(name="max", inputs=("window",), shape=(4, 4, 4))
    second = Conv(
        name="conv2", inputs=("image",), shape=(4, 4, 6), weight=random.normal(size=(2, 2, 1, 6)), bias=random.normal(size=6),
        stride=(2, 2), padding=((1, 1), (1, 1)), dilation=(2, 2), groups=2,
    )  # fmt: skip
    a, b = np.arange(64).reshape(4, 4, 4), 64 + np.arange(96).reshape(4, 4, 6)
    both = layout("both", [pooled, second], np.concatenate([a, b], axis=2))
    normed = Affine(name="bn", inputs=("both",), shape=(4, 4, 10), scale=random.uniform(0.5, 2.0, size=10), offset=random.normal(size=10))
    third = Conv(
        name="conv3", inputs=("bn",), shape=(2, 2, 5), weight=random.normal(size=(3, 3, 10, 5)), bias=np.zeros(5),
        stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1),
    )  # fmt: skip
    gelu = Activation(name="gelu", inputs=("conv3",), shape=(2, 2, 5), function="gelu")
    places = layout("places", gelu, np.arange(20).reshape(4, 5).T)
    mean = Sum(name="mean", inputs=("places",), shape=(5,), scale=0.25)
    logits = Linear(name="logits", inputs=("mean",), shape=(3,), weight=random.normal(size=(3, 5)), bias=random.normal(size=3))
    return Graph([image, first, rectified, window, pooled, second, both, normed, third, gelu, places, mean, logits])


def test_a_convolutional_network_is_exact_in_spikes_and_near_the_float_graph():
    random = np.random.default_rng(3)
    graph = cnn(random)
    inputs = random.integers(-8, 9, size=(24, 7, 7, 2))
    model = sim.convert(graph, inputs)
    near(model, graph, inputs[:6], 0.06)
    units = {row.name: row.unit for row in model.layers}
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


def attention(random):
    """Return tokens - embedding - masked, gated attention with two inputs and two outputs: every operation that is left."""
    tokens = Input(name="tokens", inputs=(), shape=(5,), kind="index", low=0, high=6)
    extra = Input(name="extra", inputs=(), shape=(5, 4), kind="real")
    rows = Embedding(name="rows", inputs=("tokens",), shape=(5, 4), table=random.normal(size=(7, 4)))
    padding = Elementwise(name="padding", inputs=("tokens",), shape=(5,), function=("eq", "x0", 0.0))
    blocked = layout("blocked", padding, np.tile(np.arange(5), (2, 5, 1)))
    summed = Add(name="summed", inputs=("rows", "extra"), shape=(5, 4))
    normed = LayerNorm(name="normed", inputs=("summed",), shape=(5, 4), gamma=random.uniform(0.5, 1.5, size=4), beta=np.zeros(4), eps=1e-5)
    parts = [
        Linear(name=name, inputs=("normed",), shape=(5, 4), weight=random.normal(size=(4, 4)), bias=random.normal(size=4))
        for name in ("q", "k", "v", "g")
    ]
    view = (5, 2, 2)
    scores = Multiply(
        name="scores", inputs=("q", "k"), shape=(2, 5, 5), subscripts="ihd,jhd->hij", views=(view, view), scale=0.7
    )  # fmt: skip
    causal = np.broadcast_to(np.tril(np.ones((5, 5), dtype=bool)), (2, 5, 5))
    soft = Softmax(name="soft", inputs=("scores", "blocked"), shape=(2, 5, 5), mask=causal)
    mix = Multiply(name="mix", inputs=("soft", "v"), shape=(5, 4), subscripts="hij,jhd->ihd", views=((2, 5, 5), view))
    gate = Activation(name="gate", inputs=("g",), shape=(5, 4), function=("sigmoid", ("mul", 1.5, "x")))
    gated = Multiply(name="gated", inputs=("mix", "gate"), shape=(5, 4), subscripts="ij,ij->ij", views=((5, 4), (5, 4)))
    rms = LayerNorm(name="rms", inputs=("gated",), shape=(5, 4), gamma=np.ones(4), beta=np.zeros(4), eps=1e-4, centred=False)
    last = layout("last", rms, np.arange(16, 20))
    answer = Linear(name="answer", inputs=("last",), shape=(3,), weight=random.normal(size=(3, 4)), bias=random.normal(size=3))
    nodes = [tokens, extra, rows, padding, blocked, summed, normed, *parts, scores, soft, mix, gate, gated, rms, last, answer]
    return Graph(nodes, ["answer", "rms"])


def samples(random, n):
    tokens = random.integers(1, 7, size=(n, 5))
    tokens[::3, 1] = 0  # padding, but never at the first place: a causal row must keep something
    return {"tokens": tokens, "extra": random.normal(size=(n, 5, 4))}


def test_embeddings_masks_gates_and_two_inputs_and_outputs_are_exact_in_spikes():
    random = np.random.default_rng(1)
    graph, inputs = attention(random), samples(random, 40)
    model = sim.convert(graph, inputs)
    part = {name: array[:8] for name, array in inputs.items()}
    near(model, graph, part, 0.25)
    assert [row.name for row in model.layers if row.label == "host"] == ["rows", "padding", "blocked"]
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
    assert {row.name: row.label for row in model.layers} == {"x": "input", "a": "readout", "b": "spiking"}


def test_a_token_model_answers_the_same_whatever_type_its_tokens_come_in():
    random = np.random.default_rng(4)
    graph, inputs = attention(random), samples(random, 10)
    model = sim.convert(graph, inputs)
    wanted = model(inputs).outputs["answer"]
    for kind in (np.int8, np.float32, np.uint64):
        np.testing.assert_array_equal(model({**inputs, "tokens": inputs["tokens"].astype(kind)}).outputs["answer"], wanted)
    with pytest.raises(sim.ParameterError, match="'tokens' holds 7 but must lie in 0 .. 6"):
        model({**inputs, "tokens": np.full((10, 5), 7)})
