"""Rows of a front: what is in them, which are best, what is drawn, what is refused."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from plain_blocks import stack

import snnsim as sim
from snnsim.graph.operations import ann_operations
from snnsim.sparsity.front import accuracy
from snnsim.sparsity.sweeps import SWEEPS, text


@pytest.fixture(scope="module")
def task():
    graph = stack(blocks=2, classes=3)
    x = np.random.default_rng(0).normal(size=(40, *graph.input.shape))
    return graph, x, graph.evaluate(x)["logits"].argmax(axis=1)


@pytest.fixture(scope="module")
def rows(task):
    graph, x, labels = task
    return sim.sparsity_front(graph, x, labels, calibration=x, spiking=sim.convert(graph, x))


def test_every_method_has_rows_between_the_dense_model_and_the_spikes(rows):
    assert (rows[0].kind, rows[0].method, rows[0].quality, rows[0].skipped) == ("ANN", "dense", 1.0, 0.0)
    assert list(dict.fromkeys(row.method for row in rows)) == ["dense", *SWEEPS, "int8 program", "unary", "signed_digit", "graded"]
    assert [row.kind for row in rows[-3:]] == ["SNN"] * 3
    assert all(row.macs == 0.0 and row.synops > 0.0 for row in rows[-3:])


def test_counts_and_energies_are_those_of_the_parts(rows, task):
    graph, x, _ = task
    chosen = next(row for row in rows if row.setting == "TopKHidden(fraction=0.25)")
    counts = sim.sparsify(graph, sim.TopKHidden(0.25))(x).counts
    assert chosen.counts.to_dict() == counts.to_dict()
    assert chosen.energy == sim.estimate_energy(counts, "horowitz45", per=len(x)).total
    assert chosen.skipped == pytest.approx(1.0 - counts.total("macs") / rows[0].counts.total("macs"))
    spiking = sim.convert(graph, x)
    program = ann_operations(spiking.integer_graph, spiking.reference(x), skip_zeros=True)
    assert next(row for row in rows if row.method == "int8 program").counts.to_dict() == program.to_dict()
    assert rows[-1].counts.to_dict() == spiking(x, code="graded").counts.to_dict()


def test_the_best_rows_are_those_that_no_other_beats(rows):
    for row in rows:
        rivals = [other for other in rows if other.energy.nominal <= row.energy.nominal and other.quality >= row.quality]
        beaten = any(other.energy.nominal < row.energy.nominal or other.quality > row.quality for other in rivals)
        assert row.best is not beaten
    assert sum(row.best for row in rows) >= 2


def test_a_quality_that_falls_is_ranked_the_other_way(task):
    graph, x, labels = task
    rows = sim.sparsity_front(graph, x, labels, calibration=x, methods=["top_k_hidden", "mixture_of_depths"], quality="perplexity")
    best = sorted((row for row in rows if row.best), key=lambda row: row.energy.nominal)
    assert all(late.quality < early.quality for early, late in pairwise(best))
    assert rows[0].quality == pytest.approx(sim.perplexity(graph.evaluate(x)["logits"], labels))


def test_perplexity_is_that_of_the_closed_form():
    assert sim.perplexity(np.zeros((2, 3, 5)), np.zeros((2, 3), dtype=int)) == pytest.approx(5.0)
    scores = np.log([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
    assert sim.perplexity(scores + 7.0, np.array([0, 2])) == pytest.approx((0.5 * 0.8) ** -0.5)
    assert accuracy(scores, np.array([0, 1])) == 0.5


def test_settings_of_ones_own_are_swept_under_their_name(task):
    graph, x, labels = task
    mine = {"mine": [sim.TopKAttention(2), (sim.TopKHidden(0.5), sim.ZeroSkipping())]}
    rows = sim.sparsity_front(graph, x, labels, calibration=x, methods=mine, quality=lambda scores, wanted: scores.mean())
    assert [row.setting for row in rows[1:]] == ["TopKAttention(k=2)", "TopKHidden(fraction=0.5) + ZeroSkipping()"]
    assert rows[0].quality == pytest.approx(graph.evaluate(x)["logits"].mean())
    assert text((sim.EarlyExit(2.0),)) == "EarlyExit(margin=2.0)"


def test_a_chip_that_cannot_price_an_ann_gives_no_energy_without_a_host(task):
    graph, x, labels = task
    rows = sim.sparsity_front(graph, x, labels, calibration=x, methods=["zero_skipping"], profile="loihi14", host=None)
    assert all(row.energy is None and not row.best for row in rows)
    assert "ann" in rows[0].report.unpriced
    with pytest.raises(sim.ParameterError, match="no row with an energy"):
        sim.viz.sparsity_front(rows)


def test_a_decoder_reads_its_weights_for_every_token_and_spikes_do_not_care():
    graph = stack(classes=3, per_token=True, causal=True)
    x = np.random.default_rng(0).normal(size=(20, *graph.input.shape))
    settings = {"calibration": x, "methods": ["top_k_hidden"], "spiking": sim.convert(graph, x), "codes": ("graded",)}
    together, apart = (sim.sparsity_front(graph, x, np.zeros((20, 4), dtype=int), decoding=each, **settings) for each in (False, True))
    assert [row.method for row in apart] == ["dense", *["top_k_hidden"] * 3, "graded"]
    assert [row.method for row in together] == [*[row.method for row in apart[:-1]], "int8 program", "graded"]
    assert all(mine.energy.nominal > theirs.energy.nominal for mine, theirs in zip(apart[:-1], together, strict=False))
    assert apart[-1].energy == together[-1].energy and apart[-1].report.part("ann").nominal == 0.0


def test_a_code_that_is_none_is_refused_before_any_work(task):
    graph, x, labels = task
    with pytest.raises(sim.ParameterError, match="sparsity_front.codes = 'morse' is not known"):
        sim.sparsity_front(graph, x, labels, calibration=x, spiking=sim.convert(graph, x), codes=["morse"])


def test_the_figure_shows_every_row_and_the_front(rows):
    ax = sim.viz.sparsity_front(rows)
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "energy per inference (µJ)" and ax.get_ylabel() == "accuracy (%)"
    drawn = sorted((x, y) for line in ax.containers for x, y in zip(*line[0].get_data(), strict=True))
    assert drawn == sorted((row.energy.nominal * 1e-6, 100.0 * row.quality) for row in rows)
    names = ax.get_legend_handles_labels()[1]
    assert {"ANN dense", "ANN early exit", "SNN graded", "front"} <= set(names)


def test_a_method_that_does_not_fit_is_left_out_unless_it_is_asked_for():
    graph = stack(classes=3)
    x = np.random.default_rng(0).normal(size=(20, *graph.input.shape))
    labels = np.zeros(20, dtype=int)
    assert "early_exit" not in {row.method for row in sim.sparsity_front(graph, x, labels, calibration=x)}
    with pytest.raises(sim.ParameterError, match="has no place to leave"):
        sim.sparsity_front(graph, x, labels, calibration=x, methods=["early_exit"])


WRONG = {
    "method": ({"methods": ["topk"]}, "sparsity_front.methods: method = 'topk' is not known. Valid: zero_skipping"),
    "one name": ({"methods": "relu"}, r"must be a list of names. Give \['relu'\]"),
    "quality": ({"quality": "bleu"}, "Valid: accuracy, perplexity"),
    "profile": ({"profile": "abacus"}, "abacus"),
    "spiking": ({"spiking": "graded"}, r"sparsity_front.spiking\[''\] = str must be a SpikingModel"),
    "labels": ({"labels": np.zeros((40, 2), dtype=int)}, r"labels has shape \(40, 2\) but the model gives scores of shape \(40, 3\)"),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG)
def test_what_is_unknown_or_does_not_fit_is_refused(task, change, message):
    graph, x, labels = task
    with pytest.raises(sim.ParameterError, match=message):
        sim.sparsity_front(graph, x, **{"labels": labels, "calibration": x, "methods": ["relu"], **change})


@pytest.mark.parametrize(
    ("scores", "labels", "text"),
    [
        ([[0.0, float("nan")]], [0], "scores = nan must be finite"),
        ([[0.0, 1.0]], [2], "labels = 2 must be <= 1"),
        ([[0.0, 1.0]], [-1], "labels = -1 must be >= 0"),
        ([[0.0, 1.0]], [[0]], "labels has shape .1, 1. but must have .1,."),
        ([[0.0, 1.0]], [0.0], "labels = .* must hold whole numbers"),
        ([[0.0, 1e6]], [0], "mean surprise of 1e.06"),
        (np.zeros((0, 2)), np.zeros(0, int), "must hold one answer at least"),
        ("a", [0], "scores = 'a' must be a number"),
    ],
)
def test_perplexity_of_what_has_none_is_refused(scores, labels, text):
    with pytest.raises(sim.ParameterError, match=text):
        sim.perplexity(scores, labels)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"labels": [400, 1]}, "labels = 400 must be <= 9"),
        ({"quality": lambda scores, labels: float("nan")}, "what the function returned = nan must be finite"),
        ({"codes": ["graded"]}, "codes = .'graded'. are those of spiking networks, and none is given"),
        ({"codes": "graded"}, "codes = 'graded' must be a list of codes"),
        ({"decoding": 1}, "decoding = 1 must be True or False"),
        ({"methods": {"mine": sim.ZeroSkipping()}}, "methods.'mine'. = .* must be a list of methods"),
        ({"methods": 3}, "methods = 3 must be a list of names"),
        ({"host": "nope"}, "profile = 'nope' is not known"),
    ],
)
def test_a_front_refuses_what_it_cannot_use(digits, settings, text):
    _, inputs, labels, _ = digits
    graph, _ = sim.data.load_model("digits")
    with pytest.raises(sim.ParameterError, match=text):
        sim.sparsity_front(graph, inputs[:2], calibration=inputs[:2], **{"labels": labels[:2], "methods": ["zero_skipping"], **settings})
