"""Runs a workload with snnsim: the time of the build and of the simulation, apart."""

from __future__ import annotations

import hashlib
import inspect
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.networks import DT, RandomNetwork, describe

ROOT = Path(__file__).resolve().parents[1]


def share_compiled_kernels() -> None:
    """Keep compiled kernels in a folder named by their sources: numba's cache misses an edit in a callee in another file."""
    sources = b"".join(path.read_bytes() for path in sorted((ROOT / "kernels").glob("*.py")))
    folder = Path(tempfile.gettempdir()) / f"snnsim-numba-{hashlib.sha256(sources).hexdigest()[:16]}"
    os.environ.setdefault("NUMBA_CACHE_DIR", str(folder))


@contextmanager
def timed_layout(engine: Any, seconds: list[float]) -> Iterator[None]:
    """Note the time an engine spends laying out its arrays: part of the build, but done inside its `run`."""
    build = engine._build

    def timed(*arguments: Any, **named: Any) -> Any:
        began = time.perf_counter()
        machine = build(*arguments, **named)
        seconds.append(time.perf_counter() - began)
        return machine

    engine._build = timed
    try:
        yield
    finally:
        engine._build = build


def run(
    parameters: RandomNetwork,
    *,
    duration: float,
    seed: int,
    threads: int = 1,
    engine: str = "auto",
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Build the network and run it once for `duration` ms.

    Returns seconds (of the simulation), build_s, rate (mean over all neurons, Hz), synapses, engine, threads. Spikes are counted
    by the engine and not recorded.
    """
    from snnsim.compiler.spiking import compile_spiking
    from snnsim.engines.spiking import choose

    began = time.perf_counter()
    compiled = compile_spiking(describe(parameters, seed), seed=seed, dt=DT)
    build = time.perf_counter() - began
    name = choose(compiled, duration)[0] if engine == "auto" else engine
    module = import_module(f"snnsim.engines.{name}")
    # Engines are serial so far; one that takes threads gets them.
    several = "threads" in inspect.signature(module.run).parameters
    layout: list[float] = []
    with timed_layout(module, layout):
        began = time.perf_counter()
        result = module.run(compiled, duration=duration, record={}, progress=progress, **({"threads": threads} if several else {}))
        whole = time.perf_counter() - began
    spikes = sum(result.counts.layers[cells].get("spikes", 0) for cells in ("exc", "inh"))
    return {
        "seconds": whole - sum(layout),
        "build_s": build + sum(layout),
        "rate": spikes / (parameters.size * duration * 1e-3),
        "synapses": sum(len(part.target) for part in compiled.projections if compiled.populations[part.pre].name in ("exc", "inh")),
        "engine": name,
        "threads": threads if several else 1,
    }
