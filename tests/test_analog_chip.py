"""A chip is a network like any other: exact against its own program, and the original where its devices are ideal."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest
from random_graphs import random_graph, random_inputs, random_spatial_graph

import snnsim as sim
from snnsim.analog.chip import AnalogChip
from snnsim.analog.crossbar import noise_of
from snnsim.analog.design import program
from snnsim.compiler.integer import compile_integer
from snnsim.conversion.lower import lower
from snnsim.conversion.spiking_model import SpikingModel
from snnsim.engines.settle import run_integer
from snnsim.errors import ConversionError, ParameterError
from snnsim.graph.integer import DenseEdge, FiltersEdge, IntegerGraph, Layer
from snnsim.models.integer_input import IntegerInput
from snnsim.models.readout import Readout

IDEAL = sim.AnalogDevice()


@pytest.fixture(scope="module")
def model():
    graph, _ = sim.data.load_model("digits")
    return sim.convert(graph, sim.data.patches(sim.data.load_digits("train")[0][:128]))


@pytest.fixture(scope="module")
def images():
    return sim.data.patches(sim.data.load_digits("test")[0][:24])


def made(graph, device, seed=0, reach=None):
    return program(graph, device, seed=seed, time=device.t_0, reach=reach or {})


@pytest.mark.parametrize("graph_of", [random_graph, random_spatial_graph])
@pytest.mark.parametrize("seed", range(25))
def test_an_ideal_chip_computes_the_same_integers_whatever_the_size_of_its_tiles(graph_of, seed):
    graph = graph_of(seed)
    inputs = random_inputs(graph, 3, seed)
    wanted = graph.evaluate(inputs)
    for tile in (None, 8 + seed % 5):
        chip = made(graph, dataclasses.replace(IDEAL, tile=tile))
        got = chip.graph.evaluate(inputs)
        for name, each in wanted.items():
            assert (got[name].s == each.s).all(), name
            assert (got[name].acc == each.acc).all(), name
        weighted = [edge for layer in graph.layers.values() for edge in layer.edges if isinstance(edge, (DenseEdge, FiltersEdge))]
        assert len(chip.crossbars) >= len(weighted) > 0


@pytest.mark.parametrize("graph_of", [random_graph, random_spatial_graph])
@pytest.mark.parametrize("seed", range(4))
def test_the_spikes_of_a_chip_settle_in_its_own_program(graph_of, seed):
    graph = graph_of(seed)
    inputs = random_inputs(graph, 2, seed)
    device = sim.AnalogDevice(mismatch=0.2, weight_bits=5, dac_bits=2, tile=9, converter_gain=0.1)
    chip = made(graph, device, seed=seed)
    wanted = chip.graph.evaluate(inputs)
    result = run_integer(compile_integer(lower(chip.graph)), inputs=inputs, schedule="settled", code="graded", seed=seed)
    assert all((result.accumulators[name] == each.acc).all() for name, each in wanted.items() if name not in inputs)
    ideal = graph.evaluate(inputs)
    assert any((wanted[name].acc != each.acc).any() for name, each in ideal.items())


def dense(weight, high=7):
    return IntegerGraph(
        [
            Layer("in", (len(weight),), IntegerInput(s_min=-high, s_max=high), (), 1.0),
            Layer("out", weight.shape[1:], Readout(), (DenseEdge("in", weight.astype(np.int16), 3),), 1.0),
        ]
    )


def test_converters_quantise_as_by_hand():
    random = np.random.default_rng(3)
    weight, x = random.integers(-50, 51, size=(6, 4)), random.integers(-100, 101, size=(20, 6))
    graph, reach = dense(weight, 100), 7000.0
    chip = made(graph, sim.AnalogDevice(adc_bits=6, dac_bits=4), reach={"out.crossbar": reach})
    (bar,) = chip.crossbars
    levels = np.floor(x * 15 / 100 + 0.5)  # 4 bits: 15 levels on either side of 0
    step = np.ceil(3 * reach / 31) / 3  # 31 codes above 0; an output unit is a third of a step of weight times input
    codes = np.clip(np.floor(levels @ weight * (100 / 15) / step + 0.5), -32, 31)
    got = chip.graph.evaluate({"in": x})
    # A threshold is a whole number: codes at the very edge of a step may differ by one.
    assert (np.abs(got["out.crossbar"].s - codes) <= 1).all()
    assert (got["out.crossbar"].s == codes).mean() > 0.95
    assert (got["out"].acc == got["out.crossbar"].s * bar.worth).all()
    assert bar.worth == np.ceil(3 * reach / 31)
    assert chip.dacs == ("in.dac",)


def test_weights_in_finer_units_are_those_of_the_devices():
    weight = np.random.default_rng(0).integers(-127, 128, size=(40, 30))
    graph = dense(weight)
    device = sim.AnalogDevice(mismatch=0.1)
    chip = made(graph, device, seed=5)
    (bar,) = chip.crossbars
    held = chip.graph.layers["out.crossbar"].edges[0].weight
    assert held.dtype == np.int16
    ratio = held / 2.0**bar.shift / np.where(weight == 0, 1, weight)
    seen = ratio[np.abs(weight) > 10]
    assert seen.std() == pytest.approx(0.1, rel=0.1)
    assert np.abs(held).max() > 2**13  # the unit is as fine as 16 bits allow


def test_weights_that_edges_share_are_one_set_of_devices():
    weight = np.random.default_rng(1).integers(-9, 10, size=(5, 5)).astype(np.int8)
    layers = [Layer("in", (5,), IntegerInput(s_min=-7, s_max=7), (), 1.0)]
    for name in ("a", "b"):
        layers.append(Layer(name, (5,), Readout(), (DenseEdge("in", weight),), 1.0))
    layers.append(Layer("c", (5,), Readout(), (DenseEdge("in", weight.copy()),), 1.0))
    chip = made(IntegerGraph(layers), sim.AnalogDevice(mismatch=0.3))
    a, b, c = (chip.graph.layers[f"{name}.crossbar"].edges[0].weight for name in "abc")
    assert (a == b).all()
    assert (a != c).any()


def test_tiles_are_counted_as_they_are_cut(model):
    whole, cut = sim.fabricate(model, "ideal"), sim.fabricate(model, sim.AnalogDevice(tile=16))
    shapes = [
        (e.weight.shape, layer.shape) for layer in model.integer_graph.layers.values() for e in layer.edges if isinstance(e, DenseEdge)
    ]
    tokens = [int(np.prod(shape[:-1])) for _, shape in shapes]
    rows, columns = zip(*(weight for weight, _ in shapes), strict=True)
    whole, cut = whole.analog(), cut.analog()
    assert whole.total("adc_conversions") == sum(t * c for t, c in zip(tokens, columns, strict=True))
    assert whole.total("dac_conversions") == sum(t * r for t, r in zip(tokens, rows, strict=True))
    assert whole.total("crossbar_reads") == sum(tokens)
    high, wide = [-(-r // 16) for r in rows], [-(-c // 16) for c in columns]
    assert cut.total("adc_conversions") == sum(t * c * h for t, c, h in zip(tokens, columns, high, strict=True))
    assert cut.total("dac_conversions") == sum(t * r * w for t, r, w in zip(tokens, rows, wide, strict=True))
    assert cut.total("crossbar_reads") == sum(t * h * w for t, h, w in zip(tokens, high, wide, strict=True))
    macs = sum(t * r * c for t, r, c in zip(tokens, rows, columns, strict=True))
    assert whole.total("macs") == cut.total("macs") == macs


def test_the_digital_part_of_an_ideal_chip_emits_the_spikes_of_the_model(model, images):
    chip = sim.fabricate(model, "ideal")
    mine, theirs = chip(images, code="graded"), model(images, code="graded")
    assert (chip.scores(mine) == model.scores(theirs)).all()
    assert mine.counts.total("spikes") == theirs.counts.total("spikes")  # converters emit numbers, which are no spikes
    kept = {name for name in theirs.counts.layers if name in mine.counts.layers}
    assert {"block0.norm1", "embed -> block0.norm1"} <= kept
    for name in kept:  # more populations take turns, in which the others idle
        chips, wanted = ({k: n for k, n in counts.layers[name].items() if k != "updates_idle"} for counts in (mine.counts, theirs.counts))
        assert chips == wanted
        assert mine.counts.role(name) == theirs.counts.role(name)
        assert mine.counts.precisions.get(name) == theirs.counts.precisions.get(name)


def test_counts_of_a_run_hold_crossbars_and_converters_instead_of_synapses_and_neurons():
    weight = np.random.default_rng(3).integers(-50, 51, size=(6, 4))
    device = sim.AnalogDevice(adc_bits=6, dac_bits=4, tile=4, read_noise=0.5)
    graph = dense(weight, 100)
    program_of = made(graph, device, reach={"out.crossbar": 7000.0, "out.crossbar2": 7000.0})
    chip = AnalogChip(SpikingModel(None, graph), None, program_of, device, 0, 0.0)
    inputs = {"in": np.random.default_rng(4).integers(-100, 101, size=(5, 6))}
    inputs |= {bar.noise: np.ones((5, 4), dtype=int) for bar in chip.crossbars}
    counts = chip.hardware(run_integer(chip.compiled, inputs=inputs, code="graded", schedule="settled", seed=0).counts, 5)
    by_role = {role: {} for role in ("crossbar", "converter")}
    for name, kinds in counts.layers.items():
        for kind, n in kinds.items() if counts.role(name) in by_role else ():
            by_role[counts.role(name)][kind] = by_role[counts.role(name)].get(kind, 0) + n
    # 5 inputs; 6 rows in tiles of 4 and 2, 4 columns each
    assert by_role["crossbar"] == {"macs": 5 * 6 * 4, "crossbar_reads": 5 * 2}
    assert by_role["converter"] == {"dac_conversions": 5 * 6, "adc_conversions": 5 * 2 * 4}
    assert {counts.precisions[name] for name, kinds in counts.layers.items() if "adc_conversions" in kinds} == {"int6"}
    assert {counts.precisions[name] for name, kinds in counts.layers.items() if "dac_conversions" in kinds} == {"int4"}
    # what is digital: inputs, the readout, and the results of the converters on their way to it
    digital = {name for name in counts.layers if counts.role(name) not in by_role}
    assert digital == {"in", "out", "out.crossbar -> out", "out.crossbar2 -> out"}
    assert all("noise" not in name and not name.startswith("in -> ") for name in counts.layers)


def test_inputs_that_are_sent_several_times_are_counted_so_often():
    # A step of the ADC takes a sum of 1 / 0.002 = 500; for step 127 to be the largest sum, 12,700, it may take 100: sent five times.
    device = sim.AnalogDevice(adc_bits=8, gain=0.002)
    weight = np.random.default_rng(3).integers(-50, 51, size=(6, 4))
    chip = AnalogChip(
        SpikingModel(None, dense(weight, 100)), None, made(dense(weight, 100), device, reach={"out.crossbar": 12_700.0}), device, 0, 0.0
    )
    assert chip.crossbars[0].sends == 5
    assert chip.analog(3).totals() == {"macs": 3 * 5 * 24, "crossbar_reads": 3 * 5, "dac_conversions": 3 * 5 * 6, "adc_conversions": 3 * 4}


def test_the_energy_of_a_chip_is_that_of_its_parts_by_hand(model, images):
    chip = sim.fabricate(model, "pcm")
    counts = chip(images, code="graded").counts
    work = chip.analog()
    rest = {"neuron", "group", "lookup", "synaptic", "product"}
    report = sim.estimate_energy(counts, "horowitz45", per=len(images))
    cell = 0.3e9 * 100e-9 / 128**2  # pJ: 0.3 mW for 100 ns
    assert report.part("crossbar").nominal == pytest.approx(4 * 8 * cell * work.total("macs"))
    assert report.part("converter").nominal == pytest.approx(1.67 * work.total("adc_conversions") + 0.84 * work.total("dac_conversions"))
    assert report.total.nominal == pytest.approx(report.part("crossbar", "converter", *rest).nominal)
    floor = sim.estimate_energy(counts, "hermes14", host="horowitz45", per=len(images), allow_mixed_nodes=True)
    assert set(floor.hosted) == rest
    assert floor.part("crossbar", "converter").nominal == pytest.approx(2 / 9.76 * work.total("macs"), rel=1e-5)
    assert floor.part(*rest).nominal == pytest.approx(report.part(*rest).nominal)
    serial = sim.estimate_energy(counts, "isaac32", host="horowitz45", per=len(images), allow_mixed_nodes=True)
    adc, dac = 16e9 / (8 * 1.2e9), 4e9 / (8 * 128 * 12e6)  # pJ: 16 mW for 8 of 1.2 GS/s, 4 mW for 8 x 128 at 12 MHz
    one = 4 * 8 * (adc + 0.021) * work.total("adc_conversions") + 8 * dac * work.total("dac_conversions")
    assert serial.part("converter").nominal == pytest.approx(one, rel=1e-5)
    assert sim.estimate_energy(counts, "loihi14").total is None


def test_comparisons_set_a_chip_beside_the_ann_of_the_model_it_was_made_of(model, images):
    chip = sim.fabricate(model, "pcm")
    settings = {"profiles": ["horowitz45", "hermes14"], "codes": ("graded",), "allow_mixed_nodes": True}
    mine, theirs = (sim.compare_energy(None, each, images[:4], **settings) for each in (chip, model))
    digital, analog = (each.report("horowitz45", "SNN graded, settled").total for each in (theirs, mine))
    assert mine.best("horowitz45", "ann") == theirs.best("horowitz45", "ann")
    assert analog.high < digital.low * 3 and analog.nominal < digital.nominal / 3
    assert mine.report("hermes14", "SNN graded, settled").total is not None
    assert theirs.report("hermes14", "SNN graded, settled").total is None  # without a crossbar nothing is left for that chip to do


def test_an_adc_of_few_bits_costs_less_and_one_of_more_than_are_known_has_no_price(model, images):
    def report(**settings):
        chip = sim.fabricate(model, sim.AnalogDevice(**settings))
        return sim.estimate_energy(chip(images[:2], code="graded").counts, "horowitz45", per=2)

    costs = [report(adc_bits=bits).part("converter").nominal for bits in (4, 6, 8, 10)]
    assert costs == sorted(costs) and costs[0] < costs[-1]
    assert set(report(adc_bits=12).unpriced["converter"]) == {"adc_conversions:int12"}
    assert set(report(dac_bits=9).unpriced["converter"]) == {"dac_conversions:int9"}


@pytest.mark.parametrize("device", ["mismatch", "subthreshold", "brainscales2", "rram", "pcm"])
def test_every_preset_makes_a_chip_that_is_certified(model, images, device):
    chip = sim.fabricate(model, device, seed=1)
    certificate = chip.certify(images[:6], code="graded")
    assert certificate.mismatches == 0
    assert max(layer.bits for layer in certificate.layers) <= 32
    assert (chip.scores(chip(images[:6], code="graded")) != model.scores(model(images[:6], code="graded"))).any()


def test_a_seed_is_a_chip_and_a_reading_its_noise(model, images):
    def scores(**settings):
        chip = sim.fabricate(model, "brainscales2", **settings)
        return chip.scores(chip(images[:4], code="graded", threads=settings.get("seed", 1)))

    assert (scores(seed=1) == scores(seed=1)).all()
    assert (scores(seed=1) != scores(seed=2)).any()
    assert (scores(seed=1) != scores(seed=1, reading=1)).any()
    weights = [
        sim.fabricate(model, "brainscales2", seed=1, reading=r).integer_graph.layers["logits.crossbar"].edges[0].weight for r in (0, 1)
    ]
    assert (weights[0] == weights[1]).all()


def test_noise_of_readings_has_the_deviation_asked_for_and_ends_in_the_codes():
    weight = np.zeros((3, 50), dtype=np.int16)
    weight[0] = 1
    chip = made(dense(weight), sim.AnalogDevice(adc_bits=8, read_noise=2.0), reach={"out.crossbar": 1270.0})
    (bar,) = chip.crossbars
    deviation = noise_of(chip.crossbars, sim.AnalogDevice(adc_bits=8, read_noise=2.0))[bar.noise]
    drawn = np.rint(deviation * np.random.default_rng(0).standard_normal((2000, 50))).astype(int)
    codes = chip.graph.evaluate({"in": np.zeros((2000, 3), dtype=int), bar.noise: drawn})[bar.name].s
    assert codes.std() == pytest.approx(np.sqrt(4.0 + 1 / 12), rel=0.01)  # and the rounding of the ADC


def test_a_later_time_is_the_same_chip_older(model):
    def weights(time):
        chip = sim.fabricate(model, sim.PCM(flicker=0.0), seed=2, time=time)
        shift = next(bar.shift for bar in chip.crossbars if bar.name == "logits.crossbar")
        return chip.integer_graph.layers["logits.crossbar"].edges[0].weight / 2.0**shift

    young, old = weights(20.0), weights(86_400.0)
    strong = np.abs(young) > 30
    assert ((old / np.where(young == 0, 1, young))[strong]).mean() == pytest.approx(0.63, abs=0.04)
    assert (weights(None) == young).all()


def test_a_quiet_chip_is_saved_and_loaded_as_a_model(model, images, tmp_path):
    chip = sim.fabricate(model, "pcm", seed=4)
    sim.save_converted(chip, tmp_path / "chip.npz")
    loaded = sim.load_converted(tmp_path / "chip.npz")
    assert (loaded.scores(loaded(images[:3], code="graded")) == chip.scores(chip(images[:3], code="graded"))).all()
    with pytest.raises(ParameterError, match="draws noise for every reading"):
        sim.save_converted(sim.fabricate(model, "brainscales2"), tmp_path / "noisy.npz")
    with pytest.raises(ParameterError, match="calibration is missing"):
        sim.fabricate(loaded, "pcm")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"device": "pmc"}, r"fabricate.device = 'pmc' is not known. Valid: ideal, mismatch, .*Did you mean 'pcm'"),
        ({"device": 3}, "fabricate.device = 3 is not known"),
        ({"device": "pcm", "time": 5.0}, r"fabricate.time = 5 s must be >= PCM.t_0 = 20 s"),
        ({"device": "rram", "time": 1e6}, r"must be <= 172800 s for RRAM"),
        ({"time": -1.0}, r"fabricate.time = -1 s must be >= AnalogDevice.t_0"),
        ({"time": float("nan")}, "must be finite"),
        ({"seed": -1}, "fabricate.seed = -1 must be >= 0"),
        ({"recover": "channels"}, "needs inputs to measure the chip on"),
        ({"recover": "chanels", "calibration": np.zeros((2, 16, 4))}, "Did you mean 'channels'"),
        ({"calibration": np.zeros((2, 5, 4))}, r"shape \(2, 5, 4\)"),
        ({"calibration": np.zeros((0, 16, 4))}, "at least one"),
        ({"device": sim.AnalogDevice(tile=1, adc_bits=3), "reading": -1}, "fabricate.reading = -1 must be >= 0"),
    ],
)
def test_bad_requests_are_refused_before_any_work(model, settings, said):
    with pytest.raises(ParameterError, match=said):
        sim.fabricate(model, **settings)


def test_a_chip_of_a_chip_or_of_anything_else_is_refused(model):
    with pytest.raises(ParameterError, match="must be a SpikingModel"):
        sim.fabricate(sim.fabricate(model, "ideal"))
    with pytest.raises(ParameterError, match="fabricate.model = dict"):
        sim.fabricate({})


def test_weights_without_room_are_refused_by_the_name_of_their_layer():
    with pytest.raises(ConversionError, match="Layer 'out': its analog weights reach"):
        made(dense(np.full((4, 2), 32767)), sim.AnalogDevice(mismatch=0.5))


def test_a_kernel_that_fits_no_tile_is_refused_by_the_name_of_its_layer():
    graph = next(g for g in map(random_spatial_graph, range(50)) if np.prod(g.layers["features"].edges[0].weight.shape[:-2]) > 1)
    with pytest.raises(ParameterError, match="AnalogDevice.tile = 1 must be >= . for layer 'features'"):
        made(graph, sim.AnalogDevice(tile=1))


def test_models_and_chips_travel_in_pickles_whole(model, images):
    chip = sim.fabricate(model, sim.PCM(), seed=3)
    again, copy = pickle.loads(pickle.dumps((chip, model)))
    assert type(again) is AnalogChip
    assert (again.seed, again.time, len(again.crossbars)) == (3, chip.time, len(chip.crossbars))
    assert again(images[:3]).counts.totals() == chip(images[:3]).counts.totals()
    assert np.array_equal(again.scores(again(images[:3])), chip.scores(chip(images[:3])))
    assert copy.layers == model.layers
