"""Brunel's network with one and with two threads of ours, in turn; no peer.

ratio is one_s / many_s: what the threads gain. `--threads` sets how many (default 2). Both run the same seed and must make the same
number of spikes; that every bit is the same is a matter for the tests.
"""

from __future__ import annotations

from statistics import median
from typing import Any

from benchmarks import ours
from benchmarks.measure import Options
from benchmarks.networks import RandomNetwork
from benchmarks.workloads import brunel
from snnsim.errors import CompileError, SimulationError

PARAMETERS = brunel.PARAMETERS


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    return compare(options.fit(PARAMETERS), options)


def compare(parameters: RandomNetwork, options: Options) -> dict[str, Any]:
    """Run `parameters` with one thread and with several."""
    many = max(2, options.threads)
    duration = parameters.duration if options.duration is None else options.duration
    options.say("compiling the kernels")
    for threads in (1, many):
        warm = ours.run(parameters, duration=1.0, seed=0, **options.ours | {"threads": threads})
    if warm["threads"] != many:
        raise CompileError(f"Workload threads needs an engine that takes threads; the {warm['engine']} engine ran on {warm['threads']}.")
    runs = []
    for number in range(options.runs):
        options.say(f"run {number + 1} of {options.runs}")
        one, several = (ours.run(parameters, duration=duration, seed=number + 1, **options.ours | {"threads": n}) for n in (1, many))
        if one["spikes"] != several["spikes"]:
            raise SimulationError(f"{many} threads made {several['spikes']} spikes and one made {one['spikes']}: they must agree.")
        runs.append({"one_s": one["seconds"], "many_s": several["seconds"], "spikes": one["spikes"]})
    figures = {name: median(run[name] for run in runs) for name in ("one_s", "many_s")}
    ratio = figures["one_s"] / figures["many_s"]
    more = {"threads": many, "engine": warm["engine"], "precision": options.precision}
    return {"workload": "threads", "peer": None, **figures, "ratio": ratio, **more, "runs": runs}
