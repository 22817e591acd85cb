"""Profiles: the shipped ones hold, broken ones are refused."""

from __future__ import annotations

import pytest

from snnsim.errors import FormatError
from snnsim.hardware.profile import load_profile, profile_names
from snnsim.hardware.reading import read_profile

GOOD = """
title = "t"
node_nm = 28
scope = "term"
note = "n"
[included]
synaptic = ["adds"]
[prices.synaptic.synops]
pj = [1, 2, 3]
grade = "V"
source = "s"
"""


@pytest.mark.parametrize("name", profile_names())
def test_a_shipped_profile_cites_every_price_and_recalls_none(name):
    profile = load_profile(name)
    prices = [price for rows in profile.prices.values() for price in rows.values()]
    prices += [profile.inference] if profile.inference else []
    figures = [*prices, *profile.times.values(), *profile.static.values()]
    assert prices
    assert all(len(figure.source) >= 7 for figure in figures)
    assert all(figure.grade in ("V", "2", "D") for figure in figures) != (name == "tpu7"), "recalled figures are tpu7's alone"
    if profile.scope == "all-in":
        assert "spikes" not in profile.prices.get("neuron", {}), "routing is part of an all-in figure"


def test_published_figures_are_what_the_sources_say():
    horowitz, loihi = load_profile("horowitz45"), load_profile("loihi14")
    assert horowitz.prices["synaptic"]["adds"].pj.nominal == 0.1
    assert horowitz.prices["ann"]["macs"].pj.nominal == pytest.approx(0.2 + 0.1)
    assert horowitz.prices["synaptic"]["weight_fetches"].pj == (10 / 8, 20 / 8, 100 / 8)
    assert loihi.prices["synaptic"]["synops"].pj.nominal == 23.6
    assert load_profile("spinnaker2").prices["neuron"]["updates_driven"].pj.nominal == 2190


def test_routing_cannot_be_added_to_an_all_in_figure(tmp_path):
    path = tmp_path / "twice.toml"
    path.write_text(GOOD.replace('"term"', '"all-in"') + '[prices.neuron.spikes]\npj = [1, 1, 1]\ngrade = "V"\nsource = "s"\n')
    with pytest.raises(FormatError, match="prices.neuron.spikes: an all-in figure includes routing"):
        read_profile(path)


#: figures as the sources give them (shared design table `energy_figures.csv`), pJ
PUBLISHED = [
    ("horowitz45", "synaptic", "adds", 0.1), ("horowitz45", "group", "multiplies", 3.1), ("horowitz45", "ann", "macs", 0.2 + 0.1),
    ("horowitz45", "synaptic", "weight_fetches", 20 / 8), ("horowitz45", "synaptic", "state_reads", 20 / 2),
    ("horowitz45", "lookup", "tables", 20), ("horowitz45", "ann", "activation_writes", 20 / 8),
    ("seneca22", "synaptic", "adds", 1.4), ("seneca22", "synaptic", "state_reads", 2 * 3.7),
    ("seneca22", "synaptic", "state_writes", 2 * 3.9),
    ("seneca22", "ann", "macs", 2 * 1.4), ("seneca22", "neuron", "tables", 3.7), ("seneca22", "neuron", "spikes", 3.7 + 3.9),
    ("loihi14", "synaptic", "synops", 23.6), ("loihi14", "neuron", "updates_driven", 81), ("loihi14", "neuron", "updates_idle", 52),
    ("loihi14", "synaptic", "plasticity_updates", 120), ("horowitz45", "synaptic", "plasticity_updates", 2 * 2.5 + 10 + 0.2 + 0.1),
    ("loihi14", "neuron", "spikes", 1.7 + 4.0), ("tianjic28", "synaptic", "synops", 1.54), ("spinnaker2", "synaptic", "synops", 450),
    ("spinnaker2", "neuron", "updates_driven", 2190), ("spinnaker2", "lookup", "updates_idle", 2190),
    ("horowitz45", "crossbar", "macs", 32 * 0.3e9 * 100e-9 / 128**2), ("isaac32", "crossbar", "macs", 32 * 0.3e9 * 100e-9 / 128**2),
    ("hermes14", "crossbar", "macs", 2 / 9.76), ("isaac32", "converter", "dac_conversions", 8 * 4e9 / (8 * 128 * 12e6)),
    ("isaac32", "converter", "adc_conversions", 32 * (16e9 / (8 * 1.2e9) + 0.021)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "role", "kind", "nominal"), PUBLISHED)
