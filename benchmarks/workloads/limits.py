"""How far each simulation but brunel_stdp is from what one core of this machine could do; no peer.

The bound counts memory alone: the states that updates read and write, streamed through an array as large as all states, plus one
addition per synaptic operation through a table of the same shape (targets of 2 or 4 bytes, a single-precision weight where they are
drawn). Both rates are measured here, by loops without anything else in them. Arithmetic, exponentials, random numbers and queues are
not counted, so one does not expect to reach it. It is the bound of an engine that writes its states back in every step: keeping them in
registers over several steps would pass it. One thread.
"""

from __future__ import annotations

from importlib import import_module
from statistics import median
from typing import Any

from benchmarks import machine, ours
from benchmarks.circuit import Circuit
from benchmarks.measure import Options
from benchmarks.networks import RandomNetwork
from benchmarks.workloads import SIMULATIONS, microcircuit
from snnsim.errors import ParameterError

STREAMS = {"L2": machine.MIB // 2, "L3": 8 * machine.MIB, "DRAM": machine.LARGEST}


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    if options.threads != 1:
        raise ParameterError(f"--threads {options.threads}: workload limits measures one core. Leave it out.")
    networks: dict[str, Any] = {name: import_module(f"benchmarks.workloads.{name}").PARAMETERS for name in SIMULATIONS}
    # The bound knows nothing of learning.
    networks = {name: parameters for name, parameters in networks.items() if not parameters.stdp_rate}
    networks = {name: options.fit(parameters) for name, parameters in networks.items()}
    return compare(networks | {"microcircuit": microcircuit.circuit(options.scale or 1.0)}, options)


def compare(networks: dict[str, RandomNetwork | Circuit], options: Options, share: float = 1.0) -> dict[str, Any]:
    """Measure the machine, then every one of `networks` beside its bound. share : of the duration of the workload"""
    options.say("measuring the machine")
    found: dict[str, Any] = {f"stream_{level}_GB_per_s": 1e-9 * machine.stream_rate(size) for level, size in STREAMS.items()}
    rows = []
    for name, parameters in networks.items():
        ours.run(parameters, duration=1.0, seed=0, **options.ours)
        runs = []
        for number in range(options.runs):
            options.say(f"{name}: run {number + 1} of {options.runs}")
            runs.append(ours.run(parameters, duration=share * parameters.duration, seed=number + 1, **options.ours))
        answer = sorted(runs, key=lambda run: run["seconds"])[len(runs) // 2]
        seconds = median(run["seconds"] for run in runs)
        rows.append({"workload": name, "engine": answer["engine"], "measured_s": seconds} | bound(parameters, answer, seconds))
    return {"workload": "limits", "peer": None, "precision": options.precision, **found, "runs": rows}


def bound(parameters: RandomNetwork | Circuit, answer: dict[str, Any], seconds: float) -> dict[str, float]:
    """Return what a run moved, and the least time this machine needs for it."""
    each = 4 if answer["precision"] == "single" else 8
    traffic = each * answer["traffic"]
    held = parameters.size * traffic / max(answer["updates"], 1) / 2.0  # every state is read and written
    weighted = isinstance(parameters, Circuit)
    targets = max(parameters.sizes)
    synapse = (2 if targets <= 1 << 16 else 4) + 4 * weighted
    width = round(answer["synapses"] / (parameters.size * len(parameters.sizes)))  # from one source into one population
    # An operation reads its synapse, and reads and writes the input of its target; so does an input spike, in order.
    moved = traffic + answer["synops"] * (synapse + 2 * each) + answer["drive"] * 2 * each
    streamed = (traffic + answer["drive"] * 2 * each) / machine.stream_rate(round(held))
    scattered = answer["synops"] / machine.scatter_rate(targets, width, answer["synapses"], weighted)
    least = streamed + scattered
    return {"moved_GB": 1e-9 * moved, "synops": answer["synops"], "bound_s": least, "ratio": seconds / least}
