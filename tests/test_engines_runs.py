"""Synapses in a row: found where they are, and delivered as others are."""

import numpy as np
import pytest

import snnsim as sim
from snnsim.engines.runs import in_a_row


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[0, 1, 2], [0, 1, 2]], True),
        ([[4, 5], [], [0], [7, 8, 9]], True),
        ([], True),
        ([[], []], True),
        ([[0, 1, 3]], False),
        ([[0, 0, 2]], False),  # as long as a row without a gap
        ([[0, 1], [5, 5, 7, 8]], False),
        ([[1, 1]], False),
    ],
)
@pytest.mark.parametrize("kind", [np.uint16, np.uint32])
def test_targets_in_a_row_have_neither_gap_nor_repeat(rows, expected, kind):
    ends = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    target = np.concatenate([np.empty(0), *rows]).astype(kind)
    assert in_a_row(ends[:-1], ends[1:], target) is expected
    # Rows that begin and end within a longer list, as those of one thread do.
    longer = np.concatenate([np.array([9], kind), target, np.array([3], kind)])
    assert in_a_row(ends[:-1] + 1, ends[1:] + 1, longer) is expected


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("exact", [False, True], ids=["weights of four bytes", "of eight"])
@pytest.mark.parametrize(
    "model", [lambda: sim.ALIF(tau_m=15.0, v_th=-58.0, q=0.5), lambda: sim.LIF(v_th=-58.0), lambda: sim.LIFExp(v_th=-58.0)]
)
def test_weights_in_a_row_arrive_as_scattered_ones_do(model, exact, precision):
    n_pre, n_post, gap = 50, 33, 12
    random = np.random.default_rng(6)
    weight = random.normal(0.6, 0.8, (n_pre, n_post)) * (60.0 if isinstance(model(), sim.LIFExp) else 1.0)
    weight = weight if exact else weight.astype(np.float32).astype(float)

    def run(size, connector, threads):
        x, cells = sim.Population("x", n_pre, sim.PoissonSource(rate=150.0)), sim.Population("cells", size, model())
        net = sim.Network(sim.Projection(x, cells, connector, weight=weight.ravel(), delay=1.0))
        result = sim.simulate(net, 200.0, dt=1.0, engine="clock", threads=threads, precision=precision, record={"cells": ["spikes", "v"]})
        return result.recordings["cells"]["v"].values, result.counts.layers

    with_gap = np.arange(n_post) + (np.arange(n_post) >= gap)
    apart, counts = run(n_post + 1, sim.FromArrays(np.repeat(np.arange(n_pre), n_post), np.tile(with_gap, n_pre)), 1)
    assert counts["cells"]["spikes"] > 50
    if exact and precision == "single":
        # A full matrix of doubles adds four rows at a time before it rounds to the inputs: the layout decides about the last bit.
        together, counts = run(n_post, sim.AllToAll(), 1)
        np.testing.assert_allclose(together[:5], apart[:5, with_gap], rtol=1e-6)
        apart = np.insert(together, gap, 0.0, axis=1)
    for threads in (1, 2):
        together, also = run(n_post, sim.AllToAll(), threads)
        assert np.array_equal(together, apart[:, with_gap])
        assert also["cells"]["spikes"] == counts["cells"]["spikes"] and also["x -> cells"] == counts["x -> cells"]
        # The one cell more has no input.
        assert also["cells"]["updates_driven"] == counts["cells"]["updates_driven"]
