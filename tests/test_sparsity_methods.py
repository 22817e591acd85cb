"""Every method against loops that multiply only where they must, its closed form, and what more of it may never do."""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plain_blocks import Naive, Sizes, stack

import snnsim as sim
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Input, Linear
from snnsim.sparsity.delta import held
from snnsim.sparsity.rule import ridge
from snnsim.sparsity.structure import blocks, hidden

SIZES = Sizes()


def inputs(graph, batch=5, seed=1):
    return np.random.default_rng(seed).normal(size=(batch, *graph.input.shape))


def similar(graph, batch=4, seed=3, step=0.1):
    """Return tokens that change little by little."""
    random = np.random.default_rng(seed)
    n, d = graph.input.shape
    return random.normal(size=(batch, 1, d)) + step * random.normal(size=(batch, n, d)).cumsum(axis=1)


def macs(graph, *methods, x, calibration=None):
    return sim.sparsify(graph, *methods, calibration=x if calibration is None else calibration)(x).counts.total("macs")


LOOPS = {
    "relu": ("relu", sim.ReluMLP(), {"least": 1e-300}, False),
    "threshold": ("gelu", sim.ActivationThreshold(tau=0.2), {"least": 0.2}, False),
    "top-k attention": ("gelu", sim.TopKAttention(2), {"k": 2}, False),
    "top-k hidden": ("gelu", sim.TopKHidden(0.4), {"most": 4}, False),
    "delta": ("gelu", sim.Delta(0.3), {"change": 0.3}, True),
    "delta, all": ("gelu", sim.Delta(0.0), {"change": 0.0}, True),
}


@pytest.mark.parametrize(("function", "method", "settings", "smooth"), LOOPS.values(), ids=LOOPS)
def test_outputs_and_macs_are_those_of_a_loop_that_multiplies_only_where_it_must(function, method, settings, smooth):
    graph = stack(function=function)
    x = similar(graph, 1) if smooth else inputs(graph, 1)
    naive = Naive(graph, SIZES, **settings)
    result = sim.sparsify(graph, method)(x)
    assert np.allclose(naive(x[0]), result.outputs["b0.out"][0], atol=1e-10)
    assert result.counts.total("macs") == naive.macs
    assert naive.macs < SIZES.macs or settings.get("change") == 0.0


@pytest.mark.parametrize("fraction", [0.25, 0.5, 0.75])
def test_only_routed_tokens_go_through_a_block_and_see_each_other(fraction):
    graph = stack()
    x = inputs(graph, 1)
    result = sim.sparsify(graph, sim.MixtureOfDepths(fraction, router="update"))(x)
    k = ceil(fraction * SIZES.n)
    chosen = np.sort(np.argsort(-(x[0] ** 2).sum(axis=-1))[:k])
    wanted, naive = x[0].copy(), Naive(graph, SIZES)
    wanted[chosen] = naive(x[0][chosen])
    assert np.allclose(result.outputs["b0.out"][0], wanted, atol=1e-12)
    assert naive.macs == SIZES._replace(n=k).macs
    router = result.counts.layers["x.router"]
    assert result.counts.total("macs") == naive.macs + router["macs"] and router["macs"] == SIZES.n * SIZES.d
    assert router["adds"] == SIZES.n * ceil(np.log2(k + 1))


def test_a_fitted_router_prefers_tokens_that_the_block_changes():
    graph = stack()
    x = inputs(graph, 200)
    change = np.linalg.norm(graph.evaluate(x)["b0.out"] - x, axis=-1)
    result = sim.sparsify(graph, sim.MixtureOfDepths(0.5), calibration=x)(x)
    through = (result.outputs["b0.out"] != x).any(axis=-1)
    assert (through.sum(axis=1) == 2).all()
    assert change[through].mean() > change[~through].mean()


