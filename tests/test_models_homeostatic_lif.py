"""HomeostaticLIF against the balance of its threshold and the closed form of regular firing."""

import numpy as np
import pytest
from nest_traces import run_steps

from snnsim.connect import OneToOne
from snnsim.engines.spiking import run_spiking
from snnsim.errors import ParameterError
from snnsim.models.homeostatic_lif import HomeostaticLIF
from snnsim.models.lif import LIF
from snnsim.models.poisson import PoissonSource
from snnsim.network import Network, Population, Projection


def under_noise(cell, rate, duration, n=20):
    noise, cells = Population("noise", n, PoissonSource(rate=rate)), Population("cells", n, cell)
    net = Network(Projection(noise, cells, OneToOne(), weight=1.5, delay=0.5))
    return run_spiking(net, duration=duration, dt=0.5, engine="clock", seed=3, record={"cells": ["spikes", "v", "theta"]})


def test_a_threshold_that_does_not_move_makes_it_lif_to_the_bit():
    plain, still = (
        run_spiking(
            Network(Projection(Population("noise", 20, PoissonSource(rate=900.0)), cells, OneToOne(), weight=1.5, delay=0.5)),
            duration=200.0,
            engine="clock",
            seed=3,
            record={"cells": ["spikes", "v"]},
        )
        for cells in (Population("cells", 20, LIF()), Population("cells", 20, HomeostaticLIF(eta=0.0)))
    )
    assert len(plain.spikes["cells"]) > 50
    np.testing.assert_array_equal(plain.spikes["cells"].times, still.spikes["cells"].times)
    np.testing.assert_array_equal(plain.recordings["cells"]["v"].values, still.recordings["cells"]["v"].values)


@pytest.mark.parametrize("python", [False, True], ids=["compiled", "python"])
def test_the_threshold_jumps_at_a_spike_and_falls_in_a_line_down_to_its_lowest(python):
    inputs = np.zeros((60, 1))
    inputs[0] = 30.0
    cell = HomeostaticLIF(rate=1000.0, eta=1.0, theta_min=-2.0)  # falls 0.1 mV a step
    values, fired = run_steps(cell, 60, inputs=inputs, python=python)
    assert fired.tolist() == [1]
    np.testing.assert_allclose(values[:, 1], np.maximum(0.9 - 0.1 * np.arange(60), -2.0), atol=1e-12)


def test_the_balance_of_the_threshold_is_that_of_the_spikes():
    cell = HomeostaticLIF(rate=20.0, eta=0.1, theta_min=-14.0)
    run = under_noise(cell, 900.0, 5_000.0)
    theta, spikes = run.recordings["cells"]["theta"].values, run.spikes["cells"]
    assert theta.min() > -14.0
    counts = np.bincount(spikes.indices, minlength=20)
    np.testing.assert_allclose(theta[-1], 0.1 * (counts - 20.0 * 5.0), atol=1e-9)


@pytest.mark.parametrize("drive", [700.0, 1200.0])
def test_whatever_the_drive_the_mean_rate_becomes_the_target(drive):
    run = under_noise(HomeostaticLIF(rate=8.0, eta=0.5, theta_min=-14.0), drive, 20_000.0)
    spikes = run.spikes["cells"]
    late = np.bincount(spikes.indices[spikes.times > 10_000.0], minlength=20) / 10.0
    # In 10 s a rate differs from the target by the change of theta in units of eta, some 10 spikes.
    np.testing.assert_allclose(late, 8.0, atol=1.5)
    assert late.mean() == pytest.approx(8.0, rel=0.05)
    early = np.mean(spikes.times < 200.0) * len(spikes) / 20 / 0.2
    assert abs(early - 8.0) > 2.0  # a fixed threshold misses it


def test_under_a_steady_current_the_threshold_settles_where_a_period_is_that_of_the_target():
    cell = HomeostaticLIF(rate=40.0, eta=0.1, i_ext=400.0, t_ref=2.0)
    values, fired = run_steps(cell, 600_000, dt=0.05)
    period = 1e3 / 40.0
    assert np.diff(fired[-40:]).mean() * 0.05 == pytest.approx(period, rel=1e-3)
    reached = cell.v_inf + (cell.v_reset - cell.v_inf) * np.exp(-(period - 2.0) / cell.tau_m)
    assert cell.v_th + values[-1, 1] == pytest.approx(reached, abs=0.2)  # theta moves by eta within a period


@pytest.mark.parametrize("wrong", [{"theta_min": -15.0}, {"theta_min": 1.0}, {"rate": -1.0}, {"eta": -0.1}])
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ParameterError, match=f"HomeostaticLIF.{next(iter(wrong))}"):
        HomeostaticLIF(**wrong)
