"""Counts times prices, by hand and as properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import snnsim as sim
from snnsim.counts import OPERATIONS, OperationCounts
from snnsim.errors import ParameterError
from snnsim.hardware.profile import Interval, Price, Profile, load_profile

KINDS = sorted(OPERATIONS)


def profile(prices, included=None):
    table = {role: {kind: Price(Interval(*pj), grade, "test") for kind, (pj, grade) in rows.items()} for role, rows in prices.items()}
    return Profile("test", "test", 1, None, "term", "", table, included or {})


def test_a_small_network_is_priced_as_by_hand():
    counts = OperationCounts(
        {"a": {"spikes": 10, "updates_driven": 4, "updates_idle": 7}, "a -> b": {"synops": 50, "adds": 50, "weight_fetches": 50}}
    )
    report = sim.estimate_energy(counts, "loihi14")
    low, nominal, high = 10 * 1.7 + 4 * 72.8 + 50 * 23.6, 10 * 5.7 + 4 * 81 + 50 * 23.6, 10 * 180.3 + 4 * 81 + 50 * 35.5
    assert report.total == pytest.approx((low + 7 * 52, nominal + 7 * 52, high + 7 * 52))
    assert sim.estimate_energy(counts, "loihi14", per=5).total.nominal == pytest.approx(report.total.nominal / 5)


def test_a_count_without_a_price_leaves_no_total_and_is_named():
    counts = OperationCounts({"a -> b": {"synops": 3, "adds": 3, "multiplies": 3}})
    report = sim.estimate_energy(counts, "loihi14")
    assert report.total is None
    assert {role: dict(kinds) for role, kinds in report.unpriced.items()} == {"synaptic": {"multiplies": 3}}
    assert "has no price for 3 multiplies (synaptic)" in str(report)


def test_binary_spike_chips_refuse_power_of_two_and_payload_events(digits):
    model, inputs, _, _ = digits
    for code, missing in (("unary", None), ("signed_digit", "shifts"), ("graded", "multiplies")):
        report = sim.estimate_energy(model(inputs[:2], code=code).counts, "tianjic28", host="horowitz45", allow_mixed_nodes=True)
        assert (report.total is None) == (missing is not None)
        assert missing is None or set(report.unpriced["synaptic"]) == {missing}


def test_roles_a_chip_cannot_do_need_a_host_and_are_named(digits):
    model, inputs, _, _ = digits
    counts = model(inputs[:2], code="unary").counts
    alone = sim.estimate_energy(counts, "loihi14")
    assert alone.total is None
    assert set(alone.unpriced) == {"group", "product", "lookup"}
    hosted = sim.estimate_energy(counts, "loihi14", host="horowitz45", allow_mixed_nodes=True)
    assert hosted.total is not None
    assert (hosted.host, set(hosted.hosted)) == ("horowitz45", {"group", "product", "lookup"})


def test_recalled_prices_need_an_explicit_opt_in():
    counts = OperationCounts({"a -> b": {"synops": 2}})
    recalled = profile({"synaptic": {"synops": ((1, 2, 3), "R")}})
    assert sim.estimate_energy(counts, recalled).total is None
    allowed = sim.estimate_energy(counts, recalled, allow_recalled=True)
    assert allowed.total == (2, 4, 6)
    assert allowed.recalled == ("synaptic.synops",)


def test_included_operations_are_not_priced_again():
    counts = OperationCounts({"a -> b": {"synops": 2, "adds": 2}})
    assert sim.estimate_energy(counts, profile({"synaptic": {"synops": ((1, 1, 1), "V")}}, {"synaptic": ("adds",)})).total == (2, 2, 2)


@given(
    counts=st.dictionaries(st.sampled_from(KINDS), st.integers(0, 1000), min_size=1),
    prices=st.fixed_dictionaries({kind: st.tuples(*[st.floats(0, 1e3)] * 3).map(sorted) for kind in KINDS}),
    kind=st.sampled_from(KINDS),
    more=st.integers(1, 50),
    dearer=st.floats(1.0, 3.0),
)
def test_energy_is_monotone_in_every_count_and_every_price(counts, prices, kind, more, dearer):
    def total(counts, prices):
        roles = {"layer": "neuron"}
        return sim.estimate_energy(
            OperationCounts({"layer": counts}, roles), profile({"neuron": {k: (p, "V") for k, p in prices.items()}})
        ).total

    base = total(counts, prices)
    assert base.low <= base.nominal <= base.high
    for other in (
        total({**counts, kind: counts.get(kind, 0) + more}, prices),
        total(counts, {**prices, kind: [value * dearer for value in prices[kind]]}),
    ):
        assert all(b >= a * (1 - 1e-12) for a, b in zip(base, other, strict=True))


def test_unknown_profiles_list_the_valid_ones():
    with pytest.raises(ParameterError, match="profile = 'loihi' is not known. Valid: a100, .* Did you mean 'loihi14'"):
        load_profile("loihi")
    with pytest.raises(ParameterError, match="per = 0 must be >= 1"):
        sim.estimate_energy(OperationCounts({}), "loihi14", per=0)
    with pytest.raises(ParameterError, match="per = 2.5 must be a whole number"):
        sim.estimate_energy(OperationCounts({}), "loihi14", per=2.5)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"chips": 2}, "chips = 2 draw static power for latency_ms, which is missing"),
        ({"cores": 2}, "cores = 2 draw static power for latency_ms, which is missing"),
        ({"cores": 2, "latency_ms": 1.0}, "cores = 2, but 'loihi14' tells the static power of a whole chip alone"),
        ({"latency_ms": [1.0, 2.0]}, "latency_ms = .* must be one number in ms, not an array"),
        ({"latency_ms": 1e305}, "latency_ms = 1e.305 ms must be <= 1e.30 ms"),
        ({"per": 10**400}, "per = 10+ must be <="),
    ],
)
def test_what_would_change_nothing_or_overflow_is_refused(wrong, text):
    with pytest.raises(ParameterError, match=text):
        sim.estimate_energy(OperationCounts({"a": {"spikes": 3}}), "loihi14", **wrong)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (({"a": 3},), r"layers\['a'\] = 3 must map kinds"),
        (({"a": {}}, ["a"]), "roles = .'a'. must map layer names"),
        (({"a": {}}, {"a": ["ann"]}), r"roles\['a'\] = \['ann'\] is not known"),
        (({"a": {}}, {}, "int8"), "precisions = 'int8' must map layer names"),
        (({"a": {}}, {}, {"a": "int8\n"}), "must be a precision"),
        (({"a": {}}, {}, {}, 3), "placed_on = 3 must be the name of a profile"),
        (({"a": {"spikes": 10**31}},), "must be a whole number >= 0, at most 10.30"),
    ],
)
def test_counts_of_another_form_are_refused(given, text):
    with pytest.raises(ParameterError, match=text):
        OperationCounts(*given)


def test_counts_add_to_counts_alone():
    with pytest.raises(TypeError, match="unsupported operand"):
        OperationCounts({"a": {"spikes": 3}}) + 3


def test_a_host_that_shares_the_name_of_the_chip_but_not_its_figures_is_refused(tmp_path):
    path = tmp_path / "loihi14.toml"
    path.write_text('title = "t"\nnode_nm = 1\nscope = "op"\nnote = "n"\n[prices.ann.macs]\npj = [1, 1, 1]\ngrade = "V"\nsource = "s"\n')
    counts = OperationCounts({"a": {"macs": 3}}, {"a": "ann"})
    with pytest.raises(ParameterError, match="host = 'loihi14' is also the name of another profile"):
        sim.estimate_energy(counts, "loihi14", host=path)
