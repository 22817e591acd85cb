"""One workload per file. Each has a docstring whose first line `--help` shows, and `measure(options)`, which returns its figures."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from snnsim.errors import ParameterError, unknown_name

#: compare the wall time of a simulation, of any duration
SIMULATIONS = ("cuba", "cuba_big", "coba", "brunel", "sparse")
NAMES = (*SIMULATIONS, "build", "memory", "first_spike", "settle")


def find(name: str) -> ModuleType:
    """Return the module of a workload. Raises ParameterError listing the valid names."""
    if name not in NAMES:
        raise ParameterError(unknown_name("workload", name, NAMES))
    return import_module(f"benchmarks.workloads.{name}")
