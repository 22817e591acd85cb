"""Brunel's network with plastic synapses between excitatory neurons: 10 million of them, 1 s at 26 to 30 Hz.

The network of `brunel`; additive pair STDP, all pairs: lambda 0.01, alpha 1.05, both time constants 20 ms, weights from 0.1 mV
within [0, 0.3] mV. The delay is dendritic everywhere, which decides the rate. Beside it, mean and standard deviation of the weights
at the end must agree.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.measure import Options, simulation
from benchmarks.workloads import brunel

PARAMETERS = replace(brunel.PARAMETERS, stdp_rate=0.01, tolerance=0.1)


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    return simulation("brunel_stdp", PARAMETERS, options)