def test_blocks_without_a_router_are_computed_for_all():
    graph = stack(blocks=2)
    x = inputs(graph)
    result = sim.sparsify(graph, sim.MixtureOfDepths(0.5, router="update", blocks=(1,)))(x)
    assert result.counts.total("macs") == 5 * (SIZES.macs + SIZES._replace(n=2).macs + SIZES.n * SIZES.d)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_top_k_attention_computes_all_scores_and_mixes_n_k_d(k):
    n, d, _, heads = SIZES
    graph = stack()
    counts = sim.sparsify(graph, sim.TopKAttention(k))(inputs(graph, 3)).counts
    assert counts.layers["b0.product"]["macs"] == 3 * n * n * d
    assert counts.layers["b0.mix"]["macs"] == 3 * n * k * d
    assert counts.layers["b0.scores.group"]["tables"] == 3 * heads * n * k
    assert counts.layers["b0.scores.selection"]["adds"] == 3 * heads * n * n * ceil(np.log2(k + 1))
    assert counts.total("macs") == 3 * (SIZES.macs - n * (n - k) * d)


def test_behind_a_causal_mask_short_rows_keep_all_and_are_not_searched():
    n, d, _, heads = SIZES
    graph = stack(causal=True)
    counts = sim.sparsify(graph, sim.TopKAttention(2))(inputs(graph, 1)).counts
    assert counts.layers["b0.mix"]["macs"] == (1 + 2 * (n - 1)) * d
    assert counts.layers["b0.scores.selection"]["adds"] == heads * sum(range(3, n + 1)) * 2


def test_the_down_projection_of_a_rectified_mlp_takes_rho_n_d_f():
    graph = stack()
    x = inputs(graph, 20)
    model = sim.sparsify(graph, sim.ReluMLP(), calibration=x)
    density = (model.graph.evaluate(x)["b0.hidden"] > 0.0).mean()
    n, d, f, _ = SIZES
    counts = model(x).counts
    assert counts.layers["b0.down"]["macs"] == pytest.approx(density * 20 * n * d * f)
    assert counts.layers["b0.hidden"].get("tables", 0) == 0 and 0.0 < density < 1.0


def test_a_shift_goes_into_the_bias_above_and_the_fit_brings_outputs_nearer():
    graph = stack()
    x, y = inputs(graph, 200), inputs(graph, 50, seed=7)
    plain = sim.sparsify(graph, sim.ReluMLP(shift=0.3, refit=False), calibration=x)
    fitted = sim.sparsify(graph, sim.ReluMLP(shift=0.3), calibration=x)
    up, before = (model.nodes["b0.up"] for model in (plain.graph, graph))
    assert isinstance(up, Linear) and isinstance(before, Linear)
    assert np.array_equal(up.bias, before.bias - 0.3)
    wanted = graph.evaluate(y)["b0.out"]
    errors = [np.abs(model(y).outputs["b0.out"] - wanted).mean() for model in (plain, fitted)]
    assert errors[1] < 0.7 * errors[0]


def test_a_shift_leaves_what_others_read_above_alone():
    plain = stack()
    graph = Graph(list(plain.nodes.values()), ["b0.out", "b0.up"])
    x = inputs(graph, 50)
    model = sim.sparsify(graph, sim.ReluMLP(shift=0.3, refit=False))
    result, values = model(x), plain.evaluate(x)
    assert np.array_equal(result.outputs["b0.up"], values["b0.up"])
    rectified = np.maximum(values["b0.up"] - 0.3, 0.0)
    assert np.allclose(result.outputs["b0.out"], values["b0.mid"] + plain.nodes["b0.down"].apply(rectified))


def test_scores_that_are_an_output_are_all_computed():
    plain = stack(causal=True)
    graph = Graph(list(plain.nodes.values()), ["b0.out", "b0.product"])
    x = inputs(graph, 2)
    result = sim.sparsify(graph)(x)
    assert np.array_equal(result.outputs["b0.product"], plain.evaluate(x)["b0.product"])
    assert result.counts.layers["b0.product"]["macs"] == 2 * SIZES.n**2 * SIZES.d


def test_a_rectified_graph_is_an_ordinary_graph_that_converts():
    graph = sim.sparsify(stack(classes=3), sim.ReluMLP(), calibration=inputs(stack(), 40)).graph
    x = inputs(graph, 40)
    spiking = sim.convert(graph, x)
    assert spiking.certify(x[:4]).mismatches == 0


