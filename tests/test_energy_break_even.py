"""Break-even in closed form, against the anchors that were worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import snnsim as sim
from snnsim.errors import ParameterError


@pytest.mark.parametrize(
    ("profile", "state", "anchor"),
    [
        ("arithmetic_fp32", "memory", 4.6 / 0.9),
        ("arithmetic_int8", "memory", 0.23 / 0.03),
        ("horowitz45", "registers", (0.3 + 1.25) / (0.1 + 1.25)),
        ("horowitz45", "memory", (0.3 + 1.25) / (0.1 + 1.25 + 10.0)),
    ],
)
def test_the_published_anchors_come_out(profile, state, anchor):
    """Arithmetic alone 5.1 (fp32) and 7.7 (int8); 8-bit weights from 8 KB of SRAM: 1.15 with V in registers, 0.137 with V in SRAM."""
    found = sim.break_even(profile, synapses=1000, state=state).spikes_per_synapse.low
    assert found == pytest.approx(anchor)
    assert round(found, 3) in (5.111, 7.667, 1.148, 0.137)


def test_the_whole_formula_is_that_of_its_docstring():
    m, n_in, n_out, steps = 1000, 40, 25, 7
    even = sim.break_even("horowitz45", synapses=m, inputs=n_in, outputs=n_out, steps=steps, reuse=5, hops=2, event_bits=26, fixed=100.0)
    ann = m * (0.3 + 2.5 / 5) + n_in * 2.5 + n_out * 2.5
    spike = m * (2.5 + 0.1 + 10 + 10) + n_in * (20 + 2 * 26 * 0.081)
    assert even.ann.nominal == pytest.approx(ann)
    assert even.spikes_per_synapse.nominal == pytest.approx((ann - 100) / spike)
    assert even.rate.nominal == pytest.approx((ann - 100) / spike / steps)
    assert even.ratio(even.spikes_per_synapse.nominal) == pytest.approx(1.0)
    assert "spikes pay below" in str(even)


@given(more=st.floats(1.0, 50.0), reuse=st.floats(1.0, 100.0))
def test_whoever_reuses_weights_less_is_beaten_more_easily(more, reuse):
    good = sim.break_even(synapses=1000, reuse=reuse * more).spikes_per_synapse.nominal
    assert good <= sim.break_even(synapses=1000, reuse=reuse).spikes_per_synapse.nominal * (1 + 1e-12)


def test_bits_of_the_fair_opponent():
    assert [sim.baseline_bits(t) for t in (1, 2, 3, 4, 7, 8, 15, 255, 256)] == [
        int(np.ceil(np.log2(t + 1))) for t in (1, 2, 3, 4, 7, 8, 15, 255, 256)
    ]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"synapses": 0}, "synapses = 0 must be >= 1"),
        ({"synapses": 5, "steps": 0}, "steps = 0 must be >= 1"),
        ({"synapses": 5, "reuse": 0.0}, "reuse = 0 must be >= 1"),
        ({"synapses": 5, "state": "cache"}, "'cache' is not known. Valid: memory, registers"),
        ({"synapses": 5, "profile": "tianjic28"}, "'tianjic28' has no price for macs .ann.. Choose one that prices ANNs and spikes"),
        ({"synapses": 5, "fixed": -1.0}, "fixed = -1 pJ must be >= 0"),
    ],
)
def test_numbers_that_cannot_be_are_refused(arguments, text):
    with pytest.raises(ParameterError, match=text):
        sim.break_even(**arguments)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"hops": [1, 2]}, "hops = .* must be one number, not an array"),
        ({"hops": 2.0}, "hops = 2.0 needs inputs"),
        ({"event_bits": 64, "inputs": 3}, "event_bits = 64 needs hops"),
        ({"reuse": 0.5}, "reuse = 0.5 must be >= 1"),
        ({"reuse": 1e300}, "reuse = 1e.300 must be <= 1e.30"),
        ({"fixed": 1e300}, "fixed = 1e.300 pJ must be <= 1e.30 pJ"),
        ({"synapses": 10**400}, "synapses = 10+ must be <="),
        ({"precision": "fp31"}, "precision = 'fp31' must be a precision"),
        ({"precision": None}, "precision = None must be a precision"),
        ({"precision": "fp64"}, "has no price for macs:fp64"),
        ({"profile": "arithmetic_int8", "precision": "fp32"}, "precision = 'fp32', but 'arithmetic_int8' has one price for all"),
    ],
)
def test_numbers_that_overflow_or_would_change_nothing_are_refused(wrong, text):
    with pytest.raises(ParameterError, match=text):
        sim.break_even(**{"synapses": 10, **wrong})


@pytest.mark.parametrize(("spikes", "text"), [(float("nan"), "must be finite"), (-1.0, "must be >= 0"), ("many", "must be a number")])
def test_a_ratio_needs_numbers_of_spikes(spikes, text):
    with pytest.raises(ParameterError, match=text):
        sim.break_even(synapses=10).ratio(spikes)


def test_spikes_that_cost_nothing_have_no_break_even(tmp_path):
    path = tmp_path / "free.toml"
    free = '{pj = [0, 1, 1], grade = "V", source = "s"}'
    path.write_text(
        'title = "t"\nnode_nm = 1\nscope = "op"\nnote = "n"\n[included]\n'
        'synaptic = ["weight_fetches", "adds", "state_reads", "state_writes"]\n'
        'neuron = ["spikes", "updates_idle"]\nann = ["weight_fetches", "activation_reads", "activation_writes"]\n'
        f'[prices]\nsynaptic.synops = {free}\nann.macs = {{pj = [1, 1, 1], grade = "V", source = "s"}}\n'
    )
    with pytest.raises(ParameterError, match="gives spikes away at its low prices"):
        sim.break_even(path, synapses=10)
