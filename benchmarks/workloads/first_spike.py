"""From starting a new process to the first spike of 100 neurons.

Includes starting Python, imports and every compilation. Ours is given twice: ours_s with numba's cache filled by an earlier
process, ours_cold_s with an empty one. Brian2 compiles C++ (peer_s) or interprets numpy (peer_numpy_s).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from benchmarks import peers
from benchmarks.measure import Options, report
from benchmarks.ours import ROOT
from benchmarks.peers import PeerError


@dataclass(frozen=True)
class Cells:
    """`n` LIF neurons under a constant current, which brings v_inf to 30 mV: the first spike comes at 22 ms."""

    n: int = 100
    tau_m: float = 20.0
    v_rest: float = 0.0
    v_th: float = 20.0
    v_reset: float = 0.0
    t_ref: float = 2.0
    c_m: float = 200.0
    i_ext: float = 300.0
    duration: float = 30.0


PARAMETERS = Cells()
TOLERANCE = 0.11  # ms: a step and rounding


def measure(options: Options) -> dict[str, Any]:
    """Return the figures of this workload."""
    runs = []
    with tempfile.TemporaryDirectory(prefix="snnsim-numba-") as cache:
        _ours(cache)
        for number in range(options.runs):
            options.say(f"run {number + 1} of {options.runs}")
            run = {"ours_s": _ours(cache)}
            with tempfile.TemporaryDirectory(prefix="snnsim-numba-") as empty:
                run["ours_cold_s"] = _ours(empty)
            if options.peer:
                run["peer_s"] = _peer(options.peer, "cpp_standalone")
            if options.peer == "brian2":
                run["peer_numpy_s"] = _peer(options.peer, "numpy")
            runs.append(run)
    more = {name: median(run[name] for run in runs) for name in runs[0] if name in ("ours_cold_s", "peer_numpy_s")}
    return report("first_spike", options, runs, **more)


def _ours(cache: str) -> float:
    job = {"parameters": asdict(PARAMETERS)}
    return _timed([sys.executable, "-m", "benchmarks.probe", "first_spike"], job, {"NUMBA_CACHE_DIR": cache})


def _peer(name: str, code: str) -> float:
    job = {"task": "first_spike", "parameters": asdict(PARAMETERS), "code": code}
    return _timed(peers.command_of(name), job, peers.find(name).variables)


def _timed(command: Sequence[str], job: Mapping[str, Any], variables: Mapping[str, str]) -> float:
    """Return the seconds from starting `command` to its answer, the time of the first spike, which is checked."""
    expected = _expected(PARAMETERS)
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=ROOT, input=json.dumps(job) + "\nrun\n", capture_output=True, text=True, check=False, env={**os.environ, **variables}
    )
    seconds = time.perf_counter() - began
    if done.returncode or not done.stdout:
        raise PeerError(f"{command[-1]} stopped with code {done.returncode}:\n{done.stderr[-2000:]}")
    found = json.loads(done.stdout)["first_ms"]
    if abs(found - expected) > TOLERANCE:
        raise PeerError(f"{' '.join(command)}: first spike at {found:g} ms, expected {expected:g} ms.")
    return seconds


def _expected(cells: Cells) -> float:
    """Return the time of the first spike of a neuron that starts at rest, ms."""
    from math import log

    lift = cells.i_ext * cells.tau_m / cells.c_m
    return cells.tau_m * log(lift / (lift - (cells.v_th - cells.v_rest)))
