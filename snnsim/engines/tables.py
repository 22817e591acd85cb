"""What both engines share: the tables the drivers read, the state a run leaves, the pieces it is cut into."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking, end_to_end, outgoing, spans
from snnsim.engines.runs import Runs
from snnsim.errors import SimulationError
from snnsim.kernels.layout import Cells, Wiring
from snnsim.kernels.memory import on_a_line
from snnsim.kernels.random import NEURON_STRIDE, stream_key

_CHUNK_SECONDS = 0.2


@dataclass(frozen=True, eq=False)
class RunState:
    """Where a run stopped. Give it to ``simulate(start=...)`` to continue bit for bit; the engines only read it.

    digest : str   `description_digest` of the network; the arrays mean nothing on another one
    time : float   ms
    """

    engine: str
    dt: float
    seed: int
    digest: str
    time: float
    arrays: Mapping[str, np.ndarray]
    precision: str = "double"

    def __post_init__(self) -> None:
        for array in self.arrays.values():
            array.flags.writeable = False


def check_start(start: Any, compiled: CompiledSpiking, engine: str, precision: str = "double") -> None:
    """Refuse a state of another network, engine, step, seed or precision."""
    check_continues(start, compiled.digest, engine=engine, dt=compiled.dt, seed=compiled.seed, precision=precision)


def check_continues(start: Any, digest: str, **now: Any) -> None:
    """Refuse what is no state, or one of another network or of a run with other arguments. now : engine, dt, seed, precision"""
    if not isinstance(start, RunState):
        raise SimulationError(
            f"simulate.start = {type(start).__name__} must be the Result.state of an earlier run of a spiking network. "
            "Give result.state, or load_state(path)."
        )
    same = [(what, getattr(start, what), value) for what, value in now.items()]
    for what, old, new in same:
        if old != new:
            raise SimulationError(f"simulate.start comes from a run with another {what} ({old}, now {new}). Continue with the same {what}.")
    if start.digest != digest:
        raise SimulationError(
            f"simulate.start comes from a run with another network (description {start.digest[:8]}, now {digest[:8]}): its states "
            "and weights belong to that one. Continue with a network of the same description, or leave start out to begin anew."
        )


def distinct(kernels: list[Any]) -> tuple[list[Any], list[int]]:
    """Return the distinct kernels, and the place of each given one."""
    different = list(dict.fromkeys(kernels))
    return different, [different.index(kernel) for kernel in kernels]


def build_cells(compiled: CompiledSpiking, parts: list[Any], kinds: list[int], low: np.ndarray, number: type = np.float64) -> Cells:
    """Lay out the populations, or a part of each. parts : state and coef by population; low : index of their first neurons"""
    sizes = [state.shape[1] for state, _ in parts]
    channels = [model.channels for model in compiled.models]
    state, state_ptr = end_to_end([state for state, _ in parts], number)
    coef, coef_ptr = end_to_end([coef for _, coef in parts], number)
    widths = np.asarray(sizes) * np.asarray(channels)
    keys = [stream_key(np.uint64(compiled.seed), np.uint64(p)) for p in range(len(sizes))]
    return Cells(
        size=np.array(sizes, dtype=np.int64),
        first=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        low=low.astype(np.int64),
        kind=np.array(kinds, dtype=np.int64),
        # Random numbers are drawn by index: a part begins further along the sequence of its population.
        key=np.array(keys, dtype=np.uint64) + low.astype(np.uint64) * NEURON_STRIDE,
        channels=np.array(channels, dtype=np.int64),
        input_first=np.concatenate([[0], np.cumsum(widths)[:-1]]).astype(np.int64),
        state_ptr=state_ptr,
        state_rows=np.array([len(state) for state, _ in parts], dtype=np.int64),
        coef_ptr=coef_ptr,
        coef_rows=np.array([len(coef) for _, coef in parts], dtype=np.int64),
        state=on_a_line(state),
        coef=coef,
        tally=np.zeros((len(sizes), 3), dtype=np.int64),
    )


def build_wiring(compiled: CompiledSpiking, cells: Cells, runs: list[Runs]) -> Wiring:
    """Lay out the projections, by run, for the event engine."""
    parts = compiled.projections
    row_ptr, row_first = end_to_end([run.row_ptr for run in runs], np.int64)
    # Every spike streams its targets from memory: two bytes each, where they fit.
    small = max((population.size for population in compiled.populations), default=0) <= 2**16
    target, syn_first = end_to_end([run.target for run in runs], np.uint16 if small else np.uint32)
    weight, weight_first = end_to_end([run.weight for run in runs], np.float64)
    delay, run_first = end_to_end([run.delay for run in runs], np.float64)
    run_ptr = np.concatenate([*(run.run_ptr[:-1] + at for run, at in zip(runs, syn_first[:-1], strict=True)), syn_first[-1:]])
    run_final = np.zeros(len(delay), dtype=bool)
    for run, rows, at in zip(runs, spans(row_first), run_first[:-1], strict=True):
        row_ptr[rows] += at
        ends = run.row_ptr[1:][np.diff(run.row_ptr) > 0]
        run_final[at + ends - 1] = True
    post = np.array([part.post for part in parts], dtype=np.int64)
    out_ptr, out = outgoing(len(compiled.populations), [part.pre for part in parts])
    two = cells.channels[post] == 2
    return Wiring(
        post=post,
        out_ptr=out_ptr,
        out=out,
        row_first=row_first[:-1],
        row_ptr=row_ptr,
        run_ptr=run_ptr.astype(np.int64),
        run_final=run_final,
        run_first=run_first[:-1],
        delay=delay,
        target=target,
        syn_first=syn_first[:-1],
        weight_first=weight_first[:-1],
        weight_stride=np.array([len(run.weight) > 1 for run in runs], dtype=np.int64),
        weight=weight,
        column=cells.input_first[post],
        split=np.where(two, cells.size[post], 0).astype(np.int64),
        tally=np.zeros((len(parts), 2), dtype=np.int64),
    )


class Chunks:
    """Sizes pieces of a run to about 0.2 s, so that a bar moves and Ctrl-C is heard; results do not depend on it."""

    def __init__(self, size: int) -> None:
        self.size = size

    @contextmanager
    def timed(self):
        """Time one piece and adapt the size of the next."""
        began = time.perf_counter()
        yield self.size
        seconds = time.perf_counter() - began
        if seconds < 0.5 * _CHUNK_SECONDS:
            self.size = min(2 * self.size, 1 << 40)
        elif seconds > 2.0 * _CHUNK_SECONDS:
            self.size = max(1, self.size // 2)


def report(progress: Callable[[float], None] | None, fraction: float) -> None:
    """Tell the caller how far a run has come."""
    if progress is not None:
        progress(min(1.0, fraction))
