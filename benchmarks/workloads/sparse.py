"""100,000 LIF neurons that fire at 0.5 Hz, delta synapses, 10 million of them, 2 s.

Almost nothing happens in almost every neuron: a Poisson kick of 25 mV every two seconds, 80 + 20 recurrent inputs. Both sides draw
the kicks while they run: Brian2 by a PoissonGroup, the fastest of its ways to do so (beside PoissonInput and a random number per
neuron). `--drawn-in-advance` gives Brian2 all kicks as a list made before the run, which is no longer the same task: a list
has an end, and is not counted.
"""

from __future__ import annotations

from typing import Any

from benchmarks.measure import Options, simulation
from benchmarks.networks import RandomNetwork

PARAMETERS = RandomNetwork(
    synapses="delta",
    n_exc=80_000,
    n_inh=20_000,
    p=0.001,
    weight_exc=0.3,
    weight_inh=-1.2,
    delay=1.5,
    tau_m=20.0,
    v_rest=0.0,
    v_th=20.0,
    v_reset=0.0,
    t_ref=2.0,
    v_init=(0.0, 0.0),
    drive_rate=0.5,
    drive_weight=25.0,
    duration=2_000.0,
)


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    return simulation("sparse", PARAMETERS, options)
