"""The float graph against PyTorch, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

import snnsim as sim
from snnsim.errors import ConversionError, ParameterError
from snnsim.graph.ir import Graph, check_inputs, named_inputs
from snnsim.graph.nodes import Activation, Add, Affine, Elementwise, Embedding, Gather, Input, Linear, Softmax, layout
from snnsim.trace.transformer_encoder import transformer_encoder

INPUT = Input(name="x", inputs=(), shape=(2,), low=0, high=4, step=0.25)
TOKENS = Input(name="t", inputs=(), shape=(3,), kind="index", low=0, high=4)


def test_the_graph_computes_what_torch_computes():
    torch = pytest.importorskip("torch", reason="torch comes with the test extra")
    torch.manual_seed(3)
    layer = torch.nn.TransformerEncoderLayer(24, 3, 40, dropout=0.1, activation="gelu", batch_first=True, norm_first=True)
    encoder = torch.nn.TransformerEncoder(layer, 3, norm=torch.nn.LayerNorm(24), enable_nested_tensor=False).eval()
    embed, head, position = torch.nn.Linear(5, 24), torch.nn.Linear(24, 7), torch.randn(6, 24)
    modules = {"encoder": encoder, "embed": embed, "head": head}
    for parameter in encoder.parameters():  # away from the defaults: gains of 1, biases of 0, one initialisation for all layers
        torch.nn.init.normal_(parameter, std=0.3)
    weights = {f"{name}.{key}": value.detach().numpy() for name, module in modules.items() for key, value in module.state_dict().items()}
    graph = transformer_encoder({**weights, "position": position.numpy()}, heads=3, low=0, high=9, step=0.1)
    pixels = np.random.default_rng(0).integers(0, 10, size=(4, 6, 5))
    with torch.no_grad():
        wanted = head(encoder(embed(torch.tensor(pixels * 0.1, dtype=torch.float32)) + position).mean(dim=1)).numpy()
    np.testing.assert_allclose(graph.evaluate(pixels)["logits"], wanted, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize(
    ("nodes", "text"),
    [
        ([], "must begin with its inputs: give at least one"),
        ([INPUT, Affine(name="y", inputs=("x",), shape=(2,), scale=np.array(2.0), offset=np.array(0.0)), TOKENS], "move every Input"),
        ([INPUT, INPUT], "two nodes named 'x'"),
        ([INPUT, Add(name="y", inputs=("x", "z"), shape=(2,))], "'z' is not known. Valid: x"),
        ([INPUT, Add(name="y", inputs=("x", "x"), shape=(3,))], "'y' produces .* but declares"),
        ([INPUT, Linear(name="y", inputs=("x",), shape=(1,), weight=np.array([[np.nan, 1]]), bias=np.zeros(1))], "'y'.weight holds NaN"),
        ([INPUT, Linear(name="y", inputs=("x",), shape=(1,), weight=np.ones((1, 3)), bias=np.zeros(1))], r"'y' \(Linear\) cannot take"),
        ([INPUT, Add(name="y", inputs=(), shape=(2,))], "'y' reads 0 nodes but a Add takes others"),
        ([INPUT, Softmax(name="y", inputs=("x", "x", "x"), shape=(2,))], "'y' reads 3 nodes"),
        ([INPUT, layout("y", INPUT, np.array([0, 2]))], "'y'.index must hold whole numbers in -1 .. 1"),
        ([INPUT, Gather(name="y", inputs=("x",), shape=(3,), index=np.array([0, 1]))], "'y'.index must hold .*of shape"),
        ([INPUT, Activation(name="y", inputs=("x",), shape=(2,), function="gleu")], "'gleu' is not known.*Did you mean 'gelu'"),
        ([INPUT, Activation(name="y", inputs=("x",), shape=(2,), function=("mul", "x"))], "'mul' takes 2 arguments but has 1"),
        ([INPUT, Activation(name="y", inputs=("x",), shape=(2,), function=("add", "x", "x1"))], "'x1' is not known"),
        ([INPUT, Activation(name="y", inputs=("x",), shape=(2,), function=("add", "x", np.inf))], "the number inf .* must be finite"),
        ([INPUT, Activation(name="y", inputs=("x",), shape=(2,), function=["relu"])], r"\['relu'\] is no expression"),
        (
            [TOKENS, Embedding(name="y", inputs=("t",), shape=(3, 2), table=np.ones((4, 2)))],
            "'y' looks up 4 rows: it needs an index input 0 .. 3",
        ),
        (
            [INPUT, Elementwise(name="y", inputs=("x",), shape=(2,), function=("eq", "x0", 1.0))],
            "'y': a Elementwise works on what the host",
        ),
        ([Input(name="x", inputs=(), shape=(2,), kind="pixels")], "kind = 'pixels' is not known. Valid: levels, real, index"),
        ([Input(name="x", inputs=(), shape=(2,), kind="real", low=0)], "a real input has no low"),
        ([Input(name="x", inputs=(), shape=(2,), low=3, high=3, step=1.0)], "must be whole numbers, low < high"),
        ([Input(name="x", inputs=(), shape=(2,), kind="index", low=0, high=3, step=1.0)], "levels have one, indices have none"),
        ([Input(name="x", inputs=(), shape=(0,), low=0, high=3, step=1.0)], "must hold sizes in 1"),
    ],
)
def test_a_graph_that_does_not_fit_together_names_the_node(nodes, text):
    with pytest.raises(ConversionError, match=text):
        Graph(nodes)


def test_an_output_that_is_no_node_is_refused():
    with pytest.raises(ConversionError, match="output = 'z' is not known. Valid: x, y"):
        Graph([INPUT, layout("y", INPUT, np.array([1, 0]))], ["z"])


def test_what_reads_nothing_but_indices_is_the_work_of_the_host():
    table = np.arange(10.0).reshape(5, 2)
    rows = Embedding(name="e", inputs=("t",), shape=(3, 2), table=table)
    blocked = Elementwise(name="b", inputs=("t",), shape=(3,), function=("eq", "x0", 0.0))
    graph = Graph([INPUT, TOKENS, rows, blocked, layout("f", rows, np.arange(6)), layout("g", INPUT, np.array([1]))], ["f", "b", "g"])
    assert graph.host == {"t", "e", "b", "f"}
    values = graph.evaluate({"t": np.array([[4, 0, 1]]), "x": np.array([[3, 1]])})
    assert values["f"].tolist() == [[8.0, 9.0, 0.0, 1.0, 2.0, 3.0]]
    assert values["b"].tolist() == [[0.0, 1.0, 0.0]]
    assert values["g"].tolist() == [[0.25]]


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"x": np.zeros((1, 2), int)}, "input 't' is missing. The model takes x, t"),
        ({"x": np.zeros((1, 2), int), "tt": 3}, "input = 'tt' is not known. Valid: x, t"),
        ((np.zeros((1, 2), int),), "input 't' is missing"),
        ([1, 2, 3], "3 inputs were given but the model takes 2: x, t"),
        ({"x": np.zeros((1, 2), int), "t": np.zeros((2, 3), int)}, r"different numbers of samples: {'x': 1, 't': 2}"),
        ({"x": np.zeros((1, 2), int), "t": [[1, 2], [3]]}, "'t' must be a regular array"),
        ({"x": np.zeros((1, 2), int), "t": np.array([["a", "b", "c"]])}, "'t' of dtype <U1 must hold whole numbers in 0 .. 4"),
    ],
)
def test_several_inputs_come_by_name_or_in_order(inputs, text):
    graph = Graph([INPUT, TOKENS, layout("y", INPUT, np.array([1, 0]))])
    with pytest.raises(ParameterError, match=text):
        named_inputs("here", inputs, graph)
    given = np.array([[1, 2]]), np.array([[0, 0, 4]])
    for good in (given, list(given), dict(zip("xt", given, strict=True)), {"t": given[1].astype(float), "x": given[0] > 0}):
        assert set(named_inputs("here", good, graph)) == {"x", "t"}


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        (np.zeros((3, 3), int), r"shape \(3, 3\) but must have \(batch, 2\)"),
        (np.zeros((0, 2), int), "no sample"),
        (np.full((1, 2), 5), "holds 5 but must lie in 0 .. 4"),
        (np.full((1, 2), 0.5), "must hold whole numbers in 0 .. 4"),
        (np.full((1, 2), np.nan), "must hold whole numbers in 0 .. 4"),
    ],
)
def test_inputs_of_the_wrong_kind_are_refused(inputs, text):
    with pytest.raises(ParameterError, match=text):
        check_inputs("test", inputs, INPUT)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_real_inputs_must_be_finite(value):
    real = Input(name="r", inputs=(), shape=(2,), kind="real")
    with pytest.raises(ParameterError, match="'r' holds NaN or infinity. Clean the data"):
        check_inputs("test", np.array([[0.0, value]]), real)
    assert check_inputs("test", np.array([[0, 1]]), real).dtype == np.float64


def test_missing_arrays_and_heads_that_do_not_divide_are_named():
    with pytest.raises(ConversionError, match="array 'position' is missing"):
        transformer_encoder({}, heads=2, low=0, high=1, step=1.0)
    weights = {"position": np.zeros((2, 4)), "embed.weight": np.zeros((4, 1))}
    with pytest.raises(ConversionError, match="heads = 3 must divide the width 4"):
        transformer_encoder(weights, heads=3, low=0, high=1, step=1.0)


def test_data_of_unknown_name_list_the_valid_ones():
    with pytest.raises(ParameterError, match="'validation' is not known. Valid: train, test"):
        sim.data.load_digits("validation")
    with pytest.raises(ParameterError, match="'digit' is not known. Valid: digits, digits_without_9. Did you mean 'digits'"):
        sim.data.load_model("digit")


def test_patches_are_cut_row_by_row():
    image = np.arange(16).reshape(1, 4, 4)
    assert sim.data.patches(image)[0].tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    with pytest.raises(ParameterError, match="sides divisible by 3"):
        sim.data.patches(image, 3)
