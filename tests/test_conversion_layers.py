"""The table of a converted model: every operation of the user's model stands in one row, and says what became of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import snnsim as sim
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Activation, Affine, Gather, Input, Linear

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402  (needs torch)

from snnsim.trace.program import export  # noqa: E402  (needs torch)


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(5, 6), nn.Linear(6, 3)
        self.register_buffer("shift", torch.arange(6.0))

    def forward(self, x):
        shift = self.shift * 0.1
        y = torch.relu(self.first(x) * 0.5 + shift)
        return self.second(y).reshape(-1, 3, 1) / 5**0.5


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Linear(16, 3)
        self.skip, self.dropout = nn.Conv2d(4, 4, 1), nn.Dropout()

    def forward(self, x):
        x = torch.relu(self.norm(self.conv(x)))
        x = torch.relu(x + self.skip(x))
        x = nn.functional.max_pool2d(x, 2)
        return self.head(self.dropout(x.flatten(1)))


class Tagger(nn.Module):
    """Tokens on the host, and an encoder with a mask of its own."""

    def __init__(self):
        super().__init__()
        self.embed, self.place = nn.Embedding(9, 8), nn.Parameter(torch.randn(5, 8))
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2, enable_nested_tensor=False)

    def forward(self, ids):
        mask = torch.triu(torch.full((5, 5), float("-inf")), 1)
        return self.encoder(self.embed(ids) + self.place, mask=mask).mean(dim=1)


def encoder():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


CASES = {
    "mlp": (MLP, lambda: torch.randn(40, 5)),
    "cnn": (CNN, lambda: torch.randn(40, 2, 6, 6)),
    "encoder": (encoder, lambda: torch.randn(40, 5, 8)),
    "tagger": (Tagger, lambda: torch.randint(0, 9, (40, 5))),
}


@pytest.fixture(scope="module")
def converted():
    models = {}
    for name, (make, data) in CASES.items():
        torch.manual_seed(0)
        model, x = make().eval(), data()
        models[name] = (sim.convert(model, x), export(model, x, 0)[0])
    return models


def named(model):
    return {row.name: row for row in model.layers}


@pytest.mark.parametrize("name", list(CASES))
def test_every_call_of_the_program_has_exactly_one_row(converted, name):
    model, program = converted[name]
    listed = [call for row in model.layers for call in row.calls]
    assert sorted(listed) == sorted(node.name for node in program.graph.nodes if node.op == "call_function")
    assert len(listed) == len(set(listed)) > 5


@pytest.mark.parametrize("name", list(CASES))
def test_rows_are_the_populations_the_host_and_what_is_folded_into_them(converted, name):
    model, _ = converted[name]
    rows = model.layers
    populations = [row.name for row in rows if row.label not in ("host", "folded", "unused")]
    assert populations == list(model.integer_graph.layers)
    assert len({row.name for row in rows if row.label != "host"}) == sum(row.label != "host" for row in rows)
    known = {row.name for row in rows if row.unit}
    for row in rows:
        assert (row.label == "folded") == bool(row.into) and known.issuperset(row.into)
        assert bool(row.unit) != (row.label in ("folded", "unused"))
        assert row.kind == (f"folded into {', '.join(row.into)}" if row.into else row.label)


def test_a_folded_row_stands_below_the_first_population_that_took_it_in(converted):
    above = ""
    for row in converted["cnn"][0].layers:
        above = row.name if row.unit else above
        assert row.unit or row.into[0] == above


def test_rows_of_a_perceptron_say_what_became_of_its_operations_and_where_they_stand(converted):
    rows = {row.calls[0]: row for row in converted["mlp"][0].layers if row.calls}
    source = Path(__file__).read_text().splitlines()

    def line(text):
        return f"{__file__}:{1 + next(i for i, each in enumerate(source) if text in each)}: "

    hidden, last = rows["relu"], rows["linear_1"]
    assert (hidden.operation, hidden.label, last.operation, last.label) == ("relu", "spiking", "linear", "readout")
    for call, operation in (("linear", "linear"), ("mul_1", "mul"), ("add", "add")):
        assert (rows[call].operation, rows[call].shape, rows[call].into) == (operation, (6,), (hidden.name,))
        assert rows[call].origin.startswith(line("torch.relu(self.first"))
    for call in ("view", "div"):
        assert rows[call].into == (last.name,) and rows[call].origin.startswith(line("/ 5**0.5"))


def test_a_constant_is_folded_where_it_is_added(converted):
    rows = converted["mlp"][0].layers
    constants = [row for row in rows if row.operation == "mul" and "shift * 0.1" in row.origin]
    assert len(constants) == 1 and constants[0].into == tuple(row.name for row in rows if row.operation == "relu")


def test_batch_norm_and_the_convolution_before_it_are_folded_into_the_rectifier(converted):
    rows = named(converted["cnn"][0])
    rectifiers = [row.name for row in rows.values() if row.operation == "relu"]
    assert rows["conv"].into == rows["norm"].into == (rectifiers[0],)
    assert rows["skip"].into == rows["add"].into == (rectifiers[1],)
    assert rows["dropout"].into == ("head",)
    assert next(row.label for row in rows.values() if row.operation == "max_pool2d") == "group"


def test_the_parts_of_attention_go_where_queries_keys_and_values_go(converted):
    rows = converted["encoder"][0].layers
    inside = [row for row in rows if row.name.startswith("layers.0.self_attn.")]
    taken = [row.into for row in inside if row.operation == "select"]
    softmax, mix = "layers.0.self_attn.softmax", "layers.0.self_attn.mix"
    assert taken == [(softmax,), (softmax,), (mix,)]
    assert {row.name: row.operation for row in rows if row.unit}[softmax] == "scaled_dot_product_attention"
    residual = [row for row in rows if row.operation == "add"]
    assert [row.into[0] for row in residual] == [f"layers.{i}.norm{n}" for i in (0, 1) for n in (1, 2)]


def test_what_the_host_does_is_a_row_of_the_host_and_masks_go_into_the_softmax(converted):
    model, _ = converted["tagger"]
    rows = model.layers
    (embedding,) = [row for row in rows if row.operation == "embedding"]
    assert embedding.label == "host" and embedding.calls == ("embedding",)
    for operation in ("triu", "full"):
        made = [row for row in rows if row.operation == operation]
        assert made and all(into.endswith("softmax") for row in made for into in row.into)
        assert all(len(row.into) == 2 for row in made)  # one in each layer


@pytest.mark.parametrize("name", ["cnn", "tagger"])
def test_a_loaded_model_has_the_same_rows(converted, name, tmp_path):
    model, _ = converted[name]
    sim.save_converted(model, tmp_path / "model.npz")
    assert sim.load_converted(tmp_path / "model.npz").layers == model.layers


def test_a_graph_file_keeps_the_operations_of_the_model_it_was_traced_from(tmp_path):
    from snnsim.graph.file import load_graph, save_graph
    from snnsim.trace.torch_export import trace_torch

    graph = trace_torch(CNN().eval(), torch.randn(1, 2, 6, 6))
    save_graph(graph, tmp_path / "cnn.npz")
    assert load_graph(tmp_path / "cnn.npz")[0].operations == graph.operations


def test_of_a_graph_by_hand_every_node_is_an_operation():
    x = Input(name="x", inputs=(), shape=(4,), low=-4, high=4, step=1.0)
    turned = Gather(name="turned", inputs=("x",), shape=(4,), index=np.arange(4, dtype=np.int32)[::-1].copy())
    eye = Linear(name="eye", inputs=("turned",), shape=(4,), weight=np.eye(4), bias=np.zeros(4))
    moved = Affine(name="moved", inputs=("eye",), shape=(4,), scale=np.array(2.0), offset=np.array(1.0))
    relu = Activation(name="relu", inputs=("moved",), shape=(4,), function="relu")
    dead = Activation(name="dead", inputs=("eye",), shape=(4,), function="tanh")
    model = sim.convert(Graph([x, turned, eye, moved, relu, dead], ["relu"]), np.random.default_rng(0).integers(-4, 5, size=(20, 4)))
    assert {row.name: row.kind for row in model.layers} == {
        "x": "input", "relu": "spiking", "turned": "folded into relu", "eye": "folded into relu", "moved": "folded into relu",
        "dead": "unused",
    }  # fmt: skip


def test_an_operation_that_equals_another_is_folded_into_its_row():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.map = nn.Linear(3, 3)

        def forward(self, x):
            return torch.relu(self.map(x)), torch.relu(self.map(x))

    rows = [row for row in sim.convert(Twice().eval(), torch.randn(20, 3)).layers if row.operation == "relu"]
    assert [row.label for row in rows] == ["spiking", "folded"] and rows[1].into == (rows[0].name,)
