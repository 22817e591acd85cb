"""Converted networks beside the integer program they equal: settled, graded events / numpy with matrix products; no peer.

The digits transformer on 1 and on 64 images, and a transformer of random weights of the size of MiniLM-L6 on 16 tokens
(`benchmarks/transformer.py`). `*_ratio` is simulation / reference: what it costs to deliver every event and to count it. Both take
the same number of threads: matrix products on more of them than there are free cores wait for one another.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from benchmarks import ours
from benchmarks.measure import Options
from benchmarks.transformer import Size, transformer
from snnsim.errors import SimulationError

IMAGES = (1, 64)
CODES = ("graded", "signed_digit", "unary")
#: where the matrix libraries that numpy may be built with read their number of threads
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    return _measured(options, IMAGES, Size())


def _measured(options: Options, images: tuple[int, ...], size: Size) -> dict[str, Any]:
    """Time in a new process, in which matrix products take as many threads as the simulation."""
    options.say("compiling the kernels, timing")
    job = {"images": images, "size": vars(size), "runs": options.runs, "threads": options.threads}
    found = ours.apart("convert_speed", job, dict.fromkeys(_THREADS, str(options.threads)))["runs"]
    figures = {name: median(run[name] for run in found) for name in found[0]}
    return {"workload": "convert_speed", "peer": None, **figures, "images": list(images), "size": vars(size), "runs": found}


def compare(images: tuple[int, ...], size: Size, *, runs: int, threads: int) -> list[dict[str, float]]:
    """Time every case in turn, `runs` times: the reference, then the simulation in each code."""
    cases = {**_digits(images), "transformer": _transformer(size)}
    times = []
    for _ in range(runs):
        run: dict[str, float] = {}
        for case, (reference, simulate) in cases.items():
            run[f"{case}_reference_s"] = _seconds(reference)
            for code in CODES:
                run[f"{case}_{code}_s"] = _seconds(lambda code=code, simulate=simulate: simulate(code, threads))
            run[f"{case}_ratio"] = run[f"{case}_graded_s"] / run[f"{case}_reference_s"]
        times.append(run)
    return times


def _digits(images: tuple[int, ...]) -> dict[str, tuple[Callable, Callable]]:
    import snnsim as sim

    graph, _ = sim.data.load_model("digits")
    model = sim.convert(graph, sim.data.patches(sim.data.load_digits("train")[0][:256]))
    patches = sim.data.patches(sim.data.load_digits("test")[0])
    return {f"digits{n}": _case(model.integer_graph, model.compiled, model.encode(patches[:n])) for n in images}


def _transformer(size: Size) -> tuple[Callable, Callable]:
    from snnsim.compiler.integer import compile_integer
    from snnsim.conversion.lower import lower

    graph, inputs = transformer(size)
    return _case(graph, compile_integer(lower(graph)), {"in": inputs})


def _case(graph: Any, compiled: Any, inputs: dict[str, np.ndarray]) -> tuple[Callable, Callable]:
    """Return the reference and the simulation of one case, both compiled, and equal."""
    from snnsim.engines.settle import run_integer

    def reference() -> Any:
        return graph.evaluate(inputs)

    def simulate(code: str, threads: int | None) -> Any:
        return run_integer(compiled, inputs=inputs, schedule="settled", code=code, seed=0, threads=threads)

    wanted = reference()
    for code in CODES:
        result = simulate(code, 1)
        for name, each in wanted.items():
            if (result.accumulators[name] != each.acc).any() or (result.values[name] != each.s).any():
                raise SimulationError(f"convert_speed: {name!r} differs from the integer program with code {code!r}. Report it.")
    return reference, simulate


def _seconds(run: Callable[[], Any]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
