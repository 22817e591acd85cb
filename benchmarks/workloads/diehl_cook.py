"""784 inputs onto 400 excitatory and 400 inhibitory neurons that compete and learn: seconds per sample of 350 ms.

Diehl & Cook (2015), Front. Comput. Neurosci. 9:99, as BindsNET's DiehlAndCook2015 has it with its own defaults; the equations are in
benchmarks/competition.py. Of a sample 150 inputs fire at 88 Hz, as many as an MNIST digit has at 128 Hz for a white pixel. Both
sides get the same input spikes, drawn before the run. *_s is learning, *_fixed_s not. BindsNET's `one_spike` is off, so that all
neurons over threshold fire; what else differs between the two is told by `competition.run`.
"""

from __future__ import annotations

from dataclasses import asdict
from statistics import median
from typing import Any

from benchmarks import competition
from benchmarks.competition import Competition
from benchmarks.measure import Options, check_rates, named, report
from benchmarks.peers import Worker

PARAMETERS = Competition()


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    return compare(PARAMETERS, options)


def compare(parameters: Competition, options: Options) -> dict[str, Any]:
    """Present the same samples to both, in turn."""
    inputs = parameters.inputs(seed=1)
    options.say("compiling the kernels")
    competition.run(parameters, inputs[:1], seed=0, threads=options.threads)
    if options.peer is None:
        runs = [named([("ours", _ours(parameters, inputs, options, number))]) for number in range(options.runs)]
        return report("diehl_cook", options, runs, **_more(runs, ("ours",)))
    job = {"parameters": asdict(parameters), "inputs": inputs, "seed": 0, "threads": options.threads}
    runs = []
    options.say(f"{options.peer}: starting")
    with Worker(options.peer, job) as worker:
        for number in range(options.runs):
            answers = [("ours", _ours(parameters, inputs, options, number))]
            options.say(f"run {number + 1} of {options.runs}: {options.peer}")
            runs.append(named([*answers, ("peer", worker.run())]))
    check_rates(parameters.tolerance, runs, options.peer)
    return report("diehl_cook", options, runs, **_more(runs, ("ours", "peer")))


def _ours(parameters: Competition, inputs: list[list[list[int]]], options: Options, number: int) -> dict[str, Any]:
    options.say(f"run {number + 1} of {options.runs}: ours")
    return competition.run(parameters, inputs, seed=number + 1, threads=options.threads)


def _more(runs: list[dict[str, Any]], sides: tuple[str, ...]) -> dict[str, Any]:
    return {f"{side}_{name}": median(run[f"{side}_{name}"] for run in runs) for side in sides for name in ("fixed_s", "rate")}
