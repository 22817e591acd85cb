"""Operations of the ANN baselines against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

import snnsim as sim
from snnsim.errors import ParameterError
from snnsim.graph.operations import ann_operations


def test_dense_macs_follow_the_transformer_formula(digits):
    model, inputs, _, _ = digits
    counts = ann_operations(model.integer_graph, model.reference(inputs), skip_zeros=False)
    n, d, f, heads = 16, 32, 64, 4
    block = 4 * n * d * d + 2 * n * n * d + 2 * n * d * f
    rest = n * 4 * d + d * 10
    assert counts.total("macs") == len(inputs) * (2 * block + rest)
    residual = 4 * n * d  # rescaling the stream before it is added, twice per block
    norms, pool = 4 * n * d, n * d  # and before it is normed or pooled: steps differ by channel
    assert counts.total("adds", "ann") == len(inputs) * (residual + norms + pool)
    assert counts.total("divides") == len(inputs) * (2 * heads * n * n + 5 * n * (d + 1))


def test_zero_skipping_leaves_out_exactly_the_zero_operands(digits):
    model, inputs, _, _ = digits
    values = model.reference(inputs[:3])
    counts = ann_operations(model.integer_graph, values, skip_zeros=True)
    hidden = values["block0.hidden"].s
    stream = values["block0.mid"].s
    assert counts.layers["block0.out"]["macs"] == np.count_nonzero(hidden) * 32
    assert counts.layers["block0.out"]["adds"] == np.count_nonzero(stream)
    p, v = values["block1.scores"].s, values["block1.v"].s.reshape(-1, 16, 4, 8)
    pairs = sum(
        (p[t, h, i, j] != 0) and (v[t, j, h, c] != 0)
        for t in range(3)
        for h in range(4)
        for i in range(16)
        for j in range(16)
        for c in range(8)
    )
    assert counts.layers["block1.mix"]["macs"] == pairs


def test_graded_settled_spikes_do_the_macs_of_a_zero_skipping_ann(digits):
    """One event per non-zero activation, each reaching the same weights: two codes of one sum."""
    model, inputs, _, _ = digits
    ann = ann_operations(model.integer_graph, model.reference(inputs), skip_zeros=True)
    snn = model(inputs, code="graded").counts
    assert snn.total("synops") == ann.total("macs") + ann.total("adds", "ann")


def test_operands_have_the_bits_of_the_program_and_memory_is_packed(digits):
    model, inputs, _, _ = digits
    values = model.reference(inputs)
    own = ann_operations(model.integer_graph, values, skip_zeros=False)
    assert own.precisions["embed"] == "int8x5"  # 17 levels of grey
    assert own.precisions["block0.hidden"] == "int8"
    assert own.layers["embed"]["activation_reads"] == -(-16 * 4 * 5 * len(inputs) // 8)
    real = ann_operations(model.integer_graph, values, skip_zeros=False, precision="fp32")
    weights = 2 * (4 * 32 * 32 + 2 * 32 * 64) + 4 * 32 + 32 * 10
    assert own.total("weight_fetches") >= weights * len(inputs)
    assert real.layers["block0.q"]["weight_fetches"] == 4 * 32 * 32 * len(inputs)
    assert real.layers["block0.q"]["macs"] == own.layers["block0.q"]["macs"]
    assert real.total("multiplies", "ann") < own.total("multiplies", "ann")  # nothing to requantise


@pytest.mark.parametrize("reuse", [1, 4, 16])
def test_weights_are_read_again_where_they_are_not_reused(digits, reuse):
    model, inputs, _, _ = digits
    counts = ann_operations(model.integer_graph, model.reference(inputs[:2]), skip_zeros=False, reuse=reuse)
    assert counts.layers["block0.q"]["weight_fetches"] == 2 * 16 * 32 * 32 // reuse


def test_a_precision_nobody_counts_in_is_refused(digits):
    model, inputs, _, _ = digits
    values = model.reference(inputs[:1])
    with pytest.raises(ParameterError, match="precision = 'int4': integers have the bits of the graph"):
        ann_operations(model.integer_graph, values, skip_zeros=False, precision="int4")
    with pytest.raises(ParameterError, match="reuse = 0 must be >= 1"):
        ann_operations(model.integer_graph, values, skip_zeros=False, reuse=0)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"graph": None}, "graph = NoneType must be an IntegerGraph"),
        ({"values": {}}, "values = dict must hold the integers of every layer"),
        ({"values": None}, "values = NoneType must hold the integers"),
        ({"skip_zeros": "no"}, "skip_zeros = 'no' must be True or False"),
        ({"precision": ["fp32"]}, "precision = .'fp32'. must be a precision"),
    ],
)
def test_what_is_no_program_or_no_run_of_it_is_refused(digits, change, text):
    model, inputs, *_ = digits
    given = {"graph": model.integer_graph, "values": model.reference(inputs[:1]), "skip_zeros": True, **change}
    with pytest.raises(ParameterError, match=text):
        sim.ann_operations(**given)
