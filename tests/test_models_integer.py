"""Integer units refuse what they cannot mean."""

from __future__ import annotations

import numpy as np
import pytest

import snnsim as sim
from snnsim.errors import ParameterError, WiringError


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: sim.Staircase(theta=0), "Staircase.theta = 0 must be >= 1"),
        (lambda: sim.Staircase(theta=1.5), "Staircase.theta = .*1.5.* must hold whole numbers"),
        (lambda: sim.Staircase(theta=3, s_min=2), "Staircase.s_min = 2 must be <= 0: a silent unit has emitted 0"),
        (lambda: sim.Staircase(theta=3, s_min=0, s_max=0), "s_max = 0 must be >= 1"),
        (lambda: sim.Staircase(theta=3, bias=0.5), "Staircase.bias"),
        (lambda: sim.Table(theta=3, low=-2, values=[1]), "Table.values has shape"),
        (lambda: sim.Table(theta=3, low=1, values=[1, 2]), "Table.low = 1 must be <= 0"),
        (lambda: sim.SoftmaxRow(table=[1, 2], shift=0), "SoftmaxRow.table"),
        (lambda: sim.SoftmaxRow(table=[0], shift=0), "SoftmaxRow.table"),
        (lambda: sim.SoftmaxRow(table=[2, 1], shift=31), "SoftmaxRow.shift = 31 must be <= 30"),
        (lambda: sim.NormRow(gain=1, epsilon=2**63), "NormRow.epsilon = .* must be <= 4611686018427387904"),
        (lambda: sim.NormRow(gain=2**27), "NormRow.gain = 134217728 must be <= 67108864"),
        (lambda: sim.NormRow(gain=1, scale=0), "NormRow.scale = 0 must be >= 1"),
        (lambda: sim.NormRow(gain=1, fraction=21), "NormRow.fraction = 21 must be <= 20"),
        (lambda: sim.NormRow(gain=1, centred=2), "NormRow.centred"),
        (lambda: sim.MaxRow(s_min=1), "MaxRow.s_min = 1 must be <= 0"),
        (lambda: sim.Population("n", (2, 4097), sim.NormRow(gain=1)), "NormRow of 4097 units is wider than 4096. Split"),
        (lambda: sim.Staircase(theta=2**62), "Staircase.theta = .* must be <= 2147483647"),
        (lambda: sim.Table(theta=3, low=-2, values=[0, 2**40]), "Table.values = 1099511627776 must be <="),
        (lambda: sim.IntegerInput(s_max=3, bias=5), "IntegerInput.bias = 5 must be 0"),
        (lambda: sim.NormRow(gain=1, epsilon=-1), "NormRow.epsilon = -1 must be >= 0"),
        (lambda: sim.IntegerInput(s_max=0), "IntegerInput.s_max = 0"),
    ],
)
def test_impossible_parameters_are_refused_with_the_rule(make, text):
    with pytest.raises(ParameterError, match=text):
        make()


def test_per_channel_parameters_must_fit_the_rows():
    with pytest.raises(WiringError, match="bias has shape"):
        sim.Population("y", (4, 3), sim.Staircase(theta=1, bias=np.arange(4)))
    y = sim.Population("y", (4, 3), sim.Staircase(theta=np.array([1, 2])))
    x = sim.Population("x", (4, 3), sim.IntegerInput(s_max=3))
    with pytest.raises(WiringError, match=r"Staircase.theta has shape \(2,\) but rows hold 3 units"):
        sim.simulate(sim.Network(sim.Projection(x, y, sim.OneToOne())), inputs=np.ones((1, 4, 3), int))
