"""How weights and values become whole numbers: ranges, steps, biases, rounding, bits."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import snnsim as sim
from snnsim.conversion.calibrate import Range, ranges
from snnsim.conversion.channels import channels_of
from snnsim.conversion.clipping import Clip, clipped
from snnsim.conversion.levels import smoothed
from snnsim.conversion.options import Quantisation
from snnsim.conversion.plan import Plan
from snnsim.conversion.quantise import quantise
from snnsim.conversion.rounding import adapted
from snnsim.conversion.terms import Mapped
from snnsim.conversion.whole import best_share
from snnsim.conversion.windows import windows
from snnsim.errors import ConversionError, ParameterError
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Activation, Conv, Gather, Input, Linear, Max, Multiply, Softmax, convolve

PLAIN = {"ranges": "max", "rounding": "nearest", "bias_correction": False}


def mlp(seed=0, width=24, scale=None):
    """x -> hidden (relu) -> out; `scale` of the hidden channels makes outliers."""
    random = np.random.default_rng(seed)
    scale = np.ones(width) if scale is None else scale
    return Graph(
        [
            Input(name="x", inputs=(), shape=(8,), kind="real"),
            Linear(
                name="up",
                inputs=("x",),
                shape=(width,),
                weight=random.normal(size=(width, 8)) * scale[:, None],
                bias=random.normal(size=width),
            ),
            Activation(name="hidden", inputs=("up",), shape=(width,), function="relu"),
            Linear(name="out", inputs=("hidden",), shape=(3,), weight=random.normal(size=(3, width)) / scale, bias=np.zeros(3)),
        ]
    )


def correlated(samples, seed=1, width=8):
    random = np.random.default_rng(seed)
    return random.normal(size=(samples, 3)) @ random.normal(size=(3, width)) + 0.1 * random.normal(size=(samples, width))


def outputs(model, x):
    return next(iter(model.outputs(model.reference(x)).values()))


@pytest.fixture(scope="module")
def values():
    """A graph whose node 'hidden' has known values, and its calibration data."""
    graph, x = mlp(), correlated(300)
    return graph, {"x": x}, graph.evaluate(x)["hidden"]


def narrowed(values, clip):
    graph, x, hidden = values
    return clipped(graph, x, ranges(graph, x, ["hidden"]), {"hidden": clip})["hidden"], hidden


@pytest.mark.parametrize("percentile", [80.0, 95.0, 99.0, 100.0])
@pytest.mark.parametrize("per_channel", [True, False])
def test_a_percentile_range_is_that_percentile_of_the_magnitudes_to_one_bin(values, percentile, per_channel):
    found, hidden = narrowed(values, Clip("percentile", 8, per_channel, percentile=percentile))
    rows = hidden if per_channel else hidden.reshape(-1, 1)
    wanted = np.percentile(np.abs(rows), percentile, axis=0, method="inverted_cdf")
    assert (found.high >= np.minimum(wanted, hidden.max(axis=0)) - 1e-12).all()
    np.testing.assert_allclose(found.high, np.minimum(wanted, hidden.max(axis=0)), atol=1.01 * hidden.max() / 1024)


@pytest.mark.parametrize("bits", [3, 4, 8])
def test_a_least_error_range_is_the_best_of_a_search_over_the_values_themselves(values, bits):
    found, hidden = narrowed(values, Clip("mse", bits, True))

    def error(high):
        step = high / (2**bits - 1)
        return ((hidden - np.clip(np.floor(hidden / step + 0.5), 0, 2**bits - 1) * step) ** 2).mean(axis=0)

    searched = np.min([error(hidden.max(axis=0) * share) for share in np.linspace(0.03, 1.0, 400)], axis=0)
    widest = error(hidden.max(axis=0))
    assert (error(found.high) <= 1.1 * searched + 1e-9).all()  # its candidates lie 4 % apart
    assert (error(found.high) <= widest * (1 + 1e-6)).all()
    assert bits > 4 or (error(found.high) < 0.95 * widest).any()


def test_ranges_do_not_depend_on_the_order_of_the_samples(values):
    graph, x, _ = values
    one = clipped(graph, x, ranges(graph, x, ["hidden"]), {"hidden": Clip("mse", 4, True)})["hidden"]
    back = {"x": x["x"][::-1]}
    other = clipped(graph, back, ranges(graph, back, ["hidden"]), {"hidden": Clip("mse", 4, True)})["hidden"]
    assert (one.high == other.high).all()


@given(seed=st.integers(0, 2**32 - 1), bits=st.integers(2, 5), rank=st.integers(1, 6))
def test_adaptive_rounding_errs_less_than_nearest_on_correlated_inputs(seed, bits, rank):
    random = np.random.default_rng(seed)
    x = random.normal(size=(200, rank)) @ random.normal(size=(rank, 16)) + 0.05 * random.normal(size=(200, 16))
    largest = 2 ** (bits - 1) - 1
    real = random.uniform(-largest, largest, size=(16, 12))
    moment = x.T @ x / len(x)
    whole = adapted(real, moment, moment, largest, damping=1e-6)
    nearest = np.clip(np.floor(real + 0.5), -largest, largest)
    error, before = (((x @ (each - real)) ** 2).sum(axis=0) for each in (whole, nearest))
    assert np.abs(whole).max() <= largest and (error <= before * (1 + 1e-3) + 1e-6).all()
    assert error.sum() < 0.8 * before.sum()


def test_adaptive_rounding_finds_what_brute_force_finds_where_it_can_be_searched():
    random = np.random.default_rng(5)
    best = 0
    for _ in range(30):
        x = random.normal(size=(50, 2)) @ random.normal(size=(2, 3)) + 0.3 * random.normal(size=(50, 3))
        real = random.uniform(-3, 3, size=(3, 1))
        moment = x.T @ x / 50
        cost = lambda q, real=real, x=x: float(((x @ (np.reshape(q, (3, 1)) - real)) ** 2).sum())  # noqa: E731
        least = min(cost(q) for q in product(range(-3, 4), repeat=3))
        got = cost(adapted(real, moment, moment, 3, damping=1e-9))
        assert got >= least * (1 - 1e-9)
        assert got <= cost(np.clip(np.floor(real + 0.5), -3, 3)) * (1 + 1e-9)
        best += got <= least * (1 + 1e-9)
    assert best >= 15  # a descent may end beside the best


def test_inputs_that_never_move_leave_the_nearest_weights():
    real = np.array([[0.4, 2.6], [-1.2, 9.0]])
    assert (adapted(real, np.zeros((2, 2)), np.zeros((2, 2)), 7) == [[0, 3], [-1, 7]]).all()


def test_the_share_of_a_channel_that_weights_cover_errs_least():
    weight = np.random.default_rng(0).standard_t(3, size=(200, 6))

    def error(share):
        step = share * np.abs(weight).max(axis=0) / 3
        return ((weight - np.clip(np.floor(weight / step + 0.5), -3, 3) * step) ** 2).sum(axis=0)

    found = best_share(weight, 3)
    assert (error(found) < 0.8 * error(1.0)).any()
    assert (error(found) <= np.min([error(s) for s in np.linspace(0.4, 1.0, 25)], axis=0) * (1 + 1e-12)).all()
    assert (best_share(np.array([[3.0], [-2.0], [1.0]]), 3) == 1.0).all()  # what lies on the grid stays


@pytest.mark.parametrize("padding", [((1, 1), (0, 2)), ((0, 0), (0, 0))])
@pytest.mark.parametrize("groups", [1, 2])
def test_windows_times_weights_are_the_convolution(padding, groups):
    random = np.random.default_rng(0)
    x, weight = random.normal(size=(3, 6, 7, 4)), random.normal(size=(3, 2, 4 // groups, 6))
    shape = (*((n + sum(p) - d * (k - 1) - 1) // 2 + 1 for n, p, k, d in zip((6, 7), padding, (3, 2), (1, 2), strict=True)), 6)
    conv = Conv(
        name="c",
        inputs=("x",),
        shape=shape,
        weight=weight,
        bias=np.zeros(6),
        stride=(2, 2),
        padding=padding,
        dilation=(1, 2),
        groups=groups,
    )
    term = Mapped("x", None, weight, (6, 7, 4), conv)
    wide = 6 // groups
    got = [windows(term, x, g) @ weight[..., g * wide : (g + 1) * wide].reshape(-1, wide) for g in range(groups)]
    wanted = convolve(x, shape, weight, (2, 2), padding, (1, 2), groups)
    np.testing.assert_allclose(np.concatenate(got, axis=1).reshape(wanted.shape), wanted, atol=1e-12)


def test_bias_correction_leaves_at_most_half_a_unit_of_mean_shift():
    graph, x = mlp(3), correlated(256)
    shifts = {}
    for corrected in (True, False):
        model = sim.convert(graph, x, activation_bits=3, weight_bits=3, ranges="max", rounding="nearest", bias_correction=corrected)
        scale = np.broadcast_to(model.integer_graph.layers["out"].scale, 3)
        shifts[corrected] = np.abs(outputs(model, x).mean(axis=0) - graph.evaluate(x)["out"].mean(axis=0)) / scale
    assert (shifts[True] <= 0.5 + 1e-6).all()
    assert shifts[False].max() > 2.0


def test_bits_are_those_asked_for_layer_by_layer():
    graph, x = mlp(), correlated(64)
    model = sim.convert(graph, x, activation_bits={"x": 6, "hidden": 3}, weight_bits={"up": 5, "*": 3})
    rows = {row.name: row for row in model.layers}
    assert (rows["x"].levels, rows["hidden"].levels) == (63, 8)
    assert (rows["hidden"].weight_bits, rows["out"].weight_bits) == (5, 3)
    by_operation = sim.convert(graph, x, activation_bits={"Activation": 4}, weight_bits={"hidden": 2, "o?t": 9})
    rows = {row.name: row for row in by_operation.layers}
    assert (rows["x"].levels, rows["hidden"].levels) == (255, 16)
    assert (rows["hidden"].weight_bits, rows["out"].weight_bits) == (2, 9)


def test_a_residual_stream_keeps_eight_bits_unless_a_mapping_names_it():
    graph, _ = sim.data.load_model("digits")
    x = sim.data.patches(sim.data.load_digits("train")[0][:32])
    levels = {row.name: row.levels for row in sim.convert(graph, x, activation_bits=4).layers}
    assert levels["block0.mid"] == levels["norm"] == 255
    assert levels["block0.q"] == levels["block0.norm1"] == 15 and levels["block0.scores"] == 16
    levels = {row.name: row.levels for row in sim.convert(graph, x, activation_bits={"*": 4, "Softmax": 8}).layers}
    assert levels["block0.mid"] == 15 and levels["block0.scores"] == 16  # the first pattern that fits
    levels = {row.name: row.levels for row in sim.convert(graph, x, activation_bits={"Softmax": 8, "*": 4}).layers}
    assert levels["block0.scores"] == 256


def test_given_ranges_set_the_steps():
    graph, x = mlp(), correlated(64)
    for name in ("hidden", "out.input"):
        model = sim.convert(graph, x, activation_bits=4, ranges={name: (0.0, 7.5)})
        np.testing.assert_allclose(model.integer_graph.layers["hidden"].scale, 0.5, rtol=1e-12)
    model = sim.convert(graph, x, ranges={"x": (-0.001, 0.001)})
    assert model.encode(x)["x"].size  # an input covers its calibration data whatever is given: no warning
    both = Quantisation(ranges={"a": (0.0, 1.0), "b": (-1.0, 0.5), "c": "max"})
    assert both.range_of(("a", "b")) == (-1.0, 1.0) and both.range_of(("c",)) == "max" and both.range_of(("d",)) == "mse"


def test_alpha_shares_the_spread_between_values_and_weights():
    x, w = np.array([1.0, 16.0]), np.array([1.0, 4.0])
    got = smoothed(x, w, 0.5)
    np.testing.assert_allclose(got, np.array([1.0, 2.0]) * 8.0)  # sqrt(16) / sqrt(4) covers 16
    np.testing.assert_allclose(smoothed(x, w, 1.0), x)
    graph, calibration = mlp(), correlated(64)
    scales = [sim.convert(graph, calibration, alpha=alpha, ranges="max").integer_graph.layers["hidden"].scale for alpha in (1.0, 0.5)]
    assert (scales[1] >= scales[0] * (1 - 1e-9)).all() and (scales[1] > 1.1 * scales[0]).any()


def attention(seed=0, heads=2, spread=1.0, keys=None):
    """Queries, keys and values in one population, as torch makes them; `spread` of their channels makes outliers."""
    random = np.random.default_rng(seed)
    keys = heads if keys is None else keys
    width, tokens, size = 4 * heads, 3, 4
    total = width + 2 * 4 * keys
    gain = np.exp(spread * random.normal(size=total))

    def part(name, first, count, every):
        place = (
            np.arange(tokens)[None, :, None] * total + first + np.repeat(np.arange(count), every)[:, None, None] * size + np.arange(size)
        )
        return Gather(name=name, inputs=("qkv",), shape=place.shape, index=place.astype(np.int32))

    shapes = ((heads, tokens, size), (heads, tokens, size))
    return Graph(
        [
            Input(name="x", inputs=(), shape=(tokens, 8), kind="real"),
            Linear(
                name="qkv",
                inputs=("x",),
                shape=(tokens, total),
                weight=random.normal(size=(total, 8)) * gain[:, None] / 8,
                bias=np.zeros(total),
            ),
            part("q", 0, heads, 1),
            part("k", width, keys, heads // keys),
            part("v", width + 4 * keys, keys, heads // keys),
            Multiply(name="product", inputs=("q", "k"), shape=(heads, tokens, tokens), subscripts="hid,hjd->hij", views=shapes),
            Softmax(name="scores", inputs=("product",), shape=(heads, tokens, tokens)),
            Multiply(
                name="mix",
                inputs=("scores", "v"),
                shape=(tokens, width),
                subscripts="hij,hjd->ihd",
                views=((heads, tokens, tokens), shapes[0]),
            ),
            Linear(name="out", inputs=("mix",), shape=(tokens, 5), weight=random.normal(size=(5, width)), bias=np.zeros(5)),
        ]
    )


def test_queries_and_keys_share_their_spread_and_values_keep_a_step_per_channel():
    graph, x = attention(spread=1.5), np.random.default_rng(1).normal(size=(64, 3, 8))
    plan = Plan(graph)
    channels = channels_of(plan)
    assert channels.able["qkv"] and not channels.together and len(channels.pairs) == 1
    model = sim.convert(graph, x)
    scale = model.integer_graph.layers["qkv"].scale
    np.testing.assert_allclose(scale[:8] * scale[8:16], scale[0] * scale[8], rtol=1e-9)
    assert np.ptp(scale[16:]) > 0.5 * scale[16:].max() and np.ptp(scale[:8]) > 0.2 * scale[:8].max()
    assert model.certificate.mismatches == 0
    floats = graph.evaluate(x)["out"]
    assert np.abs(outputs(model, x) - floats).max() < 0.05 * np.abs(floats).max()


def test_steps_through_products_err_less_than_one_step_for_all():
    graph, x = attention(spread=1.5), np.random.default_rng(1).normal(size=(64, 3, 8))
    floats = graph.evaluate(x)
    largest = float(np.abs(floats["qkv"]).max())
    errors = [
        np.linalg.norm(outputs(sim.convert(graph, x, activation_bits=6, **PLAIN | {"ranges": how}), x) - floats["out"])
        for how in ("max", {"qkv": (-largest, largest), "*": "max"})
    ]
    assert errors[0] < 0.6 * errors[1]


def test_keys_that_several_queries_read_share_a_step():
    graph, x = attention(heads=4, keys=2), np.random.default_rng(1).normal(size=(32, 3, 8))
    channels = channels_of(Plan(graph))
    assert not channels.pairs and channels.able["qkv"]
    sizes = sorted(len(each) for _, each in channels.together)
    assert sizes == [8, 16]  # keys, queries; a channel of the result still takes from one value alone
    model = sim.convert(graph, x)
    scale = model.integer_graph.layers["qkv"].scale
    assert all(np.ptp(scale[each]) == 0.0 for _, each in channels.together)
    assert model.certificate.mismatches == 0


def pooled(seed=0):
    random = np.random.default_rng(seed)
    place = np.arange(6 * 6 * 8).reshape(3, 2, 3, 2, 8).transpose(0, 2, 4, 1, 3).reshape(3, 3, 8, 4)
    conv = {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1)}
    return Graph(
        [
            Input(name="x", inputs=(), shape=(6, 6, 2), kind="levels", low=0, high=15, step=1 / 15),
            Conv(name="c1", inputs=("x",), shape=(6, 6, 8), weight=random.normal(size=(3, 3, 2, 8)), bias=random.normal(size=8), **conv),
            Activation(name="a1", inputs=("c1",), shape=(6, 6, 8), function="relu"),
            Gather(name="w", inputs=("a1",), shape=place.shape, index=place.astype(np.int32)),
            Max(name="m", inputs=("w",), shape=(3, 3, 8)),
            Conv(
                name="c2",
                inputs=("m",),
                shape=(3, 3, 8),
                weight=random.normal(size=(3, 3, 4, 8)),
                bias=random.normal(size=8),
                groups=2,
                **conv,
            ),
            Activation(name="a2", inputs=("c2",), shape=(3, 3, 8), function="gelu"),
            Gather(name="f", inputs=("a2",), shape=(72,), index=np.arange(72, dtype=np.int32)),
            Linear(name="out", inputs=("f",), shape=(4,), weight=random.normal(size=(4, 72)), bias=np.zeros(4)),
        ]
    )


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_a_convolutional_network_of_few_bits_stays_exact(bits):
    graph, x = pooled(), np.random.default_rng(2).integers(0, 16, size=(48, 6, 6, 2))
    floats = graph.evaluate(x)["out"]
    errors = []
    for options in (PLAIN, {"rounding": "adaptive"}):
        model = sim.convert(graph, x, activation_bits=bits, weight_bits=bits, **options)
        assert model.certify(x[:8]).mismatches == 0
        errors.append(np.linalg.norm(outputs(model, x) - floats) / np.linalg.norm(floats))
    assert errors[1] < (0.75 if bits < 8 else 1.0) * errors[0]


@pytest.mark.parametrize(("bits", "points"), [(8, 0.003), (6, 0.003), (4, 0.01)])
def test_the_digits_transformer_keeps_its_accuracy_at_few_bits(bits, points):
    graph, _ = sim.data.load_model("digits")
    images, labels = sim.data.load_digits("test")
    x = sim.data.patches(images)
    model = sim.convert(graph, sim.data.patches(sim.data.load_digits("train")[0][:512]), activation_bits=bits, weight_bits=bits)
    accuracy = (graph.evaluate(x)["logits"].argmax(axis=1) == labels).mean()
    assert (outputs(model, x).argmax(axis=1) == labels).mean() >= accuracy - points
    assert model.certify(x[:16]).mismatches == 0


def test_the_same_data_make_the_same_integers():
    graph, x = pooled(), np.random.default_rng(2).integers(0, 16, size=(24, 6, 6, 2))
    one, two = (quantise(graph, x, Quantisation(activation_bits=4, weight_bits=4))[0] for _ in range(2))
    for name, layer in one.layers.items():
        other = two.layers[name]
        assert (np.asarray(layer.unit.bias) == other.unit.bias).all() and (np.asarray(layer.scale) == other.scale).all()
        for edge, same in zip(layer.edges, other.edges, strict=True):
            assert (edge.weight == same.weight).all()


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"activation_bits": {"hiden": 4}}, ConversionError, "activation_bits: name = 'hiden' is not known. .*Did you mean 'hidden'"),
        ({"weight_bits": {"*": 1}}, ParameterError, r"convert.weight_bits\['\*'\] = 1 must be >= 2"),
        ({"ranges": "maximum"}, ParameterError, "convert.ranges = 'maximum' is not known. Valid: max, percentile, mse"),
        ({"ranges": {"hidden": (1.0, 2.0)}}, ParameterError, "0 is no spike. Widen it"),
        ({"ranges": {"hidden": 3.0}}, ParameterError, "or a pair"),
        ({"percentile": 20.0}, ParameterError, "convert.percentile = 20 must be >= 50"),
        ({"alpha": 1.5}, ParameterError, "convert.alpha = 1.5 must be <= 1"),
        ({"bias_correction": "yes"}, ParameterError, "convert.bias_correction = 'yes' must be True or False"),
        ({"rounding": "up"}, ParameterError, "convert.rounding = 'up' is not known. Valid: auto, nearest, adaptive"),
        ({"samples": 0}, ParameterError, "convert.samples = 0 must be >= 1"),
    ],
)
def test_an_option_out_of_range_is_named(options, error, text):
    with pytest.raises(error, match=text):
        sim.convert(mlp(), correlated(8), **options)


def test_a_range_is_kept_where_nothing_narrows_it(values):
    graph, x, hidden = values
    limits = ranges(graph, x, ["hidden"])
    assert clipped(graph, x, limits, {})["hidden"] is limits["hidden"]
    assert isinstance(limits["hidden"], Range) and (limits["hidden"].high == hidden.max(axis=0)).all()