def test_thresholds_keep_the_share_of_values_that_was_asked_for():
    graph = stack(blocks=2)
    x = inputs(graph, 100)
    layers = sim.sparsify(graph, sim.ActivationThreshold(fraction=0.25), calibration=x)(x).counts.layers
    n, d, f, _ = SIZES
    assert layers["b0.down"]["macs"] == 100 * n * f // 4 * d
    assert layers["b0.hidden.threshold"]["adds"] == 100 * n * f


def test_inputs_of_all_linear_layers_are_compared_once_each():
    graph = stack()
    x = inputs(graph, 3)
    layers = sim.sparsify(graph, sim.ActivationThreshold(tau=0.5, at="inputs"))(x).counts.layers
    small = np.count_nonzero(np.abs(graph.evaluate(x)["b0.norm1"]) >= 0.5)
    assert all(layers[f"b0.{part}"]["macs"] == small * SIZES.d for part in "qkv")
    assert layers["b0.norm1.threshold"]["adds"] == 3 * SIZES.n * SIZES.d


def test_only_what_differs_from_what_was_sent_is_sent_again():
    x = np.array([[0.0, 1.0], [0.4, 1.0], [0.6, 0.9], [0.6, 0.0]])
    there = np.ones(x.shape, dtype=bool)
    there[2, 0] = False
    values, sent = held(x, there, 0.5)
    assert sent.tolist() == [[True, True], [False, False], [False, False], [True, True]]
    assert values.tolist() == [[0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.6, 0.0]]


def test_frames_cost_their_changes_and_a_dense_first_frame():
    """Linear: sum nnz(change) fan-out; scores: nnz(dQ) n + nnz(dK) n."""
    n, d, _, _ = SIZES
    graph = stack()
    x = np.repeat(inputs(graph, 1), 3, axis=0)
    x[2, 1] = np.random.default_rng(5).normal(size=d)  # one token of the last frame
    result = sim.sparsify(graph, sim.Delta(0.0, along="frames"))(x)
    values, layers = graph.evaluate(x), result.counts.layers
    assert np.array_equal(result.outputs["b0.out"], values["b0.out"])
    changed = {name: np.count_nonzero(values[name][2] != values[name][1]) for name in ("b0.norm1", "b0.q", "b0.k", "b0.scores", "b0.v")}
    assert layers["b0.q"]["macs"] == n * d * d + changed["b0.norm1"] * d
    assert changed["b0.q"] == changed["b0.k"] == d
    assert layers["b0.product"]["macs"] == n * n * d + changed["b0.q"] * n + changed["b0.k"] * n
    width = d // SIZES.heads
    assert layers["b0.mix"]["macs"] == n * n * d + changed["b0.scores"] * width + changed["b0.v"] * n
    assert layers["b0.norm1.delta"] == {"adds": 6 * n * d, "activation_reads": 3 * n * d, "activation_writes": n * d + changed["b0.norm1"]}
    assert layers["b0.q.sums"] == {"activation_reads": 4 * d, "activation_writes": 4 * (n * d + d)}


def test_tokens_that_are_decoded_keep_what_was_sent_and_their_sums_in_memory():
    n, d, _, _ = SIZES
    graph = stack(causal=True)
    x = inputs(graph, 2)
    together, apart = (sim.sparsify(graph, sim.Delta(0.2))(x, decoding=decoding).counts for decoding in (False, True))
    assert together.total("macs") == apart.total("macs")
    assert "b0.q.sums" not in together.layers and "activation_reads" not in together.layers["b0.norm1.delta"]
    sent = together.layers["b0.q"]["macs"] // d
    assert apart.layers["b0.norm1.delta"] == {"adds": 4 * n * d, "activation_reads": 2 * n * d, "activation_writes": sent}
    assert apart.layers["b0.q"]["weight_fetches"] == sent * d
    assert apart.layers["b0.q.sums"] == {"activation_reads": 4 * 2 * (n - 1) * d, "activation_writes": 4 * 2 * n * d}


