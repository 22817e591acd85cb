"""What is folded into weights computes what the graph does."""

from __future__ import annotations

import numpy as np
import pytest
from rate_graphs import cnn, mlp

from snnsim.conversion.rate_plan import RatePlan
from snnsim.errors import ConversionError
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Activation, Input, LayerNorm, Linear, Multiply, Softmax


def through_weights(plan, x):
    """Return the values of all layers and outputs, by the weights alone, float64[batch, n]."""
    given = {plan.inputs[0]: x.reshape(len(x), -1)}

    def added(sums):
        total = np.tile(sums.offset, (len(x), 1))
        for name, (place, unit, weight) in sums.parts.items():
            np.add.at(total, (slice(None), place), weight * given[name][:, unit])
        return total

    for name, layer in plan.layers.items():
        given[name] = layer.rectifier(added(layer.sums))
    return given | {f"{name} out": added(sums) for name, sums in plan.outputs.items()}


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize("graph", [mlp(), cnn(0), cnn(1)], ids=["mlp", "cnn", "another cnn"])
def test_layers_and_outputs_by_weights_equal_those_of_the_graph(graph, encoded):
    plan = RatePlan(graph, encoded=encoded)
    x = np.abs(np.random.default_rng(5).normal(size=(4, *graph.input.shape)))
    found, fired = through_weights(plan, x), {}

    def fire(name, sums):
        fired[name] = plan.layers[name].rectifier(sums)
        return fired[name]

    values, expected = plan.evaluate({"x": x}, fire), graph.evaluate(x)
    output = graph.output.name
    assert list(fired) == list(plan.layers) and all(np.ptp(each) > 0.0 for each in fired.values())
    for name, each in fired.items():
        np.testing.assert_allclose(found[name], each.reshape(4, -1), atol=1e-12)
    np.testing.assert_allclose(values[output], expected[output], atol=1e-12)
    np.testing.assert_allclose(found[f"{output} out"], expected[output].reshape(4, -1), atol=1e-12)


def test_a_maximum_of_nine_becomes_four_rounds_of_rectifiers():
    plan = RatePlan(cnn(), encoded=False)
    n = int(np.prod(plan.graph.nodes["pool1"].shape))
    pools = {name: int(np.prod(layer.shape)) // n for name, layer in plan.layers.items() if name.startswith("pool1")}
    assert pools == {"pool1.1": 4, "pool1.2": 2, "pool1.3": 1, "pool1.4": 1}
    assert list(plan.layers) == ["relu1", *pools, "relu2", "relu3"]  # nothing linear has neurons


X = Input(name="x", inputs=(), shape=(4,), kind="real")
AFTER = [
    (Softmax(name="odd", inputs=("x",), shape=(4,)), "Softmax is neither linear nor a rectifier"),
    (LayerNorm(name="odd", inputs=("x",), shape=(4,), gamma=np.ones(4), beta=np.zeros(4), eps=1e-5), "LayerNorm is neither"),
    (Multiply(name="odd", inputs=("x", "x"), shape=(4,), subscripts="i,i->i", views=((4,), (4,))), "Multiply is neither"),
    (Activation(name="odd", inputs=("x",), shape=(4,), function="gelu", origin="net.py:7: F.gelu(x)"), "net.py:7.*'gelu' is no rectifier"),
]


@pytest.mark.parametrize(("node", "words"), AFTER, ids=lambda part: type(part).__name__)
def test_what_no_rate_stands_for_is_refused_by_name_with_the_way_out(node, words):
    with pytest.raises(ConversionError, match=rf"graph node 'odd'.*cannot be rate-coded: .*{words.split('.*')[-1]}.*Use sim\.convert") as e:
        RatePlan(Graph([X, node]), encoded=False)
    assert words.split(".*")[0] in str(e.value)


def test_an_index_is_refused_and_what_nothing_needs_is_not_looked_at():
    tokens = Input(name="tokens", inputs=(), shape=(4,), kind="index", low=0, high=3)
    with pytest.raises(ConversionError, match="'tokens' cannot be rate-coded: it is an index"):
        RatePlan(Graph([tokens], outputs=["tokens"]), encoded=False)
    head = Linear(name="head", inputs=("x",), shape=(2,), weight=np.ones((2, 4)), bias=np.zeros(2))
    plan = RatePlan(Graph([X, Softmax(name="unread", inputs=("x",), shape=(4,)), head], outputs=["head"]), encoded=False)
    assert not plan.layers and list(plan.outputs) == ["head"]
