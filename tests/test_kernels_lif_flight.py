"""Closed forms of the leaky integrate-and-fire neurons."""

from collections import Counter
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from snnsim.kernels import delta_flight, lif, lif_flight
from snnsim.kernels.delta_flight import crossing_delta
from snnsim.kernels.lif_flight import crossing_exp, curve, overlap
from snnsim.models.lif import LIF
from snnsim.models.lif_exp import LIFExp, _peak

TAU = st.floats(0.3, 50.0)


@settings(deadline=None, max_examples=400)
@given(
    u=st.floats(-30.0, 20.0), exc=st.floats(-20.0, 20.0), inh=st.floats(-20.0, 20.0), gap=st.floats(-5.0, 15.0),
    tau_m=TAU, tau_exc=TAU, tau_inh=TAU, meet=st.sampled_from(["no", "exc", "inh", "both", "nearly", "synapses"]),
)  # fmt: skip
def test_the_first_crossing_is_the_first_one_a_fine_scan_can_see(u, exc, inh, gap, tau_m, tau_exc, tau_inh, meet):
    tau_exc = {"exc": tau_m, "both": tau_m, "nearly": tau_m * (1 + 1e-10)}.get(meet, tau_exc)
    tau_inh = {"inh": tau_m, "both": tau_m, "nearly": tau_m * (1 - 1e-9), "synapses": tau_exc * (1 + 1e-12)}.get(meet, tau_inh)
    assume(u < gap - 1e-9)
    flight = (u, exc, inh, 1 / tau_m, 1 / tau_exc, 1 / tau_inh, gap)
    peaks = (float(_peak(np.array(tau_m), np.array(t))) for t in (tau_exc, tau_inh))
    t = crossing_exp(flight, *peaks)
    if np.isfinite(t):
        assert abs(curve(0, t, flight)[0]) < 1e-9 * (abs(u) + tau_m * (abs(exc) + abs(inh)) + abs(gap) + 1.0)
    scan = np.linspace(0.0, min(t, 300.0), 3000)
    before = np.array([curve(0, s, flight)[0] for s in scan[:-1]])
    assert before.max() < 1e-9


def test_a_brief_double_crossing_between_two_inputs_is_not_missed():
    # Fast excitation against slow inhibition: v is above threshold for 0.045 ms only.
    flight = (0.0, 10.0, -5.0, 0.1, 1.0, 0.2, 2.7)
    top = max((curve(0, t, flight)[0], t) for t in np.linspace(0, 5, 50_001))
    flight = (*flight[:6], flight[6] + top[0] - 1e-7)
    t = crossing_exp(flight, 1e9, 1e9)
    assert t < top[1]
    assert abs(curve(0, t, flight)[0]) < 1e-12


@pytest.mark.parametrize("near", [0.0, 1e-15, 1e-12, 1e-9, 1e-6])
def test_overlap_is_stable_where_both_time_constants_meet(near):
    t, a = 7.0, 0.1
    exact = t * np.exp(-a * t) * (1.0 - near * a * t / 2.0)
    assert overlap(t, a, a * (1.0 + near)) == pytest.approx(exact, rel=1e-12)
    assert overlap.py_func(t, a, a * (1.0 + near)) == pytest.approx(exact, rel=1e-12)


def test_overlap_does_not_overflow_for_long_times():
    assert overlap(1e5, 10.0, 1e-4) == pytest.approx(np.exp(-10.0) / (10.0 - 1e-4), rel=1e-12)


@pytest.mark.parametrize("crossing", [crossing_delta, crossing_delta.py_func])
def test_the_delta_neuron_crosses_when_its_exponential_does(crossing):
    assert crossing(-70.0, -50.0, -55.0, 10.0) == pytest.approx(10.0 * np.log(4.0), rel=1e-15)
    assert crossing(-70.0, -55.0, -55.0, 10.0) == np.inf
    assert crossing(-55.0, -70.0, -55.0, 10.0) == 0.0


class Counted(float):
    """A number that counts the arithmetic done with it; signs and comparisons are free."""

    done: ClassVar[Counter] = Counter()

    def __neg__(self):
        return Counted(-float(self))

    def __abs__(self):
        return Counted(abs(float(self)))


def _counting(kind, function):
    def counted(self, *other):
        Counted.done[kind] += 1
        return Counted(function(float(self), *(float(x) for x in other)))

    return counted


for _name, _kind in (("add", "adds"), ("sub", "adds"), ("mul", "multiplies"), ("truediv", "divides")):
    for _side in ("", "r"):
        setattr(Counted, f"__{_side}{_name}__", _counting(_kind, getattr(float, f"__{_side}{_name}__")))


def arithmetic(monkeypatch, *calls):
    """Return the operations of some kernels run as Python, by kind. calls : (kernel, *numbers)"""
    looked_up = SimpleNamespace(inf=np.inf, **{name: _counting("tables", getattr(np, name)) for name in ("exp", "expm1", "log1p")})
    monkeypatch.setattr(lif_flight, "np", looked_up)
    monkeypatch.setattr(delta_flight, "np", looked_up)
    monkeypatch.setattr(lif_flight, "overlap", overlap.py_func)
    Counted.done.clear()
    for kernel, *numbers in calls:
        kernel.py_func(*(tuple(map(Counted, x)) if isinstance(x, tuple) else Counted(x) for x in numbers))
    return Counted.done


def declared(model, engine):
    return {kind: n for kind, n in model.update_operations[engine].items() if not kind.startswith("state_")}


def test_a_delta_update_does_the_arithmetic_it_declares(monkeypatch):
    step = (lif.relax, -60.0, -65.0, 0.9)
    add_input = threshold = count_down = 1
    assert arithmetic(monkeypatch, step) + Counter(adds=add_input + threshold + count_down) == declared(LIF, "clock")
    fly, foresee = (delta_flight.fly_delta, 1.0, -60.0, -40.0, 20.0), (crossing_delta, -60.0, -40.0, -50.0, 20.0)
    elapsed = due = 1
    assert arithmetic(monkeypatch, fly, foresee) + Counter(adds=elapsed + add_input + threshold + due) == declared(LIF, "event")


def test_a_frozen_update_does_no_more_than_that():
    # u + jump * stretch against gap * stretch; the stretch, one exponential for an instant, is counted with every update.
    elapsed = add_input = threshold = 1
    frozen = Counter(adds=elapsed + add_input + threshold, multiplies=3, tables=1)
    free = Counter(declared(LIF, "event"))
    free["multiplies"] += free.pop("divides")
    assert frozen <= free


def test_a_current_update_does_the_arithmetic_it_declares(monkeypatch):
    monkeypatch.setattr(lif, "relax", lif.relax.py_func)
    step = (lif.drive, -60.0, 5.0, -5.0, -65.0, 0.9, 0.1, 0.1)
    threshold = count_down = 1
    fade = Counter(adds=2, multiplies=2)
    assert arithmetic(monkeypatch, step) + fade + Counter(adds=threshold + count_down) == declared(LIFExp, "clock")
    fly = (lif_flight.fly_exp, 3.0, -60.0, 5.0, -5.0, 1.0, -np.inf, -65.0, 0.05, 0.2, 0.1, 200.0)
    bound = (crossing_exp, (5.0, 0.1, -0.1, 0.05, 0.2, 0.1, 15.0), 3.0, 3.0)
    # inputs, threshold; currents at the start of the flight; distances to v_inf; due
    inline = Counter(adds=2 + threshold + 2 + 2 + 1, multiplies=4, divides=2, tables=2)
    assert arithmetic(monkeypatch, fly, bound) + inline == declared(LIFExp, "event")
