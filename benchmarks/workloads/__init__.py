"""One workload per file. Each has a docstring whose first line `--help` shows, and `measure(options)`, which returns its figures."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from snnsim.errors import ParameterError, unknown_name

#: compare the wall time of a simulation, of any duration
SIMULATIONS = ("cuba", "cuba_big", "coba", "brunel", "sparse")
#: beside another simulator
COMPARED = (*SIMULATIONS, "microcircuit", "build", "memory", "first_spike")
#: ours alone
ALONE = ("threads", "growth", "limits", "settle")
NAMES = (*COMPARED, *ALONE)
#: options that not every workload takes
TAKEN_BY = {
    "duration": (*SIMULATIONS, "microcircuit", "threads"),
    "scale": (*SIMULATIONS, "microcircuit", "build", "memory", "threads", "limits"),
    "precision": (*SIMULATIONS, "microcircuit", "build", "memory", "threads", "growth", "limits"),
    "drawn_in_advance": ("sparse",),
}


def find(name: str) -> ModuleType:
    """Return the module of a workload. Raises ParameterError listing the valid names."""
    if name not in NAMES:
        raise ParameterError(unknown_name("workload", name, NAMES))
    return import_module(f"benchmarks.workloads.{name}")
