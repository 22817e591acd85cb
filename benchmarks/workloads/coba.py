"""4,000 LIF neurons, exponential conductances, 10 s at about 20 Hz.

The conductance-based network of Vogels & Abbott (2005). Needs a snnsim with `LIFCondExp`. The methods differ: NEST integrates
adaptively, Brian2 by exponential Euler steps, so rates agree less closely than elsewhere.
"""

from __future__ import annotations

from typing import Any

from benchmarks.measure import Options, simulation
from benchmarks.networks import RandomNetwork, model_of
from snnsim.errors import CompileError

PARAMETERS = RandomNetwork(
    synapses="conductance",
    n_exc=3200,
    n_inh=800,
    p=0.02,
    weight_exc=6.0,
    weight_inh=-67.0,
    delay=0.1,
    tau_m=20.0,
    c_m=200.0,
    v_rest=-60.0,
    v_th=-50.0,
    v_reset=-60.0,
    t_ref=5.0,
    i_ext=200.0,
    v_init=(-60.0, -50.0),
    duration=10_000.0,
    tolerance=0.15,
)


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    try:
        model_of(PARAMETERS)
    except ImportError:
        raise CompileError("Workload coba needs a neuron with conductances, LIFCondExp, which this version of snnsim lacks.") from None
    return simulation("coba", PARAMETERS, options)
