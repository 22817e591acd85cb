"""What needs a new process of ours: `python -m benchmarks.probe memory|first_spike`, a job on standard input."""

from __future__ import annotations

import json
import sys
from typing import Any


def first_spike(parameters: dict[str, Any]) -> dict[str, Any]:
    """Simulate `n` neurons as a user would, and return the time of the first spike."""
    import snnsim as sim

    n, duration = parameters.pop("n"), parameters.pop("duration")
    result = sim.simulate(sim.Network(sim.Population("cells", n, sim.LIF(**parameters))), duration=duration)
    return {"first_ms": float(result.spikes["cells"].times.min())}


def memory(job: dict[str, Any]) -> dict[str, Any]:
    """Return resident and peak memory of a running network, less what the process held before."""
    from benchmarks import ours
    from benchmarks.networks import RandomNetwork

    ours.share_compiled_kernels()
    parameters = RandomNetwork(**job["parameters"])
    ours.run(parameters.scaled(100), duration=1.0, seed=0)
    before, seen = held("VmRSS"), []
    answer = ours.run(parameters, duration=job["duration"], seed=job["seed"], progress=lambda _: seen.append(held("VmRSS")))
    return {"resident": max(seen) - before, "peak": held("VmHWM") - before, "synapses": answer["synapses"]}


def held(what: str) -> int:
    """Return a line of /proc/self/status in bytes."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(what))


if __name__ == "__main__":
    task = sys.argv[1]
    given = json.loads(sys.stdin.readline())
    print(json.dumps(first_spike(given["parameters"]) if task == "first_spike" else memory(given)))
