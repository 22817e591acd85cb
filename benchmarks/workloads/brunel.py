"""12,500 LIF neurons, delta synapses, 15.6 million of them, 1 s at 32 Hz.

Brunel (2000), J. Comput. Neurosci. 8:183, g = 5, eta = 2: the external drive is twice what brings the mean to threshold, here
20 kHz per neuron. Connections are drawn with p = 0.1 in all simulators (1,000 excitatory and 250 inhibitory on average).
"""

from __future__ import annotations

from typing import Any

from benchmarks.measure import Options, simulation
from benchmarks.networks import RandomNetwork

PARAMETERS = RandomNetwork(
    synapses="delta",
    n_exc=10_000,
    n_inh=2_500,
    p=0.1,
    weight_exc=0.1,
    weight_inh=-0.5,
    delay=1.5,
    tau_m=20.0,
    v_rest=0.0,
    v_th=20.0,
    v_reset=0.0,
    t_ref=2.0,
    v_init=(0.0, 0.0),
    drive_rate=20_000.0,
    drive_weight=0.1,
    duration=1_000.0,
)


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    return simulation("brunel", PARAMETERS, options)
