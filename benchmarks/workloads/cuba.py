"""4,000 LIF neurons, exponential currents, 10 s at 5.5 Hz.

The current-based network of Vogels & Abbott (2005), as Brian2's example CUBA has it: 3,200 excitatory neurons, p = 0.02. There
weights are mV of a current in units of the threshold; here pA, through c_m / tau_m = 10 pA / mV.
"""

from __future__ import annotations

from typing import Any

from benchmarks.measure import Options, simulation
from benchmarks.networks import RandomNetwork

PARAMETERS = RandomNetwork(
    synapses="current",
    n_exc=3200,
    n_inh=800,
    p=0.02,
    weight_exc=16.2,
    weight_inh=-90.0,
    delay=0.1,
    tau_m=20.0,
    v_rest=-49.0,
    v_th=-50.0,
    v_reset=-60.0,
    t_ref=5.0,
    v_init=(-60.0, -50.0),
    duration=10_000.0,
    tolerance=0.15,  # one drawn network fires at 5.3, another at 6.0 Hz
)


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    return simulation("cuba", PARAMETERS, options)
