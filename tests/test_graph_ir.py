"""The float graph against PyTorch, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

import snnsim as sim
from snnsim.errors import ConversionError, ParameterError
from snnsim.graph.functions import FUNCTIONS
from snnsim.graph.ir import Add, Graph, Input, Linear, check_inputs
from snnsim.trace.transformer_encoder import transformer_encoder

INPUT = Input(name="x", inputs=(), shape=(2,), low=0, high=4, step=0.25)


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


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_activation_functions_agree_with_torch(name):
    torch = pytest.importorskip("torch", reason="torch comes with the test extra")
    x = np.linspace(-6, 6, 101)
    wanted = getattr(torch.nn.functional, name)(torch.tensor(x)).numpy()
    np.testing.assert_allclose(FUNCTIONS[name](x), wanted, atol=1e-12)


@pytest.mark.parametrize(
    ("nodes", "text"),
    [
        ([], "must begin with its one Input"),
        ([INPUT, INPUT], "two nodes named 'x'"),
        ([INPUT, Add(name="y", inputs=("x", "z"), shape=(2,))], "'z' is not known. Valid: x"),
        ([INPUT, Add(name="y", inputs=("x", "x"), shape=(3,))], "'y' produces .* but declares"),
        ([INPUT, Linear(name="y", inputs=("x",), shape=(1,), weight=np.array([[np.nan, 1]]), bias=np.zeros(1))], "'y'.weight holds NaN"),
        ([INPUT, Linear(name="y", inputs=("x",), shape=(1,), weight=np.ones((1, 3)), bias=np.zeros(1))], r"'y' \(Linear\) cannot take"),
    ],
)
def test_a_graph_that_does_not_fit_together_names_the_node(nodes, text):
    with pytest.raises(ConversionError, match=text):
        Graph(nodes)


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        (np.zeros((3, 3), int), r"shape \(3, 3\) but must have \(batch, 2\)"),
        (np.zeros((0, 2), int), "no sample"),
        (np.full((1, 2), 5), "hold 5 but must lie in 0 .. 4"),
        (np.full((1, 2), 0.5), "must be whole numbers"),
        (np.full((1, 2), np.nan), "must be whole numbers"),
    ],
)
def test_inputs_of_the_wrong_kind_are_refused(inputs, text):
    with pytest.raises(ParameterError, match=text):
        check_inputs("test", inputs, INPUT)


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
