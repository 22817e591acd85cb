"""Converted networks beside the integer program they equal: settled, graded events / numpy with matrix products; no peer.

The digits transformer on 1 and on 64 images, and a transformer of random weights of the size of MiniLM-L6 on 16 tokens
(`benchmarks/transformer.py`). `*_ratio` is simulation / reference: what it costs to deliver every event one by one and to count it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np

from benchmarks.measure import Options
from benchmarks.transformer import Size, transformer
from snnsim.errors import SimulationError

IMAGES = (1, 64)
CODES = ("graded", "signed_digit", "unary")


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    return compare(options, IMAGES, Size())


def compare(options: Options, images: tuple[int, ...], size: Size) -> dict[str, Any]:
    """Time every case in turn: the reference, then the simulation in each code."""
    cases = {**_digits(images), "transformer": _transformer(size)}
    runs: list[dict[str, Any]] = []
    for number in range(options.runs):
        options.say(f"run {number + 1} of {options.runs}")
        run: dict[str, Any] = {}
        for case, (reference, simulate) in cases.items():
            run[f"{case}_reference_s"] = _seconds(reference)
            for code in CODES:
                run[f"{case}_{code}_s"] = _seconds(lambda code=code, simulate=simulate: simulate(code, options.threads))
            run[f"{case}_ratio"] = run[f"{case}_graded_s"] / run[f"{case}_reference_s"]
        runs.append(run)
    figures = {name: median(run[name] for run in runs) for name in runs[0]}
    return {"workload": "convert_speed", "peer": None, **figures, "images": list(images), "size": vars(size), "runs": runs}


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
