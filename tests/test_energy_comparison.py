"""Implementations on several profiles: rows, winners, break-even, sensitivity, against sums by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import snnsim as sim
from snnsim.counts import OperationCounts
from snnsim.energy.comparison import compare_implementations
from snnsim.energy.entries import Implementation
from snnsim.errors import ParameterError
from snnsim.report.energy_tables import energy_dict, energy_html, sentences

ANN = OperationCounts({"fc": {"macs": 1000, "weight_fetches": 1000}}, {"fc": "ann"}, {"fc": "int8"})
SNN = OperationCounts({"in": {"spikes": 4}, "in -> out": {"synops": 400, "adds": 400, "weight_fetches": 400}})


def compared(snn=SNN, profiles=("horowitz45",), **settings):
    settings = {"allow_mixed_nodes": True, **settings}
    return sim.compare_energy({"dense": ANN}, {"spikes": snn}, profiles=profiles, **settings)


def test_rows_hold_the_totals_of_the_reports():
    found = compared(per=2, tokens=5)
    ann, snn = found.rows()
    assert (ann.implementation, ann.role, ann.nominal) == ("dense", "ann", pytest.approx(1000 * (0.3 + 2.5) / 2))
    assert snn.nominal == pytest.approx((4 * 20 + 400 * (0.1 + 2.5)) / 2)
    assert snn.per_spike == pytest.approx(snn.nominal / 2)
    assert ann.per_token == pytest.approx(ann.nominal / 5)
    assert [row.low for row in found] == [sim.estimate_energy(c, "horowitz45", per=2).total.low for c in (ANN, SNN)]


def test_the_winner_is_sure_only_where_the_intervals_are_apart():
    few = compared().verdict("horowitz45")
    assert (few.winner, few.loser) == ("spikes", "dense")
    assert few.ratio == pytest.approx(2800 / (4 * 20 + 400 * 2.6))
    assert not few.sure
    one = OperationCounts({"in -> out": {"synops": 1, "adds": 1}})
    assert compared(one).verdict("horowitz45").sure


def test_break_even_is_the_share_of_activity_at_which_both_cost_the_same():
    even = compared().break_even("horowitz45").nominal
    scaled = OperationCounts(
        {"in": {"spikes": round(4000 * even)}, "in -> out": {kind: round(400_000 * even) for kind in ("synops", "adds", "weight_fetches")}}
    )
    assert sim.estimate_energy(scaled, "horowitz45").total.nominal / 1000 == pytest.approx(2800, rel=1e-3)


def test_neurons_that_cost_more_at_rest_than_the_ann_leave_no_break_even():
    idle = OperationCounts({"out": {"updates_idle": 10**6}, "in -> out": {"synops": 1}})
    found = compared(idle, ("loihi14",))
    assert found.break_even("loihi14").nominal < 0
    assert "costs without a spike is more than the whole ANN" in sentences(found)[0]


def test_sensitivity_moves_one_price_at_a_time():
    found = compared()
    terms = {term.term: term for term in found.sensitivity("horowitz45")}
    whole, base = 4 * 20 + 400 * 2.6, 2800
    events = terms["neuron.spikes"]
    assert events.share == pytest.approx(80 / whole)
    assert events.at_high == pytest.approx((whole - 80 + 4 * 100) / base)
    ann = terms["ann.weight_fetches"]
    assert ann.at_low == pytest.approx(whole / (base - 2500 + 1250))
    weights = terms["synaptic.weight_fetches"]
    assert weights.decides == (((whole - 1000 + 400 * 12.5) / base > 1) != ((whole - 1000 + 400 * 1.25) / base > 1))


def test_a_side_without_a_total_has_no_winner_and_says_so():
    found = compared(profiles=("a100", "tianjic28"))
    assert found.verdict("a100") is None
    assert found.break_even("a100") is None
    assert found.sensitivity("a100") == []
    assert next(row for row in found if row.profile == "a100" and row.role == "snn").remark == "runs no spikes"


def test_a_host_does_no_synapses():
    found = compared(profiles=("edge_tpu",))
    assert found.report("edge_tpu", "spikes").total is None
    assert found.report("edge_tpu", "spikes").hosted == ()


def test_sums_over_two_process_nodes_are_warned_of_by_name():
    with pytest.warns(sim.MixedNodesWarning, match=r"tianjic28 \(28 nm\) \+ horowitz45 \(45 nm\)"):
        compared(profiles=("tianjic28",), allow_mixed_nodes=False)


def test_energy_of_learning_stands_apart():
    learning = OperationCounts({"in -> out": {"synops": 5, "plasticity_updates": 7}})
    row = compared(learning, ("loihi14",)).rows()[1]
    assert row.learning == pytest.approx(7 * 120)
    assert row.nominal == pytest.approx(7 * 120 + 5 * 23.6)


def test_static_power_stands_apart_and_needs_a_latency(tmp_path):
    path = tmp_path / "leaky.toml"
    text = (Path(sim.__file__).parent / "hardware" / "profiles" / "horowitz45.toml").read_text()
    path.write_text(text + '\n[static.chip]\nmw = [1, 2, 4]\ngrade = "V"\nsource = "of this test"\n')
    plain, timed = compared(profiles=[str(path)]), compared(profiles=[str(path)], latency_ms={"spikes": 3.0})
    assert [row.static for row in plain] == [None, None]
    assert [row.static for row in timed] == [None, pytest.approx(2e-3 * 3e-3 * 1e12)]  # 2 mW for 3 ms, in pJ
    assert [row.nominal for row in plain] == [row.nominal for row in timed]
    with pytest.raises(ParameterError, match="latency_ms = 'pikes' is not known. Valid: dense, spikes"):
        compared(latency_ms={"pikes": 3.0})


def test_page_and_json_hold_every_number(tmp_path):
    found = compared(profiles=("horowitz45", "tianjic28", "a100"))
    table = json.loads(json.dumps(energy_dict(found), allow_nan=False))
    assert table["profiles"]["horowitz45"]["rows"][1]["nominal"] == found.rows()[1].nominal
    assert table["counts"]["spikes"]["totals"]["synops"] == 400
    page = energy_html(found)
    assert "Tianjic" in page
    assert "What decides" in page
    html, data = sim.save_energy(found, tmp_path / "new")
    assert html.read_text() == page
    assert json.loads(data.read_text()) == table
    with pytest.raises(ParameterError, match="cannot be written to"):
        sim.save_energy(found, html / "below")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (({"dense": ANN}, {"spikes": 0.2}), "Rates are no counts: run the network"),
        ((ANN, 3), "must be OperationCounts or a Result"),
        ((None, SNN), "inputs is missing"),
        (({"a": ANN}, {"a": SNN}), "'a' names two implementations"),
    ],
)
def test_what_was_not_counted_is_refused(arguments, text):
    with pytest.raises(ParameterError, match=text):
        sim.compare_energy(*arguments, profiles=["horowitz45"])


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"profiles": "horowitz45"}, "must be a list of names"),
        ({"profiles": []}, "must be a list of names"),
        ({"profiles": ["horowitz"]}, "Did you mean 'horowitz45'"),
        ({"profiles": ["horowitz45"], "tokens": 0}, "tokens = 0 must be >= 1"),
        ({"profiles": ["horowitz45"], "codes": ["morse"]}, "'morse' is not known"),
    ],
)
def test_unknown_names_and_numbers_out_of_range_are_refused(settings, text):
    with pytest.raises(ParameterError, match=text):
        sim.compare_energy(ANN, SNN, **settings)


@given(synops=st.integers(1, 10**6), more=st.integers(1, 10**6))
def test_more_operations_never_lower_the_ratio(synops, more):
    def ratio(n):
        found = compare_implementations(
            [Implementation("a", "ann", ANN), Implementation("s", "snn", OperationCounts({"x": {"adds": n}}))], ["horowitz45"]
        )
        return found.report("horowitz45", "s").total.nominal / found.report("horowitz45", "a").total.nominal

    assert ratio(synops + more) > ratio(synops)


def test_models_are_counted_on_the_same_samples(digits):
    model, inputs, labels, _ = digits
    found = sim.compare_energy(None, model, inputs[:8], labels=labels[:8], profiles=["horowitz45", "seneca22"], codes=["graded"])
    names = [each.name for each in found.implementations]
    assert names == ["ANN fp32, dense", "ANN int8, dense", "ANN int8, zero-skipping", "SNN graded, settled"]
    assert found.per == 8
    assert {each.accuracy for each in found.implementations[1:]} == {1.0}
    direct = model(inputs[:8], code="graded").counts
    assert found.implementations[-1].counts.totals() == direct.totals()
    order = [found.report("horowitz45", name).total.nominal for name in names[:3]]
    assert order[0] > order[1] > order[2]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"inputs": [[1]]}, "inputs is given, but both sides are counted"),
        ({"labels": [1]}, "labels is given, but both sides are counted"),
        ({"calibration": [[1]]}, "calibration is given, but ann is counted already"),
        ({"bits": [4]}, "bits is given, but ann is counted already"),
        ({"bits": 4}, "bits = 4 must be a list of whole numbers"),
        ({"reuse": 2}, "reuse is given, but ann is counted already"),
        ({"codes": ["graded"]}, "codes says how a SpikingModel is run, but snn is of type OperationCounts"),
        ({"codes": "graded"}, "codes = 'graded' must be a list of codes"),
        ({"codes": ["graded", "graded"]}, "must name each code once"),
        ({"schedule": "eager"}, "schedule says how a SpikingModel is run"),
        ({"threads": 1}, "threads says how a SpikingModel is run"),
        ({"latency_ms": 3.0}, "latency_ms = 3.0 must map names of implementations to ms"),
        ({"latency_ms": {"SNN": -1.0}}, r"latency_ms\['SNN'\] = -1 ms must be >= 0"),
        ({"allow_recalled": 1}, "compare_energy.allow_recalled = 1 must be True or False"),
    ],
)
def test_what_counts_cannot_use_is_refused(settings, text):
    with pytest.raises(ParameterError, match=text):
        sim.compare_energy(ANN, SNN, **{"profiles": ["horowitz45"], **settings})


@pytest.mark.parametrize("sides", [({}, SNN), (ANN, {})])
def test_a_side_of_nothing_is_refused(sides):
    with pytest.raises(ParameterError, match="must hold one implementation at least"):
        sim.compare_energy(*sides, profiles=["horowitz45"])


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"labels": [[1], [2]]}, r"labels has shape \(2, 1\) but must have \(2,\)"),
        ({"labels": 3}, r"labels has shape \(\) but must have \(2,\)"),
        ({"labels": [1, 400]}, "labels = 400 must be <= 9"),
        ({"labels": [1.0, 2.0]}, "must hold whole numbers"),
        ({"calibration": [[0]]}, "calibration is given, but the ANN is converted already"),
        ({"bits": [4]}, "other bits need the float model"),
        ({"reuse": 0}, "compare_energy.reuse = 0 must be >= 1"),
        ({"threads": 0}, "compare_energy.threads = 0 must be >= 1"),
    ],
)
def test_what_a_model_cannot_use_is_refused_before_it_is_run(digits, settings, text):
    model, inputs, *_ = digits
    with pytest.raises(ParameterError, match=text):
        sim.compare_energy(None, model, inputs[:2], profiles=["horowitz45"], **settings)


def test_two_profiles_of_one_name_are_refused(tmp_path):
    path = tmp_path / "horowitz45.toml"
    text = (Path(sim.__file__).parent / "hardware" / "profiles" / "horowitz45.toml").read_text()
    path.write_text(text)
    assert len(compared(profiles=["horowitz45", str(path)]).profiles) == 1, "the same profile from another place"
    path.write_text(text.replace("[1.25, 2.5, 12.5]", "[1.25, 2.5, 12.6]"))
    with pytest.raises(ParameterError, match="'horowitz45' names two different profiles"):
        compared(profiles=["horowitz45", str(path)])


def test_what_costs_nothing_has_no_verdict_and_no_break_even(tmp_path):
    found = sim.compare_energy(OperationCounts({"l": {}}), OperationCounts({"s": {}}), profiles=["loihi14"])
    assert found.verdict("loihi14") is None
    assert found.break_even("loihi14") is None
    sim.save_energy(found, tmp_path)
    idle = compared(OperationCounts({"s": {"updates_idle": 5}}), ("loihi14",))
    assert idle.break_even("loihi14") is None, "nothing there shrinks with the spikes"
    assert idle.verdict("loihi14") is not None


def test_the_sides_of_a_pair_are_not_mistaken():
    with pytest.raises(ParameterError, match="EnergyComparison.snn = 'dense' is not known. Valid: spikes"):
        compared().break_even("horowitz45", snn="dense")


@pytest.mark.parametrize(("folder", "text"), [(None, "folder = None must be a path"), ("a\0b", "cannot be written to: embedded null byte")])
def test_a_folder_that_cannot_be_is_refused(folder, text):
    with pytest.raises(ParameterError, match=text):
        sim.save_energy(compared(), folder)


def test_only_comparisons_are_shown_and_saved(tmp_path):
    for call in (sim.show_energy, lambda given: sim.save_energy(given, tmp_path)):
        with pytest.raises(ParameterError, match="comparison = 3 must be an EnergyComparison"):
            call(3)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"spiking": None}, "spiking = NoneType must be a SpikingModel"),
        ({"labels": [1, 99]}, "ann_baselines.labels = 99 must be <= 9"),
        ({"labels": [1, 2], "precision": "fp32"}, "labels tell the accuracy of integers, not of fp32"),
        ({"name": 3}, "name = 3 must be a text"),
    ],
)
def test_baselines_of_nothing_are_refused(digits, change, text):
    model, inputs, *_ = digits
    with pytest.raises(ParameterError, match=text):
        sim.ann_baselines(**{"spiking": model, "inputs": inputs[:2], **change})
