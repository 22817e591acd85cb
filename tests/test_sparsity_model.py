"""The dense model and its counts: closed forms, the integer program, and what every neutral setting must leave alone."""

from __future__ import annotations

import numpy as np
import pytest
from float_graphs import attention, cnn, samples
from plain_blocks import Naive, Sizes, decode_step, stack

import snnsim as sim
from snnsim.graph.nodes import Conv
from snnsim.graph.operations import ann_operations
from snnsim.sparsity.structure import blocks

SIZES = Sizes()

#: settings that must not change a thing
NEUTRAL = {
    "no method": (),
    "threshold 0": (sim.ActivationThreshold(tau=0.0),),
    "all values": (sim.ActivationThreshold(fraction=1.0, at="inputs"),),
    "k = n": (sim.TopKAttention(4),),
    "all hidden units": (sim.TopKHidden(1.0),),
    "nobody leaves": (sim.EarlyExit(np.inf),),
    "all tokens": (sim.MixtureOfDepths(1.0),),
}


def inputs(graph, batch=5, seed=1):
    return np.random.default_rng(seed).normal(size=(batch, *graph.input.shape))


@pytest.mark.parametrize("sizes", [Sizes(), Sizes(1, 4, 8, 1), Sizes(7, 12, 5, 3)])
def test_a_dense_block_takes_the_macs_of_the_formula(sizes):
    graph = stack(sizes)
    assert sim.sparsify(graph)(inputs(graph)).counts.total("macs") == 5 * sizes.macs


def test_a_causal_block_joins_only_pairs_that_the_mask_leaves():
    n, d, f, _ = sizes = Sizes()
    graph = stack(sizes, causal=True)
    assert sim.sparsify(graph)(inputs(graph, 1)).counts.total("macs") == 4 * n * d * d + n * (n + 1) * d + 2 * n * d * f


@pytest.mark.parametrize(("length", "d", "f"), [(2, 4, 8), (9, 6, 10)])
def test_a_decode_step_takes_the_macs_of_the_formula_and_reads_every_weight_for_one_token(length, d, f):
    graph = decode_step(length, d, f)
    x = [inputs_of(node, 3) for node in graph.inputs]
    counts = sim.sparsify(graph)(x).counts
    assert counts.total("macs") == 3 * (4 * d * d + 2 * length * d + 2 * d * f)
    assert counts.total("weight_fetches") == 3 * (4 * d * d + 2 * d * f)


def test_decoding_costs_what_its_steps_cost_one_by_one():
    n, d, f, heads = sizes = Sizes()
    graph = stack(sizes, causal=True)
    x = inputs(graph, 2)
    counts = sim.sparsify(graph)(x, decoding=True).counts
    block = sum(4 * d * d + 2 * length * d + 2 * d * f for length in range(1, n + 1))
    assert counts.total("macs") == 2 * block
    assert counts.total("weight_fetches") == 2 * n * (4 * d * d + 2 * d * f)
    for length in range(2, n + 1):  # what a step reads in attention: a query, or a row of weights, and the cache
        step = decode_step(length, d, f, heads)
        one = sim.sparsify(step)([inputs_of(node, 1) for node in step.inputs]).counts.layers
        assert one["product"]["activation_reads"] == d + length * d
        assert one["mix"]["activation_reads"] == heads * length + length * d
    steps = range(1, n + 1)
    assert counts.layers["b0.product"]["activation_reads"] == 2 * sum(d + length * d for length in steps)
    assert counts.layers["b0.mix"]["activation_reads"] == 2 * sum(heads * length + length * d for length in steps)
    together = sim.sparsify(graph)(x).counts
    same = ("macs", "adds", "tables", "divides", "multiplies", "activation_writes")
    assert all(counts.total(kind) == together.total(kind) for kind in same)


def test_a_silent_hidden_unit_saves_its_weights_for_every_decoded_token():
    graph = stack(causal=True)
    x = inputs(graph, 3)
    model = sim.sparsify(graph, sim.TopKHidden(0.25))
    assert model(x, decoding=True).counts.layers["b0.down"]["weight_fetches"] == 3 * SIZES.n * 2 * SIZES.d
    assert model(x).counts.layers["b0.down"]["weight_fetches"] > 3 * 2 * SIZES.d


def test_what_is_no_decoder_does_not_decode():
    graph = stack()
    with pytest.raises(sim.ParameterError, match=r"SparseModel.decoding = True must be of a decoder"):
        sim.sparsify(graph)(inputs(graph), decoding=True)
    with pytest.raises(sim.ParameterError, match="must be True or False"):
        sim.sparsify(graph)(inputs(graph), decoding="yes")


def inputs_of(node, batch):
    return np.random.default_rng(len(node.name)).normal(size=(batch, *node.shape))


def test_a_silent_hidden_unit_of_a_decode_step_leaves_its_weights_in_memory():
    graph = decode_step(5, 4, 8)
    x = [inputs_of(node, 1) for node in graph.inputs]
    hidden = np.count_nonzero(graph.evaluate(x)["hidden"])
    down = sim.sparsify(graph, sim.ReluMLP())(x).counts.layers["down"]
    assert 0 < hidden < 8
    assert down["macs"] == down["weight_fetches"] == hidden * 4


@pytest.mark.parametrize("methods", NEUTRAL.values(), ids=NEUTRAL)
@pytest.mark.parametrize("causal", [False, True])
def test_a_neutral_setting_gives_the_dense_model_and_its_counts_to_the_bit(methods, causal):
    graph = stack(blocks=2, classes=3, causal=causal)
    x = inputs(graph)
    got, dense = sim.sparsify(graph, *methods, calibration=x)(x), sim.sparsify(graph)(x)
    assert np.array_equal(got.outputs["logits"], graph.evaluate(x)["logits"])
    assert got.counts.to_dict() == dense.counts.to_dict()
    assert got.skipped_macs == 0 and got.dense_macs == dense.counts.total("macs")


