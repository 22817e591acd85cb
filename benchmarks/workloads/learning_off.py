"""brunel_stdp with its learning switched off beside brunel, whose synapses are static; no peer.

ratio is off_s / static_s, and near 1 is wanted: synapses that do not learn should cost no more than static ones. Both start from the
same weights and the same seed, and must make the same number of spikes.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from typing import Any

from benchmarks import ours
from benchmarks.measure import Options
from benchmarks.networks import RandomNetwork
from benchmarks.workloads import brunel_stdp
from snnsim.errors import SimulationError

PARAMETERS = brunel_stdp.PARAMETERS


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    return compare(options.fit(PARAMETERS), options)


def compare(parameters: RandomNetwork, options: Options) -> dict[str, Any]:
    """Run the plastic network `parameters` without learning, and the same with static synapses, in turn."""
    duration = parameters.duration if options.duration is None else options.duration
    static = replace(parameters, stdp_rate=0.0)
    options.say("compiling the kernels")
    without_learning(parameters, duration=1.0, seed=0, **options.ours)
    ours.run(static, duration=1.0, seed=0, **options.ours)
    runs = []
    for number in range(options.runs):
        options.say(f"run {number + 1} of {options.runs}")
        taken = {"duration": duration, "seed": number + 1, **options.ours}
        still, off = ours.run(static, **taken), without_learning(parameters, **taken)
        if still["spikes"] != off["spikes"]:
            made = f"{off['spikes']} spikes without learning, and {still['spikes']} with static synapses"
            raise SimulationError(f"The network made {made}: they must agree.")
        runs.append({"static_s": still["seconds"], "off_s": off["seconds"], "spikes": off["spikes"]})
    figures = {name: median(run[name] for run in runs) for name in ("static_s", "off_s")}
    ratio = figures["off_s"] / figures["static_s"]
    return {"workload": "learning_off", "peer": None, **figures, "ratio": ratio, "precision": options.precision, "runs": runs}


def without_learning(parameters: RandomNetwork, **taken: Any) -> dict[str, Any]:
    """Return what `ours.run` does, of a network whose plastic synapses keep their weights."""
    return ours.run(parameters, learning=False, **taken)
