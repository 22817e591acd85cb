"""Bytes per static synapse of brunel.

How much a new process grows between its imports and the running network, divided by the synapses: resident memory while it runs
(ours_B, peer_B) and its peak, which the build may set. Brian2's figure is that of its whole compiled program.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from typing import Any

from benchmarks.measure import Options, report
from benchmarks.networks import RandomNetwork
from benchmarks.ours import ROOT
from benchmarks.peers import PeerError, Worker
from benchmarks.workloads import brunel

PARAMETERS = brunel.PARAMETERS
DURATION = 100.0  # ms


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    return compare(PARAMETERS, options)


def compare(parameters: RandomNetwork, options: Options) -> dict[str, Any]:
    """Compare the bytes per synapse of the network of `parameters`."""
    job = {"parameters": asdict(parameters), "duration": DURATION, "seed": 1, "threads": options.threads, "rule": "fixed_indegree"}
    runs = []
    for number in range(options.runs):
        options.say(f"run {number + 1} of {options.runs}")
        answers = [("ours", _ours(job))]
        if options.peer:
            with Worker(options.peer, job) as worker:  # a new process each time: a used one may hold freed memory
                answers.append(("peer", worker.run()))
        run = {f"{who}_B": answer["resident"] / answer["synapses"] for who, answer in answers}
        runs.append(run | {f"{who}_peak_B": answer["peak"] / answer["synapses"] for who, answer in answers})
    return report("memory", options, runs, unit="B")


def _ours(job: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.probe", "memory"]
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(job), capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerError(f"Our own process stopped with code {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)
