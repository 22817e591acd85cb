"""One workload per file. Each has a docstring whose first line `--help` shows, and `measure(options)`, which returns its figures."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from snnsim.errors import ParameterError, unknown_name

#: compare the wall time of a simulation, of any duration
SIMULATIONS = ("cuba", "cuba_big", "coba", "brunel", "brunel_stdp", "sparse")
#: beside another simulator
COMPARED = (*SIMULATIONS, "microcircuit", "build", "memory", "first_spike", "diehl_cook", "mlp_lif")
#: ours alone
ALONE = ("threads", "growth", "limits", "settle", "convert_speed", "learning_off", "counting", "energy_report", "chips")
NAMES = (*COMPARED, *ALONE)
#: options that not every workload takes
TAKEN_BY = {
    "duration": (*SIMULATIONS, "microcircuit", "threads", "learning_off", "counting"),
    "scale": (*SIMULATIONS, "microcircuit", "build", "memory", "threads", "limits", "learning_off"),
    "precision": (*SIMULATIONS, "microcircuit", "build", "memory", "threads", "growth", "limits", "learning_off", "mlp_lif"),
    "plastic": ("memory",),
    "drawn_in_advance": ("sparse",),
}
#: workloads that a peer's script lacks
LACKING = {
    "brian2": ("microcircuit", "diehl_cook", "mlp_lif"),
    "nest": ("diehl_cook", "mlp_lif"),
    "bindsnet": tuple(name for name in COMPARED if name != "diehl_cook"),
    "snntorch": tuple(name for name in COMPARED if name != "mlp_lif"),
    "norse": tuple(name for name in COMPARED if name != "mlp_lif"),
}


def described(peer: str) -> tuple[str, ...]:
    """Return the workloads that can run beside `peer`."""
    return tuple(name for name in COMPARED if name not in LACKING.get(peer, ()))


def find(name: str) -> ModuleType:
    """Return the module of a workload. Raises ParameterError listing the valid names."""
    if name not in NAMES:
        raise ParameterError(unknown_name("workload", name, NAMES))
    return import_module(f"benchmarks.workloads.{name}")
