"""Runs a workload with snnsim: the time of the build and of the simulation, apart."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.circuit import Circuit
from benchmarks.networks import DT, RandomNetwork
from benchmarks.peers import PeerError
from benchmarks.probe import REFUSED
from snnsim.errors import CompileError, SnnsimError

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
    parameters: RandomNetwork | Circuit,
    *,
    duration: float,
    seed: int,
    threads: int = 1,
    engine: str = "auto",
    precision: str = "double",
    counted_from: float | None = None,
    progress: Callable[[float], None] | None = None,
    learning: bool = True,
) -> dict[str, Any]:
    """Build the network and run it once for `duration` ms.

    learning : whether plastic synapses learn

    counted_from : ms; None counts the spikes of the whole run in the engine and records none, a time records them all, so that
                   the rates of every population can be told from then on

    Returns seconds (of the simulation), build_s, rate (mean over all neurons, Hz), rates (by population, where counted_from is
    given), spikes, synapses, synops (through these), drive (input spikes), updates, traffic (states read and written in updates),
    engine, threads, precision; with plastic synapses their number (plastic), and mean and standard deviation of their weights at
    the end (weight_mean, weight_sd).

    Raises
    ------
    CompileError   for single precision where the engine has none
    """
    from snnsim.compiler.spiking import compile_spiking
    from snnsim.engines.spiking import choose
    from snnsim.engines.takes import check_record

    began = time.perf_counter()
    compiled = compile_spiking(parameters.network(seed), seed=seed, dt=DT)
    build = time.perf_counter() - began
    name = choose(compiled, duration)[0] if engine == "auto" else engine
    module = import_module(f"snnsim.engines.{name}")
    # Not every engine takes both; the answer says what was used.
    valid = inspect.signature(module.run).parameters
    asked = {"threads": threads, "precision": precision}
    taken: dict[str, Any] = {option: value for option, value in asked.items() if option in valid}
    if "spare" in valid:
        taken["spare"] = True
    if "learns" in valid:
        taken["learns"] = frozenset(q for q, part in enumerate(compiled.projections) if learning and part.plasticity is not None)
    if precision != "double" and "precision" not in taken:
        raise CompileError(f"--precision = {precision}: the {name} engine keeps its states in double precision alone. Leave it out.")
    record = check_record(compiled.populations, {} if counted_from is None else {each: ["spikes"] for each in parameters.names}, DT)
    layout: list[float] = []
    with timed_layout(module, layout):
        began = time.perf_counter()
        result = module.run(compiled, duration=duration, record=record, progress=progress, **taken)
        whole = time.perf_counter() - began
    layers, cells = result.counts.layers, set(parameters.names)
    inner = [part for part in compiled.projections if compiled.populations[part.pre].name in cells]
    answer = {
        "seconds": whole - sum(layout),
        "build_s": build + sum(layout),
        "spikes": sum(layers[each].get("spikes", 0) for each in cells),
        "synapses": sum(int(part.row_ptr[-1]) for part in inner),
        "synops": sum(layers[part.name].get("synops", 0) for part in inner),
        "drive": sum(layers[part.name].get("synops", 0) for part in compiled.projections if part not in inner),
        "updates": sum(layers[each].get(kind, 0) for each in cells for kind in ("updates_driven", "updates_idle")),
        "traffic": sum(layers[each].get(kind, 0) for each in cells for kind in ("state_reads", "state_writes")),
        "engine": name,
        "threads": taken.get("threads", 1),
        "precision": precision,
    }
    if result.weights:
        answer |= learned(np.concatenate(list(result.weights.values())))
    if counted_from is None:
        return answer | {"rate": answer["spikes"] / (parameters.size * duration * 1e-3)}
    late = {each: int((result.spikes[each].times > counted_from).sum()) for each in parameters.names}
    counted = (duration - counted_from) * 1e-3
    rates = {each: late[each] / (result.spikes[each].n * counted) for each in late}
    return answer | {"rate": sum(late.values()) / (parameters.size * counted), "rates": rates}


def timed_run(
    network: Any, duration: float, *, dt: float, seed: int, threads: int, learning: bool, trials: Any = None
) -> tuple[float, Any]:
    """Run a network on the clock. Returns the seconds of the simulation, without compiling and laying out, and the result."""
    from snnsim.compiler.spiking import compile_spiking
    from snnsim.engines import clock

    compiled, layout = compile_spiking(network, seed=seed, dt=dt), []
    learns = frozenset(q for q, part in enumerate(compiled.projections) if learning and part.plasticity is not None)
    with timed_layout(clock, layout):
        began = time.perf_counter()
        result = clock.run(compiled, duration=duration, record=[], threads=threads, learns=learns, trials=trials)
        seconds = time.perf_counter() - began
    return seconds - sum(layout), result


def learned(weights: np.ndarray) -> dict[str, Any]:
    """Return what is compared of the weights of plastic synapses."""
    return {"plastic": len(weights), "weight_mean": float(weights.mean()), "weight_sd": float(weights.std())}


def apart(task: str, job: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the answer of benchmarks.probe to `job`, given in a new process. Raises what it refused, or PeerError with its last words."""
    command = [sys.executable, "-m", "benchmarks.probe", task]
    variables = {**os.environ, **(environment or {})}
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(job), env=variables, capture_output=True, text=True, check=False)
    if done.returncode == REFUSED:
        raise SnnsimError(done.stderr.strip())
    if done.returncode:
        raise PeerError(f"Our own process stopped with code {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)