def test_a_stream_that_stands_still_costs_no_macs_after_its_first_frame():
    graph = stack(blocks=2)
    x = inputs(graph, 1)
    still = sim.sparsify(graph, sim.Delta(0.1, along="frames"))(np.repeat(x, 9, axis=0))
    assert still.counts.total("macs") == sim.sparsify(graph)(x).counts.total("macs")


def test_leaving_costs_the_blocks_that_are_reached_and_the_heads_that_are_asked():
    d = SIZES.d
    graph = stack(blocks=3, classes=4)
    x = inputs(graph, 60)
    margin = 0.15
    result = sim.sparsify(graph, sim.EarlyExit(margin), calibration=x)(x)
    gone = result.notes["exits"]
    assert list(gone) == ["b0.out", "b1.out"] and all(0 < count < 60 for count in gone.values())
    reached = [60, 60 - gone["b0.out"], 60 - sum(gone.values())]
    wanted = sum(reached) * SIZES.macs + (reached[0] + reached[1]) * d * 4 + reached[2] * d * 4
    assert result.counts.total("macs") == wanted
    assert result.counts.layers["b1.norm1"]["activation_reads"] == reached[1] * SIZES.n * d
    head = ridge(graph.evaluate(x)["b0.out"].mean(axis=1), graph.evaluate(x)["logits"])
    first = graph.evaluate(x)["b0.out"].mean(axis=1) @ head[0] + head[1]
    best = np.sort(first, axis=1)
    left = best[:, -1] - best[:, -2] > margin
    assert left.sum() == gone["b0.out"]
    assert np.allclose(result.outputs["logits"][left], first[left])
    late = sim.sparsify(graph, sim.EarlyExit(1e9), calibration=x)(x)
    assert np.array_equal(late.outputs["logits"], graph.evaluate(x)["logits"])
    assert late.notes["exits"] == {"b0.out": 0, "b1.out": 0}


def test_tokens_that_have_left_are_not_there_for_the_blocks_after():
    n, d, f, _ = SIZES
    graph = stack(blocks=2, classes=4, per_token=True, causal=True)
    x = inputs(graph, 6)
    margin = 0.5
    result = sim.sparsify(graph, sim.EarlyExit(margin), calibration=x)(x)
    values = graph.evaluate(x)
    weight, bias = ridge(values["b0.out"].reshape(-1, d), values["logits"].reshape(-1, 4))
    head = values["b0.out"] @ weight + bias
    best = np.sort(head, axis=-1)
    left = best[..., -1] - best[..., -2] > margin
    assert result.notes["exits"] == {"b0.out": left.sum()} and 0 < left.sum() < left.size
    stay = (~left).sum(axis=1)
    first = 4 * n * d * d + n * (n + 1) * d + 2 * n * d * f + n * d * 4
    later = 4 * stay * d * d + stay * (stay + 1) * d + 2 * stay * d * f + stay * d * 4
    assert result.counts.total("macs") == 6 * first + later.sum()
    assert np.allclose(result.outputs["logits"][left], head[left])


def test_behind_a_causal_mask_the_share_that_enters_is_that_of_the_calibration_data():
    graph = stack(causal=True)
    x = inputs(graph, 250)
    change = np.linalg.norm(graph.evaluate(x)["b0.out"] - x, axis=-1)
    result = sim.sparsify(graph, sim.MixtureOfDepths(0.3), calibration=x)(x)
    through = (result.outputs["b0.out"] != x).any(axis=-1)
    assert through.mean() == pytest.approx(0.3, abs=1 / x[..., 0].size)
    assert change[through].mean() > change[~through].mean()


def test_a_value_at_the_threshold_is_heard():
    source = Input(name="x", inputs=(), shape=(1, 4), kind="real")
    weight = Linear(name="y", inputs=("x",), shape=(1, 2), weight=np.ones((2, 4)), bias=np.zeros(2))
    result = sim.sparsify(Graph([source, weight]), sim.ActivationThreshold(tau=0.5, at="inputs"))([[[0.5, -0.5, 0.25, 2.0]]])
    assert result.outputs["y"].tolist() == [[[2.0, 2.0]]]
    assert result.counts.layers["y"] == {"macs": 6, "weight_fetches": 6, "activation_reads": 4, "activation_writes": 2}