def test_nominal_prices_are_the_published_figures(name, role, kind, nominal):
    assert load_profile(name).prices[role][kind].pj.nominal == pytest.approx(nominal, rel=3e-6)


def test_a_profile_of_your_own_is_one_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    assert load_profile(str(path)).prices["synaptic"]["synops"].pj == (1, 2, 3)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("pj = [1, 2, 3]", "pj = [3, 2, 1]", "must rise: low <= nominal <= high"),
        ("pj = [1, 2, 3]", "pj = [-1, 2, 3]", "-1 pJ must be >= 0"),
        ("pj = [1, 2, 3]", "pj = 2", "must be .low, nominal, high. in pJ"),
        ("pj = [1, 2, 3]", "", "has no unit: give .* under exactly one of fj, pj, nj, uj"),
        ("pj = [1, 2, 3]", "pj = [1, 2, 3]\nnj = [1, 2, 3]", "has 2 units .fj|has 2 units .pj, nj."),
        ("pj = [1, 2, 3]", "pj = [1, 2, nan]", "must be finite"),
        ('grade = "V"', 'grade = "A"', "Valid: V, 2, D, R"),
        ('scope = "term"', 'scope = "chip"', "Valid: op, term, all-in, inference, floor, arithmetic, reference"),
        ("node_nm = 28", "", "'node_nm' is missing"),
        ("prices.synaptic.synops", "prices.synaptic.synop", "'synop' is not known"),
        ("prices.synaptic.synops", "prices.axon.synops", "'axon' is not known. Valid: synaptic, .*, crossbar, converter, transport"),
        ('["adds"]', '["synops"]', "priced and also listed as included: it would count twice"),
        ('source = "s"', 'source = "s"\nunit = "J"', "unknown key 'unit'"),
        ("[included]", "[included", "cannot be read"),
        ("node_nm = 28", 'node_nm = "28"', "node_nm = '28' must be of type int"),
        ('["adds"]', '"adds"', "included = .* has the wrong form"),
        ("[prices.synaptic.synops]", "[prices.synaptic]", "prices = .* has the wrong form"),
        ("[prices.synaptic.synops]", '[prices.synaptic."synops:fp32"]', "only macs, multiplies, adds, .*conversions differ by precision"),
        ("[prices.synaptic.synops]", '[prices.synaptic."macs:fp99"]', "must be a precision: fp64, fp32"),
        ("[included]", '[left_out]\nneuron = ["spikes"]\n[included]', "may leave out barriers alone"),
        ("[included]", "[limits]\ncores = 3\n[included]", "limits needs a grade"),
        ("[included]", '[limits]\ngrade = "V"\nsource = "s"\ncorse = 3\n[included]', "'corse' is not known. Valid: chips, cores"),
        ("[included]", '[limits]\ngrade = "V"\nsource = "s"\ncores = -3\n[included]', "cores = -3 must be a whole number >= 1"),
        ("[included]", '[limits]\ngrade = "V"\nsource = "s"\ncores = 9\nmesh = [2, 2]\n[included]', "holds 4 cores, fewer than cores = 9"),
        ("[included]", '[times.synops]\npj = [1, 1, 1]\ngrade = "V"\nsource = "s"\n[included]', "unknown key 'pj'. Valid: ns, us, ms"),
        ("[included]", '[static.board]\nmw = [1, 1, 1]\ngrade = "V"\nsource = "s"\n[included]', "'board' is not known. Valid: chip, core"),
        ("pj = [1, 2, 3]", 'pj = ["1", "2", "3"]', "must be .low, nominal, high. in pJ"),
        ("pj = [1, 2, 3]", "pj = [true, true, true]", "must be .low, nominal, high. in pJ"),
        ("pj = [1, 2, 3]", "pj = [[1], [2], [3]]", "must be .low, nominal, high. in pJ"),
        ("node_nm = 28", "node_nm = -28", "node_nm = -28 must be a number > 0"),
        ("node_nm = 28", "node_nm = 28\nincldued = 3", "'incldued' is not known. Valid: title"),
        ('source = "s"', 'source = " "', "must say where the figure was read"),
        ('title = "t"', "title = 3", "title = 3 must be of type str"),
        ('title = "t"', 'title = "t"\nplaced = 2', "placed = 2 has the wrong form"),
        ('title = "t"', 'title = "t"\nlimits = 2', "limits = 2 has the wrong form"),
        ('scope = "term"', "scope = [1]", r"scope = \[1\] is not known"),
        ("pj = [1, 2, 3]", "uj = [1e308, 1e308, 1e308]", "uJ must be <= 1e.30 uJ"),
        ('["adds"]', '["adds:int8"]', "lists 'adds:int8': a list holds for all precisions"),
        ("[prices.synaptic.synops]", '[prices.synaptic."adds:"]', "names no precision after the colon"),
        ("[included]", '[left_out]\nsynaptic = ["adds"]\n[included]', "'adds', which is also included"),
        ("[included]", '[left_out]\nneuron = ["barriers"]\n[included]', "may leave out barriers alone, of the role transport"),
        ('source = "s"', 'source = "s"\nbits = 4', "bits holds for macs, .* without a precision"),
        ('source = "s"', 'source = "s"\nper_bit_product = [0, 0, 0]', "per_bit_product holds for macs, .* without a precision"),
        ("synops]\npj = [1, 2, 3]", "macs]\npj = [1, 2, 3]\nbits = 4\nper_bit_product = [0, 0, 0]", "has bits and per_bit_product"),
        ("synops]\npj = [1, 2, 3]", "macs]\npj = [1, 2, 3]\nper_bit_product = [0.1, 0.1, 0.1]", "makes .* pJ of 1 x 1 bits"),
        (
            "[included]",
            '[placed.synaptic.adds]\npj = [1, 1, 1]\ngrade = "V"\nsource = "s"\n[included]',
            "placed.synaptic.adds is priced and",
        ),
        ("[included]", '[placed.ann."macs:int8"]\npj = [1, 1, 1]\ngrade = "V"\nsource = "s"\n[included]', "holds for all precisions"),
        ("[included]", '[limits]\ngrade = "V"\nsource = "s"\ncores = 1%s\n[included]' % ("0" * 30), "must be a whole number >= 1, <="),
    ],
)
def test_a_broken_profile_says_what_is_wrong(tmp_path, old, new, text):
    path = tmp_path / "broken.toml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(FormatError, match=text):
        read_profile(path)


