"""Bytes per static synapse of brunel, or with --plastic per plastic synapse of brunel_stdp.

How much a new process grows between its imports and the running network, divided by the synapses: resident memory while it runs
(ours_B, peer_B) and its peak, which the build may set. Brian2's figure is that of its whole compiled program. With --plastic each
side runs brunel as well, and what brunel_stdp holds less its static synapses at their bytes in brunel (ours_static_B,
peer_static_B) is divided by the plastic ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from statistics import median
from typing import Any

from benchmarks import ours
from benchmarks.measure import Options, report
from benchmarks.networks import RandomNetwork
from benchmarks.peers import Worker
from benchmarks.workloads import brunel, brunel_stdp

PARAMETERS = brunel.PARAMETERS
PLASTIC = brunel_stdp.PARAMETERS
DURATION = 100.0  # ms


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    return compare(options.fit(PARAMETERS), options, options.fit(PLASTIC) if options.plastic else None)


def compare(parameters: RandomNetwork, options: Options, plastic: RandomNetwork | None = None) -> dict[str, Any]:
    """Compare the bytes per synapse of the network of `parameters`, or those that `plastic` adds to it."""
    runs = []
    for number in range(options.runs):
        options.say(f"run {number + 1} of {options.runs}")
        answers = _answers(parameters, options)
        found = {who: {what: answer[what] / answer["synapses"] for what in ("resident", "peak")} for who, answer in answers.items()}
        run: dict[str, float] = {}
        if plastic is not None:
            run = {f"{who}_static_B": each["resident"] for who, each in found.items()}
            found = {who: per_plastic(answer, found[who]) for who, answer in _answers(plastic, options).items()}
        for who, each in found.items():
            run |= {f"{who}_B": each["resident"], f"{who}_peak_B": each["peak"]}
        runs.append(run)
    more = {name: median(run[name] for run in runs) for name in runs[0] if name.endswith("_static_B")}
    return report("memory", options, runs, unit="B", **more)


def per_plastic(answer: Mapping[str, Any], static: Mapping[str, float]) -> dict[str, float]:
    """Return bytes per plastic synapse of a network whose static ones take `static` bytes each."""
    n_static = answer["synapses"] - answer["plastic"]
    return {what: (answer[what] - n_static * each) / answer["plastic"] for what, each in static.items()}


def _answers(parameters: RandomNetwork, options: Options) -> dict[str, dict[str, Any]]:
    """Run ours and the peer, in a new process each: a used one may hold freed memory."""
    job = {"parameters": asdict(parameters), "duration": DURATION, "seed": 1, "rule": "fixed_indegree"}
    job |= options.ours | {"drawn_in_advance": False}
    answers = {"ours": ours.apart("memory", job)}
    if options.peer:
        with Worker(options.peer, job) as worker:
            answers["peer"] = worker.run()
    return answers