CAUSAL = {
    "top-k attention": sim.TopKAttention(2),
    "delta": sim.Delta(0.2),
    "exit": sim.EarlyExit(0.4),
    "depths": sim.MixtureOfDepths(0.5),
    "depths, update": sim.MixtureOfDepths(0.5, router="update"),
}


@pytest.mark.parametrize("method", CAUSAL.values(), ids=CAUSAL)
def test_behind_a_causal_mask_no_token_depends_on_later_ones(method):
    graph = stack(blocks=2, classes=3, per_token=True, causal=True)
    x = inputs(graph, 8)
    model = sim.sparsify(graph, method, calibration=inputs(graph, 50, seed=4))
    other = x.copy()
    other[:, 2:] = np.random.default_rng(9).normal(size=other[:, 2:].shape)
    mine, theirs = model(x), model(other)
    assert np.allclose(mine.outputs["logits"][:, :2], theirs.outputs["logits"][:, :2], atol=1e-12)
    assert not np.array_equal(mine.outputs["logits"], graph.evaluate(x)["logits"])


def more(method, low, high):
    """Return the two settings of a method, the sparser one last."""
    return {
        "attention": lambda: (sim.TopKAttention(1 + int(3 * high)), sim.TopKAttention(1 + int(3 * low))),
        "hidden": lambda: (sim.TopKHidden(high), sim.TopKHidden(low)),
        "depths": lambda: (sim.MixtureOfDepths(high, router="update"), sim.MixtureOfDepths(low, router="update")),
        "threshold": lambda: (sim.ActivationThreshold(tau=low), sim.ActivationThreshold(tau=high)),
        "share": lambda: (sim.ActivationThreshold(fraction=high), sim.ActivationThreshold(fraction=low)),
        "exit": lambda: (sim.EarlyExit(high), sim.EarlyExit(low)),
    }[method]()


@given(
    method=st.sampled_from(["attention", "hidden", "depths", "threshold", "share", "exit"]),
    ends=st.tuples(st.floats(0.01, 1.0), st.floats(0.01, 1.0)),
    seed=st.integers(0, 100),
)
def test_more_sparsity_never_counts_more_macs(method, ends, seed):
    graph = stack(blocks=2 if method == "exit" else 1, seed=seed, classes=3)
    x = inputs(graph, 4, seed)
    dense, sparse = more(method, min(ends), max(ends))
    most = macs(graph, x=x) + (4 * SIZES.d * 3 if method == "exit" else 0) + (4 * SIZES.n * SIZES.d if method == "depths" else 0)
    assert macs(graph, sparse, x=x) <= macs(graph, dense, x=x) <= most


@given(threshold=st.floats(0.0, 2.0), seed=st.integers(0, 100))
def test_changes_between_tokens_never_cost_linear_layers_more_than_the_dense_model(threshold, seed):
    graph = stack(seed=seed)
    x = similar(graph, 2, seed)
    assert macs(graph, sim.Delta(threshold), x=x) <= macs(graph, x=x)


def test_methods_work_together_and_no_product_is_saved_twice():
    graph = stack(blocks=2, classes=3)
    x = inputs(graph, 30)
    methods = (sim.ReluMLP(), sim.TopKAttention(2), sim.MixtureOfDepths(0.5, router="update"), sim.Delta(0.2), sim.EarlyExit(0.3))
    together = sim.sparsify(graph, *methods, calibration=x)(x)
    alone = [sim.sparsify(graph, method, calibration=x)(x).skipped_macs for method in methods]
    assert max(alone) < together.skipped_macs < together.dense_macs
    assert np.isfinite(together.outputs["logits"]).all()


def test_blocks_and_hidden_layers_of_a_shipped_model_are_found():
    graph, _ = sim.data.load_model("digits")
    assert [(block.entry, block.end) for block in blocks(graph)] == [("embed", "block0.out"), ("block0.out", "block1.out")]
    assert [node.name for node in hidden(graph)] == ["block0.hidden", "block1.hidden"]