def test_a_price_of_a_whole_inference_stands_alone(tmp_path):
    whole = 'title = "t"\nnode_nm = 28\nscope = "inference"\nnote = "n"\n[inference]\npj = [1, 2, 3]\ngrade = "V"\nsource = "s"\n'
    path = tmp_path / "whole.toml"
    limits = '[limits]\ncores = 1\ngrade = "V"\nsource = "s"\n'
    path.write_text(whole + limits)
    assert read_profile(path).inference.pj == (1, 2, 3)
    path.write_text(whole + "[limits]\n")
    with pytest.raises(FormatError, match="limits is empty"):
        read_profile(path)
    path.write_text(whole + limits + '[included]\nneuron = ["spikes"]\n')
    with pytest.raises(FormatError, match="included stands beside a price of a whole inference"):
        read_profile(path)


def test_a_path_that_no_file_can_have_is_refused():
    with pytest.raises(FormatError, match="cannot be read: embedded null byte"):
        load_profile("a\0.toml")


@pytest.mark.parametrize("section", ["prices", "placed"])
@pytest.mark.parametrize("row", ["transport.hops", "neuron.packets"])
def test_routing_beside_an_all_in_figure_is_found_wherever_it_stands(tmp_path, section, row):
    path = tmp_path / "twice.toml"
    path.write_text(GOOD.replace('"term"', '"all-in"') + f'[{section}.{row}]\npj = [1, 1, 1]\ngrade = "V"\nsource = "s"\n')
    with pytest.raises(FormatError, match=f"{section}.{row}: an all-in figure includes routing"):
        read_profile(path)


def test_an_edited_profile_file_is_read_again(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    assert load_profile(str(path)).prices["synaptic"]["synops"].pj.nominal == 2
    path.write_text(GOOD.replace("[1, 2, 3]", "[1, 2.5, 3]"))
    assert load_profile(str(path)).prices["synaptic"]["synops"].pj.nominal == 2.5


@pytest.mark.parametrize("limit", ["chips = 2", "mesh = [2, 2]", "cores_per_tile = 2"])
def test_what_a_chip_holds_needs_its_cores(tmp_path, limit):
    path = tmp_path / "toy.toml"
    path.write_text(GOOD + f'[limits]\ngrade = "V"\nsource = "s"\n{limit}\n')
    with pytest.raises(FormatError, match="needs cores, those of a chip"):
        read_profile(path)
