"""40,000 LIF neurons, exponential currents, 80 synapses each, 2 s.

`cuba` with ten times the neurons and the same input to each.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.measure import Options, simulation
from benchmarks.workloads import cuba

PARAMETERS = replace(cuba.PARAMETERS, n_exc=32_000, n_inh=8_000, p=0.002, duration=2_000.0)


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    return simulation("cuba_big", PARAMETERS, options)