def test_a_ridge_fit_solves_its_equations():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(40, 3)), random.normal(size=(40, 2))
    weight, bias = ridge(x, y, 0.1)
    centred = x - x.mean(axis=0)
    strength = 0.1 * np.trace(centred.T @ centred) / 3
    assert np.allclose(centred.T @ (y - x @ weight - bias), strength * weight)
    assert np.allclose((y - x @ weight - bias).mean(axis=0), 0.0)


WRONG = {
    "k = 0": (lambda: sim.TopKAttention(0), r"TopKAttention.k = 0 must be >= 1"),
    "k > n": (lambda: sim.sparsify(stack(), sim.TopKAttention(5)), r"TopKAttention.k = 5 must be <= 4: no row of attention is longer"),
    "half a k": (lambda: sim.TopKAttention(1.5), "must be a whole number"),
    "tau < 0": (lambda: sim.ActivationThreshold(tau=-0.1), r"ActivationThreshold.tau = -0.1 must be >= 0"),
    "both": (lambda: sim.ActivationThreshold(tau=0.1, fraction=0.5), "one of them sets the thresholds"),
    "neither": (lambda: sim.ActivationThreshold(), "one of them sets the thresholds"),
    "no share": (lambda: sim.ActivationThreshold(fraction=0.0), r"ActivationThreshold.fraction = 0 must be > 0"),
    "at": (lambda: sim.ActivationThreshold(tau=0.1, at="outputs"), "Valid: hidden, inputs"),
    "share > 1": (lambda: sim.TopKHidden(1.2), r"TopKHidden.fraction = 1.2 must be <= 1"),
    "NaN": (lambda: sim.TopKHidden(float("nan")), "must be finite"),
    "change < 0": (lambda: sim.Delta(-1.0), r"Delta.threshold = -1 must be >= 0"),
    "along": (lambda: sim.Delta(0.1, along="heads"), "Valid: tokens, frames"),
    "margin": (lambda: sim.EarlyExit(0.0), r"EarlyExit.margin = 0.0 must be a number > 0"),
    "margin NaN": (lambda: sim.EarlyExit(float("nan")), "must be a number > 0"),
    "router": (lambda: sim.MixtureOfDepths(0.5, router="mlp"), "Valid: linear, update"),
    "depth": (lambda: sim.MixtureOfDepths(0.0), r"MixtureOfDepths.fraction = 0 must be > 0"),
    "block": (lambda: sim.sparsify(stack(), sim.MixtureOfDepths(0.5, blocks=(3,))), "the model has 1 blocks with a router"),
    "shift": (lambda: sim.ReluMLP(shift=-0.5), r"ReluMLP.shift = -0.5 must be >= 0"),
    "no data": (lambda: sim.sparsify(stack(), sim.ReluMLP()), "ReluMLP needs calibration data: shifts and weights are fitted to it"),
    "one block": (lambda: sim.sparsify(stack(classes=3), sim.EarlyExit(1.0)), "has no place to leave"),
}


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_a_setting_that_cannot_be_is_refused_with_its_name_and_value(make, message):
    with pytest.raises(sim.ParameterError, match=message):
        make()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: sim.ReluMLP(shift=[1.0, 2.0]),
        lambda: sim.ActivationThreshold(fraction=[0.1, 0.2]),
        lambda: sim.TopKHidden([0.1, 0.2]),
        lambda: sim.Delta([1.0, 2.0]),
        lambda: sim.MixtureOfDepths([0.5, 0.6]),
    ],
)
def test_a_method_takes_one_number_not_an_array(wrong):
    with pytest.raises(sim.ParameterError, match="must be one number, not an array"):
        wrong()


@pytest.mark.parametrize(
    ("places", "text"), [(3, "must hold places of blocks"), ((), "one block at least"), ((0, 0), "each once"), ((0.5,), "whole number")]
)
def test_blocks_of_another_form_are_refused(places, text):
    with pytest.raises(sim.ParameterError, match=text):
        sim.MixtureOfDepths(0.5, blocks=places)
