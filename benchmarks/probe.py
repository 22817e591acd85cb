"""What needs a new process of ours: `python -m benchmarks.probe memory|first_spike|circuit|convert_speed`, a job on standard input."""

from __future__ import annotations

import json
import sys
from typing import Any

from snnsim.errors import SnnsimError

REFUSED = 3  # exit code
OPTIONS = ("threads", "engine", "precision")  # of a job, for `ours.run`


def first_spike(job: dict[str, Any]) -> dict[str, Any]:
    """Simulate `n` neurons as a user would, and return the time of the first spike."""
    import snnsim as sim

    parameters = dict(job["parameters"])
    n, duration = parameters.pop("n"), parameters.pop("duration")
    result = sim.simulate(sim.Network(sim.Population("cells", n, sim.LIF(**parameters))), duration=duration)
    return {"first_ms": float(result.spikes["cells"].times.min())}


def memory(job: dict[str, Any]) -> dict[str, Any]:
    """Return resident and peak memory of a running network, less what the process held before."""
    from benchmarks import ours
    from benchmarks.networks import RandomNetwork

    ours.share_compiled_kernels()
    parameters = RandomNetwork(**job["parameters"])
    options = {name: job[name] for name in OPTIONS}
    ours.run(parameters.scaled(100), duration=1.0, seed=0, **options)
    before, seen = held("VmRSS"), []
    timing = {"duration": job["duration"], "seed": job["seed"]}
    answer = ours.run(parameters, **timing, **options, progress=lambda _: seen.append(held("VmRSS")))
    taken = {name: answer[name] for name in ("synapses", "plastic") if name in answer}
    return taken | {"resident": max(seen) - before, "peak": held("VmHWM") - before}


def circuit(job: dict[str, Any]) -> dict[str, Any]:
    """Run a circuit once, and return what `ours.run` does and the peak memory of this process."""
    from benchmarks import ours
    from benchmarks.circuit import Circuit
    from benchmarks.workloads import microcircuit

    ours.share_compiled_kernels()
    parameters = Circuit(**job["parameters"])
    options = {name: job[name] for name in OPTIONS}
    for scale in (0.002, 0.1):  # compiles the kernels for either way of keeping synapses
        ours.run(microcircuit.circuit(scale), duration=1.0, seed=0, counted_from=0.0, **options)
    answer = ours.run(parameters, duration=job["duration"], seed=job["seed"], counted_from=parameters.start, **options)
    return answer | {"peak": held("VmHWM")}


def convert_speed(job: dict[str, Any]) -> dict[str, Any]:
    """Time converted networks and their reference: in a process of its own, as a matrix library counts its threads when it is loaded."""
    from benchmarks import ours
    from benchmarks.transformer import Size
    from benchmarks.workloads import convert_speed

    ours.share_compiled_kernels()
    return {"runs": convert_speed.compare(tuple(job["images"]), Size(**job["size"]), runs=job["runs"], threads=job["threads"])}


def held(what: str) -> int:
    """Return a line of /proc/self/status in bytes."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(what))


if __name__ == "__main__":
    given = json.loads(sys.stdin.readline())
    try:
        tasks = {"first_spike": first_spike, "memory": memory, "circuit": circuit, "convert_speed": convert_speed}
        print(json.dumps(tasks[sys.argv[1]](given)))
    except SnnsimError as error:  # on purpose: the text is enough
        print(error, file=sys.stderr)
        sys.exit(REFUSED)
