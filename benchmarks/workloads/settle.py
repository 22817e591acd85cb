"""The digits transformer, settled and eager: nanoseconds per event; no peer.

The command that docs/decisions/leaf-kernels.md asks for: how long one event of a network of integer units takes, and the synaptic
operations per second, over one call on held-out images with the unary code.
"""

from __future__ import annotations

import time
from statistics import median
from typing import Any

from benchmarks.measure import Options

CODE = "unary"
IMAGES = 32
SCHEDULES = ("settled", "eager")


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    return compare(options, IMAGES)


def compare(options: Options, images: int) -> dict[str, Any]:
    """Time both schedules in turn."""
    import snnsim as sim

    options.say("compiling the kernels")
    graph, _ = sim.data.load_model("digits")
    model = sim.convert(graph, sim.data.patches(sim.data.load_digits("train")[0][:256]))
    inputs = sim.data.patches(sim.data.load_digits("test")[0][:images])
    runs: list[dict[str, Any]] = []
    for schedule in SCHEDULES:
        model(inputs[:1], code=CODE, schedule=schedule, threads=1)
    for number in range(options.runs):
        options.say(f"run {number + 1} of {options.runs}")
        run: dict[str, Any] = {}
        for schedule in SCHEDULES:
            began = time.perf_counter()
            result = model(inputs, code=CODE, schedule=schedule, threads=options.threads)
            seconds = time.perf_counter() - began
            events, synops = (result.counts.total(kind) for kind in ("spikes", "synops"))
            run |= {
                f"{schedule}_s": seconds,
                f"{schedule}_ns_per_event": 1e9 * seconds / events,
                f"{schedule}_synops_per_s": synops / seconds,
            }
        runs.append(run)
    figures = {name: median(run[name] for run in runs) for name in runs[0]}
    return {"workload": "settle", "peer": None, **figures, "images": images, "code": CODE, "runs": runs}
