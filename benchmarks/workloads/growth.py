"""How cost grows with the network: ten times the neurons, the same inputs to each; both engines, no peer.

Work is what the engine counted: spikes delivered through synapses, input spikes, updates of neurons. `*_growth` is the ratio of times
/ the ratio of work: 1 when a unit of work costs the same in the large network, more when its tables have outgrown a cache. The
clock engine runs brunel at 1,250 and 12,500 neurons, the event engine sparse at 10,000 and 100,000. ratio is the growth further
from 1.
"""

from __future__ import annotations

from math import log
from statistics import median
from typing import Any

from benchmarks import ours
from benchmarks.measure import Options
from benchmarks.networks import RandomNetwork
from benchmarks.workloads import brunel, sparse
from snnsim.errors import ParameterError

PAIRS = {"clock": brunel.PARAMETERS, "event": sparse.PARAMETERS}


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    if options.engine != "auto":
        raise ParameterError(f"--engine {options.engine}: workload growth runs both engines. Leave it out.")
    return compare(PAIRS, options)


def compare(networks: dict[str, RandomNetwork], options: Options) -> dict[str, Any]:
    """Run each of `networks` on its engine, beside one of a tenth of its size."""
    taken = {"threads": options.threads, "precision": options.precision}
    sizes = {engine: (whole.scaled(whole.size // 10), whole) for engine, whole in networks.items()}
    options.say("compiling the kernels")
    for engine, pair in sizes.items():
        for each in pair:  # more than 65,536 targets take wider indices, and kernels of their own
            ours.run(each, duration=1.0, seed=0, engine=engine, **taken)
    runs = []
    for number in range(options.runs):
        run: dict[str, float] = {}
        for engine, pair in sizes.items():
            options.say(f"run {number + 1} of {options.runs}: {engine}")
            small, large = (ours.run(each, duration=each.duration, seed=number + 1, engine=engine, **taken) for each in pair)
            run |= {f"{engine}_small_s": small["seconds"], f"{engine}_large_s": large["seconds"]}
            run[f"{engine}_time_ratio"] = large["seconds"] / small["seconds"]
            run[f"{engine}_work_ratio"] = work(large) / work(small)
            run[f"{engine}_growth"] = run[f"{engine}_time_ratio"] / run[f"{engine}_work_ratio"]
        runs.append(run)
    figures = {name: median(run[name] for run in runs) for name in runs[0]}
    ratio = max((figures[f"{engine}_growth"] for engine in networks), key=lambda growth: abs(log(growth)))
    return {"workload": "growth", "peer": None, **figures, "ratio": ratio, **taken, "runs": runs}


def work(answer: dict[str, Any]) -> int:
    """Return the operations that `ours.run` counted."""
    return answer["synops"] + answer["drive"] + answer["updates"]
