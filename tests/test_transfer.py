"""f-I curves against their closed form."""

from __future__ import annotations

import numpy as np
import pytest

import snnsim as sim
from snnsim.errors import ParameterError, WiringError

MODEL = sim.LIF(tau_m=20.0, c_m=200.0, t_ref=2.0)  # threshold 15 mV above rest and reset


def closed_form(currents):
    drive = np.maximum(currents * 20.0 / 200.0, 15.0 + 1e-12)
    return np.where(currents > 150.0, 1e3 / (2.0 + 20.0 * np.log(drive / (drive - 15.0))), 0.0)


def test_the_event_engine_gives_the_closed_form_to_rounding_and_the_clock_a_step_late():
    currents = np.linspace(0.0, 600.0, 25)
    exact = sim.f_i_curve(MODEL, currents, engine="event")
    assert exact == pytest.approx(closed_form(currents), rel=1e-9)
    gridded = sim.f_i_curve(MODEL, currents, engine="clock", dt=0.1)
    late = 1e3 / gridded[gridded > 0] - 1e3 / exact[exact > 0]
    assert (late > -1e-9).all() and (late < 0.1 + 1e-9).all()


def test_a_transient_is_left_out_and_one_spike_is_no_rate():
    early = sim.f_i_curve(MODEL, [400.0], 300.0, engine="event", transient=100.0)
    assert early == pytest.approx(closed_form(np.array([400.0])), rel=1e-9)
    adapting = [sim.f_i_curve(sim.AdEx(), 1000.0, 500.0, transient=transient)[0] for transient in (0.0, 250.0)]
    assert 0.0 < adapting[1] < 0.95 * adapting[0]
    assert sim.f_i_curve(MODEL, 400.0, 15.0).tolist() == [0.0]


def test_other_models_and_units_of_current_are_measured_too():
    assert np.diff(sim.f_i_curve(sim.Izhikevich(), [0.0, 10.0, 20.0], 500.0, transient=100.0)).min() > 0.0
    with pytest.raises(ParameterError, match="mV/ms must be finite"):
        sim.f_i_curve(sim.Izhikevich(), np.inf)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((sim.PoissonSource(rate=5.0), [1.0]), ParameterError, "with a current i_ext"),
        ((sim.LIF, [1.0]), ParameterError, "with a current i_ext"),
        ((sim.LIF(tau_m=sim.Normal(mean=20.0, std=1.0)), [1.0]), ParameterError, r"model\.tau_m = Normal.* must be one number"),
        ((MODEL, []), ParameterError, "at least one current"),
        ((MODEL, [np.nan]), ParameterError, "must be finite"),
        ((MODEL, [1.0], -5.0), ParameterError, "duration"),
        ((sim.LIF(tau_m=np.array([10.0, 20.0])), [1.0, 2.0, 3.0]), WiringError, "tau_m"),
    ],
)
def test_what_has_no_f_i_curve_is_refused(arguments, error, text):
    with pytest.raises(error, match=text):
        sim.f_i_curve(*arguments)