def test_dense_counts_are_those_of_the_integer_program_but_for_rescaling(digits):
    """An int8 program multiplies the residual stream where steps differ; a float one only adds it."""
    model, x, _, _ = digits
    graph, _ = sim.data.load_model("digits")
    got = sim.sparsify(graph)(x).counts
    program = ann_operations(model.integer_graph, model.reference(x), skip_zeros=False)
    for kind in ("tables", "divides", "shifts", "macs"):
        assert got.total(kind) == program.total(kind), kind
    n, d, pixels = 16, 32, 64
    # The program packs 17 levels of grey into 5 bits, and hands out logits of 32.
    assert got.total("activation_reads") - program.total("activation_reads") == len(x) * pixels * 3 // 8
    assert got.total("activation_writes") - program.total("activation_writes") == len(x) * (pixels * 3 // 8 - 10 * 3)
    assert program.total("multiplies", "ann") - got.total("multiplies", "ann") == len(x) * (4 * n * d + 4 * n * d + n * d)
    assert {got.role(layer) for layer in got.layers} == {"ann", "group"}


def test_every_operation_of_a_graph_has_a_value_and_a_count():
    random = np.random.default_rng(0)
    pictures, masked = cnn(random), attention(random)
    x = random.integers(-8, 9, size=(3, 7, 7, 2))
    result = sim.sparsify(pictures)(x)
    assert np.array_equal(result.outputs["logits"], pictures.evaluate(x)["logits"])
    y = samples(random, 6)
    both = sim.sparsify(masked, sim.ZeroSkipping())(y)
    assert all(np.array_equal(both.outputs[name], masked.evaluate(y)[name]) for name in ("answer", "rms"))


def test_a_convolution_counts_the_taps_inside_the_picture():
    graph = cnn(np.random.default_rng(0))
    node = graph.nodes["conv1"]
    assert isinstance(node, Conv)
    taps = sum(0 <= y + dy < 7 and 0 <= x + dx < 7 for y in range(7) for x in range(7) for dy in (-1, 0, 1) for dx in (-1, 0, 1))
    counts = sim.sparsify(graph)(np.ones((2, 7, 7, 2))).counts.layers["conv1"]
    assert counts["macs"] == 2 * taps * 2 * 4
    assert counts["weight_fetches"] == 2 * node.weight.size


def test_zero_skipping_leaves_out_zeros_and_changes_no_output():
    graph = stack(function="relu")
    x = inputs(graph, 3)
    x[:, 1] = 0.0
    values, result = graph.evaluate(x), sim.sparsify(graph, sim.ZeroSkipping())(x)
    assert np.array_equal(result.outputs["b0.out"], values["b0.out"])
    assert result.counts.layers["b0.down"]["macs"] == np.count_nonzero(values["b0.hidden"]) * 6
    assert result.skipped_macs >= 3 * 3 * 6 * 6  # the norm of a row of zeros is a row of zeros


def test_counts_of_parts_add_up_to_those_of_the_whole():
    graph = stack(blocks=2, classes=3)
    x = inputs(graph, 6)
    model = sim.sparsify(graph, sim.TopKAttention(2), sim.MixtureOfDepths(0.5), sim.EarlyExit(0.5), calibration=x)
    whole, parts = model(x), (model(x[:2]), model(x[2:]))
    assert np.allclose(whole.outputs["logits"], np.concatenate([part.outputs["logits"] for part in parts]), atol=1e-12)
    assert whole.counts.to_dict() == (parts[0].counts + parts[1].counts).to_dict()


def test_the_loops_of_the_tests_compute_the_block():
    graph = stack()
    x = inputs(graph, 1)
    naive = Naive(graph, Sizes())
    assert np.allclose(naive(x[0]), graph.evaluate(x)["b0.out"][0], atol=1e-12)
    assert naive.macs == Sizes().macs


def test_an_encoder_and_decoder_of_torch_is_traced_with_its_calibration_data_and_has_its_blocks():
    torch = pytest.importorskip("torch", reason="torch comes with the test extra")
    module, random = sim.zoo.dates(), np.random.default_rng(0)
    x = tuple(torch.as_tensor(random.integers(0, high, (3, n))) for high, n in ((36, 36), (10, 10)))
    model = sim.sparsify(module, sim.TopKAttention(36), calibration=x)
    found = blocks(model.graph)
    assert [model.graph.nodes[block.end].shape[0] for block in found] == [36, 36, 10, 10, 10]
    # The memory of the encoder is no part of a decoder block, though the block reads it.
    assert all(not name.startswith("encoder") for block in found[2:] for name in block.nodes)
    with torch.no_grad():
        assert np.allclose(model(x).outputs["head"], module(*x).numpy(), atol=1e-4)
    for method in (sim.TopKAttention(4), sim.ReluMLP(), sim.Delta(0.1), sim.EarlyExit(1.0), sim.MixtureOfDepths(0.5)):
        result = sim.sparsify(model.graph, method, calibration=x)(x)
        assert 0 < result.skipped_macs < result.dense_macs
    with pytest.raises(sim.ParameterError, match="traced with sample inputs"):
        sim.sparsify(module)


def test_what_is_no_method_is_refused():
    with pytest.raises(sim.ParameterError, match=r"'top_k', which is no method. Give one such as sim.TopKAttention"):
        sim.sparsify(stack(), "top_k")
    with pytest.raises(sim.ParameterError, match="must have"):
        sim.sparsify(stack())(np.zeros((2, 3, 3)))
