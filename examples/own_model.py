"""A neuron model of your own in one file: the quadratic integrate-and-fire neuron, and its f-I curve."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

import snnsim as sim
from snnsim.kernels._jit import kernel_with
from snnsim.kernels.layout import CLOCK_STEP
from snnsim.models.spiking import ClockForm, NeuronModel, filled, rows
from snnsim.units import param


@kernel_with(CLOCK_STEP)  # compiled once, then read from disk
def step_quadratic(step, state, coef, inputs, key, events, tally):
    """One forward Euler step of all neurons; returns how many fired. state : v; coef : dt / tau, drive, v_peak"""
    v, n_spiking = state[0], 0
    for i in range(v.size):
        c = i if coef.shape[1] > 1 else 0  # one column for all, or one per neuron
        tally[0 if inputs[0, i] != 0.0 else 1] += 1  # updates with and without input
        v[i] += coef[0, c] * (v[i] * v[i] + coef[1, c]) + inputs[0, i]
        if v[i] >= coef[2, c]:
            v[i] = -coef[2, c]
            events[0, n_spiking], events[1, n_spiking] = i, 1  # who fired, and how often
            n_spiking += 1
    return n_spiking


@dataclass(frozen=True, kw_only=True, eq=False)
class Quadratic(NeuronModel):
    r"""tau v' = v^2 + drive; at v_peak it fires and restarts at -v_peak. v and drive are dimensionless."""

    states: ClassVar[tuple[str, ...]] = ("v",)  # what can be recorded: the first rows of the state
    update_operations: ClassVar[dict] = {"clock": {"adds": 4, "multiplies": 2, "state_reads": 2, "state_writes": 2}}

    tau: float = param(10.0, unit="ms", gt=0.0, doc="time constant")
    drive: float = param(0.0, doc="constant input")
    v_peak: float = param(100.0, gt=0.0, doc="where a spike is cut off")

    def clock_form(self, n, dt):
        return ClockForm(step_quadratic, filled(n, -self.v_peak), rows(n, dt / self.tau, self.drive, self.v_peak))


drive = np.array([0.01, 0.1, 1.0])
cells = sim.Population("cells", 3, Quadratic(drive=drive))
result = sim.simulate(sim.Network(cells), duration=5_000.0, dt=0.005)
for i in range(3):
    period = 2.0 * 10.0 / np.sqrt(drive[i]) * np.arctan(100.0 / np.sqrt(drive[i]))  # ms
    rate = 1e3 / np.diff(result.spikes["cells"].of(i)).mean()
    print(f"drive {drive[i]:4.2f}: {rate:6.3f} Hz, in closed form {1e3 / period:6.3f} Hz")
try:
    Quadratic(tau=0.0)
except sim.ParameterError as error:
    print(error)
