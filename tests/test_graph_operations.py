"""Operations of the ANN baselines against closed forms."""

from __future__ import annotations

import numpy as np

from snnsim.graph.operations import ann_operations


def test_dense_macs_follow_the_transformer_formula(digits):
    model, inputs, _, _ = digits
    counts = ann_operations(model.integer_graph, model.reference(inputs), skip_zeros=False)
    n, d, f, heads = 16, 32, 64, 4
    block = 4 * n * d * d + 2 * n * n * d + 2 * n * d * f
    rest = n * 4 * d + d * 10
    residual = 4 * n * d  # rescaling the stream before it is added, twice per block
    norms, pool = 4 * n * d, n * d  # and before it is normed or pooled: steps differ by channel
    assert counts.total("macs") == len(inputs) * (2 * block + rest + residual + norms + pool)
    assert counts.total("divides") == len(inputs) * (2 * heads * n * n + 5 * n * (d + 1))


def test_zero_skipping_leaves_out_exactly_the_zero_operands(digits):
    model, inputs, _, _ = digits
    values = model.reference(inputs[:3])
    counts = ann_operations(model.integer_graph, values, skip_zeros=True)
    hidden = values["block0.hidden"].s
    stream = values["block0.mid"].s
    assert counts.layers["block0.out"]["macs"] == np.count_nonzero(hidden) * 32 + np.count_nonzero(stream)
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
    assert snn.total("synops") == ann.total("macs")
