"""784-1024-1024-10 leaky neurons, 100 steps, one sample at a time: seconds per sample at 2 % and at 10 % of the inputs (busy).

The peers are snnTorch (Leaky) and Norse (LIFBox, so that ours takes NorseLIFBox). Both sides get the same weights and the same input
spikes. Weights are multiples of 1/1024, so that no sum of them depends on its order: every spike of every layer must be the same, or
the command refuses with code 2. Both compute in the precision asked for; torch's default is single. Timed are the steps of one
sample, the median of seven in each run. Apart are the build of the modules, and the compilation and layout of ours. *_s is at 2 %,
*_busy_s at 10 %.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.measure import Options, named, report
from benchmarks.ours import timed_layout
from benchmarks.peers import PeerError, Worker
from benchmarks.perceptron import DT, Perceptron

PARAMETERS = Perceptron()
TIMES = 7  # a sample takes milliseconds: each run is the median of so many
SIDES = {"sparse": "s", "busy": "busy_s"}


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    return compare(PARAMETERS, options)


def compare(parameters: Perceptron, options: Options) -> dict[str, Any]:
    """Present the same samples to both, in turn."""
    kind = "norse" if options.peer == "norse" else "snntorch"
    weights = parameters.weights(seed=1)
    samples = {"sparse": parameters.inputs(parameters.activity, 2), "busy": parameters.inputs(parameters.busy, 3)}
    options.say("compiling the kernels")
    expected = {name: _ours(parameters, weights, sample, kind, options, record=True) for name, sample in samples.items()}
    if options.peer is None:
        runs = [named([("ours", _answer(parameters, weights, samples, kind, options))]) for _ in range(options.runs)]
        return _report(options, runs, expected, parameters, ("ours",))
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arrays.npz"
        scaled = {f"weight{k}": parameters.factor(kind) * weight for k, weight in enumerate(weights, 1)}
        np.savez(path, **scaled, **samples)
        job = {"parameters": asdict(parameters), "framework": kind, "arrays": str(path), "threads": options.threads, "times": TIMES}
        with Worker(options.peer, job | {"precision": options.precision}) as worker:
            for number in range(options.runs):
                options.say(f"run {number + 1} of {options.runs}")
                mine = _answer(parameters, weights, samples, kind, options)
                theirs = worker.run()
                _check(theirs, expected, options.peer)
                peer = {SIDES[name]: theirs[f"{name}_seconds"] for name in SIDES} | {"build_s": theirs["build_s"]}
                runs.append(named([("ours", mine), ("peer", peer)]))
    return _report(options, runs, expected, parameters, ("ours", "peer"))


def _answer(
    parameters: Perceptron, weights: list[np.ndarray], samples: dict[str, np.ndarray], kind: str, options: Options
) -> dict[str, Any]:
    found = {name: _ours(parameters, weights, sample, kind, options, record=False) for name, sample in samples.items()}
    return {SIDES[name]: found[name]["seconds"] for name in SIDES} | {"build_s": found["sparse"]["build_s"]}


def _ours(
    parameters: Perceptron, weights: list[np.ndarray], inputs: np.ndarray, kind: str, options: Options, *, record: bool
) -> dict[str, Any]:
    """Build the network and run one sample. record : also tell all spikes, which takes time of its own"""
    from snnsim.compiler.spiking import compile_spiking
    from snnsim.engines import clock
    from snnsim.engines.takes import check_record

    began = time.perf_counter()
    compiled = compile_spiking(parameters.network(weights, inputs, kind), seed=0, dt=DT)
    build = time.perf_counter() - began
    takes = check_record(compiled.populations, {name: ["spikes"] for name in parameters.names} if record else {}, DT)
    took, laid_out = [], []
    for _ in range(1 if record else TIMES):
        layout: list[float] = []
        with timed_layout(clock, layout):
            began = time.perf_counter()
            result = clock.run(compiled, duration=DT * parameters.steps, record=takes, threads=options.threads, precision=options.precision)
            took.append(time.perf_counter() - began - sum(layout))
        laid_out.append(sum(layout))
    answer: dict[str, Any] = {"seconds": median(took), "build_s": build + median(laid_out)}
    if record:
        rasters = []
        for name, n in zip(parameters.names, parameters.sizes[1:], strict=True):
            rasters.append(np.zeros((parameters.steps, n), dtype=bool))
            rasters[-1][np.rint(result.spikes[name].times / DT).astype(int) - 1, result.spikes[name].indices] = True
        answer["digest"] = hashlib.sha256(b"".join(np.packbits(raster).tobytes() for raster in rasters)).hexdigest()
        answer["spikes"] = [int(raster.sum()) for raster in rasters]
    return answer


def _check(theirs: dict[str, Any], expected: dict[str, Any], peer: str) -> None:
    for name, mine in expected.items():
        if theirs[f"{name}_digest"] != mine["digest"]:
            raise PeerError(
                f"Spikes of the layers are not the same ({name} input): ours made {mine['spikes']}, {peer} {theirs[f'{name}_spikes']}. "
                "These are not the same network."
            )


def _report(
    options: Options, runs: list[dict[str, Any]], expected: dict[str, Any], parameters: Perceptron, sides: tuple[str, ...]
) -> dict[str, Any]:
    more = {f"{side}_{name}": median(run[f"{side}_{name}"] for run in runs) for side in sides for name in ("busy_s", "build_s")}
    if len(sides) == 2:
        more["busy_ratio"] = more["peer_busy_s"] / more["ours_busy_s"]
    updates = parameters.steps * sum(parameters.sizes[1:])
    for name, side in (("sparse", "ours_rate"), ("busy", "ours_busy_rate")):
        more[side] = 1e3 / DT * sum(expected[name]["spikes"]) / updates
    return report("mlp_lif", options, runs, **more)
