"""Bytes per static synapse of brunel.

How much a new process grows between its imports and the running network, divided by the synapses: resident memory while it runs
(ours_B, peer_B) and its peak, which the build may set. Brian2's figure is that of its whole compiled program.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from benchmarks import ours
from benchmarks.measure import Options, report
from benchmarks.networks import RandomNetwork
from benchmarks.peers import Worker
from benchmarks.workloads import brunel

PARAMETERS = brunel.PARAMETERS
DURATION = 100.0  # ms


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    return compare(options.fit(PARAMETERS), options)


def compare(parameters: RandomNetwork, options: Options) -> dict[str, Any]:
    """Compare the bytes per synapse of the network of `parameters`."""
    job = {"parameters": asdict(parameters), "duration": DURATION, "seed": 1, "rule": "fixed_indegree"}
    job |= options.ours | {"drawn_in_advance": False}
    runs = []
    for number in range(options.runs):
        options.say(f"run {number + 1} of {options.runs}")
        answers = [("ours", ours.apart("memory", job))]
        if options.peer:
            with Worker(options.peer, job) as worker:  # a new process each time: a used one may hold freed memory
                answers.append(("peer", worker.run()))
        run = {f"{who}_B": answer["resident"] / answer["synapses"] for who, answer in answers}
        runs.append(run | {f"{who}_peak_B": answer["peak"] / answer["synapses"] for who, answer in answers})
    return report("memory", options, runs, unit="B")
