"""Time to build brunel's 15.6 million synapses.

From parameters to a network that is ready to run: drawing the connections and laying them out for the engine. NEST draws a fixed
number of inputs for each neuron, its fastest rule. Brian2's figure is that of its compiled program, without the compilation
(compile_s in the runs).
"""

from __future__ import annotations

from typing import Any

from benchmarks.measure import Options, interleaved, report
from benchmarks.networks import RandomNetwork
from benchmarks.workloads import brunel

PARAMETERS = brunel.PARAMETERS
SHORT = 1.5  # ms


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    return compare(options.fit(PARAMETERS), options)


def compare(parameters: RandomNetwork, options: Options) -> dict[str, Any]:
    """Compare the time to build the network of `parameters`."""
    sides = ("ours", "peer") if options.peer else ("ours",)
    runs = [
        {f"{side}_s": run[f"{side}_build_s"] for side in sides}
        | {name: run[name] for name in run if name.endswith(("_synapses", "_compile_s"))}
        for run in interleaved(parameters, options, SHORT, rule="fixed_indegree")
    ]
    return report("build", options, runs)
