"""The engine for networks of integer units: run events until the network falls silent."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsim.compiler.integer import CompiledInteger
from snnsim.errors import ParameterError, SimulationError, unknown_name
from snnsim.kernels.integer_net import BINARY, EVENTS, GRADED, PARTNER_READS, SCALED, SIGNED_DIGIT, SYNOPS, UNARY
from snnsim.kernels.settle import settle_trials
from snnsim.network import Projection
from snnsim.results import OperationCounts, Result, SpikeTrains

#: how a value travels: name -> kernel constant
CODES: Mapping[str, int] = {"unary": UNARY, "binary": BINARY, "signed_digit": SIGNED_DIGIT, "graded": GRADED}
#: in which order units speak: name -> kernel constant
SCHEDULES: Mapping[str, int] = {"settled": 0, "eager": 1, "shuffled": 2}

_TRIALS_PER_TASK = 8  # few enough for a smooth progress bar, many enough to hide the cost of a call


@dataclass(frozen=True)
class IntegerState:
    """What each trial has accumulated, emitted and seen; pass it to ``simulate(start=...)`` with a next input.

    acc, s : int32[trials, n_units]
    seen : int32[trials, n_seen]
    alive : bool[trials, n_projections]
    """

    acc: np.ndarray
    s: np.ndarray
    seen: np.ndarray
    alive: np.ndarray


@dataclass
class _Work:
    """Arrays of one run, with a leading trial axis; kernels fill slices of it in place."""

    inputs: np.ndarray
    state: IntegerState
    spikes: np.ndarray
    evaluated: np.ndarray
    counts: np.ndarray
    steps: np.ndarray
    n_events: np.ndarray
    seeds: np.ndarray


def _check_inputs(compiled: CompiledInteger, inputs: Any) -> np.ndarray:
    name = compiled.populations[0]
    population = compiled.network.populations[name]
    low, high = population.model.bounds()  # type: ignore[attr-defined]
    array = np.asarray(inputs)
    if array.dtype.kind not in "iu":
        raise ParameterError(f"simulate.inputs has dtype {array.dtype} but {name!r} takes whole numbers. Quantise them first.")
    if array.shape[1:] != population.shape or array.ndim != len(population.shape) + 1 or len(array) == 0:
        wanted = ", ".join(map(str, population.shape))
        raise ParameterError(f"simulate.inputs has shape {array.shape} but must have (trials, {wanted}) with at least one trial.")
    bad = array[(array < low) | (array > high)]
    if bad.size:
        raise ParameterError(f"simulate.inputs holds {bad.flat[0]} but {name!r} takes {low} .. {high}. Rescale the inputs.")
    return np.ascontiguousarray(array.reshape(len(array), -1), dtype=np.int32)


def _start_state(compiled: CompiledInteger, trials: int, start: IntegerState | None) -> IntegerState:
    shapes = {
        "acc": (trials, len(compiled.net.bias)),
        "s": (trials, len(compiled.net.bias)),
        "seen": (trials, compiled.n_seen),
        "alive": (trials, len(compiled.projections)),
    }
    if start is None:
        acc = np.broadcast_to(compiled.net.bias, shapes["acc"]).copy()
        zeros = {name: np.zeros(shapes[name], dtype=np.int32) for name in ("s", "seen")}
        return IntegerState(acc, alive=np.zeros(shapes["alive"], dtype=np.bool_), **zeros)
    if not isinstance(start, IntegerState):
        raise SimulationError(f"simulate.start = {type(start).__name__} must be the state of a run of this network. Pass result.state.")
    for name, shape in shapes.items():
        if getattr(start, name).shape != shape:
            raise SimulationError(
                f"simulate.start.{name} has shape {getattr(start, name).shape} but this run needs {shape}: "
                "the state belongs to another network or number of trials. Pass the state of a matching run."
            )
    return IntegerState(*(getattr(start, name).copy() for name in shapes))


def _call(compiled: CompiledInteger, work: _Work, part: slice, schedule: int, code: int, events: np.ndarray, event_ptr: np.ndarray) -> None:
    state = work.state
    settle_trials(
        compiled.net, compiled.functions, schedule, work.inputs[part], code, state.acc[part], state.s[part], state.seen[part],
        state.alive[part], work.spikes[part], work.evaluated[part], work.counts[part], work.steps[part], work.n_events[part],
        events, event_ptr, work.seeds[part],
    )  # fmt: skip


def _run_trials(
    compiled: CompiledInteger, work: _Work, schedule: int, code: int, threads: int, progress: Callable[[float], None] | None,
    events: np.ndarray | None = None, event_ptr: np.ndarray | None = None,
) -> None:  # fmt: skip
    """Settle all trials, a few per task; trials are independent, so threads change no bit."""
    trials = len(work.inputs)
    silent = np.empty((0, 3), dtype=np.int32)
    done = 0

    def task(first: int) -> int:
        part = slice(first, min(first + _TRIALS_PER_TASK, trials))
        size = part.stop - first
        place = np.zeros(size + 1, dtype=np.int64) if event_ptr is None else event_ptr[first : part.stop + 1]
        _call(compiled, work, part, schedule, code, silent if events is None else events, place)
        return size

    with ThreadPoolExecutor(max_workers=threads) as pool:
        pending: set[Future[int]] = {pool.submit(task, first) for first in range(0, trials, _TRIALS_PER_TASK)}
        try:
            while pending:
                finished, pending = wait(pending, return_when=FIRST_COMPLETED)
                done += sum(future.result() for future in finished)
                if progress:
                    progress(done / trials)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _counts(compiled: CompiledInteger, work: _Work, code: str) -> OperationCounts:
    layers: dict[str, dict[str, int]] = {}
    roles: dict[str, str] = {}
    for p, name in enumerate(compiled.populations):
        population = compiled.network.populations[name]
        width = population.shape[-1]
        rows, spikes = int(work.evaluated[:, p].sum()), int(work.spikes[:, p].sum())
        layer = {kind: n * rows for kind, n in population.model.operations(width).items()}  # type: ignore[attr-defined]
        if population.model.label == "spiking":  # type: ignore[attr-defined]  # each event moves the membrane by theta
            layer["adds"] = layer.get("adds", 0) + spikes
            layer["state_writes"] = layer.get("state_writes", 0) + spikes
        layers[name] = {**layer, "spikes": spikes, "updates_driven": rows * width}
        roles[name] = "group" if population.model.label == "group" else "neuron"  # type: ignore[attr-defined]
    for e, key in enumerate(compiled.projections):
        total = work.counts[:, e].sum(axis=0)
        synops = int(total[SYNOPS])
        stored = compiled.network.projections[key].connector
        fetches = synops if hasattr(stored, "weight") or compiled.network.projections[key].weight is not None else 0
        layers[key] = {
            "synops": synops,
            "adds": synops,
            "shifts": int(total[SCALED]) if code in ("binary", "signed_digit") else 0,
            "multiplies": synops if code == "graded" else 0,
            "weight_fetches": fetches,
            "state_reads": synops + int(total[PARTNER_READS]),
            "state_writes": synops,
        }
        roles[key] = "synaptic"
    return OperationCounts(layers, roles)


def fan_out(projection: Projection) -> int | None:
    """Return the synapses one event of `projection` reaches; None for a product, where it depends on the partner."""
    match projection.connector:
        case connector if hasattr(connector, "partner"):
            return None
        case connector if hasattr(connector, "weight"):
            return connector.weight.shape[1]
    return 1


def _trains(compiled: CompiledInteger, name: str, events: np.ndarray, event_ptr: np.ndarray, duration: float) -> SpikeTrains:
    span = compiled.span(name)
    trial = np.repeat(np.arange(len(event_ptr) - 1), np.diff(event_ptr))
    mine = np.flatnonzero((events[:, 1] >= span.start) & (events[:, 1] < span.stop))
    order = mine[np.lexsort((events[mine, 1], events[mine, 0], trial[mine]))]
    return SpikeTrains(
        times=events[order, 0].astype(np.float64),
        indices=events[order, 1].astype(np.int64) - span.start,
        values=events[order, 2].astype(np.int64),
        trials=trial[order].astype(np.int64),
        n=span.stop - span.start,
        duration=duration,
    )


def _to_record(compiled: CompiledInteger, record: Mapping[str, Any] | None) -> list[str]:
    names = []
    for name, states in (record or {}).items():
        if name not in compiled.populations:
            raise ParameterError(unknown_name("simulate.record", name, compiled.populations))
        for state in [states] if isinstance(states, str) else states:
            if state != "spikes":
                raise ParameterError(
                    unknown_name(f"simulate.record[{name!r}]", state, ["spikes"]) + " Settled values and accumulators are always returned."
                )
        names.append(name)
    return names


def run_integer(
    compiled: CompiledInteger,
    *,
    inputs: Any,
    schedule: str,
    code: str,
    seed: int,
    threads: int | None = None,
    record: Mapping[str, Any] | None = None,
    start: IntegerState | None = None,
    progress: Callable[[float], None] | None = None,
) -> Result:
    """Settle one trial per input and return values, accumulators, counts and the spikes asked for.

    inputs : int[trials, *shape of the input population]
    schedule, code : names in `SCHEDULES` and `CODES`
    threads : int   default one per core; trials run side by side
    Raises ParameterError, SimulationError for bad arguments, before any work is done.
    """
    for what, given, valid in (("code", code, CODES), ("schedule", schedule, SCHEDULES)):
        if given not in valid:
            raise ParameterError(unknown_name(f"simulate.{what}", given, valid))
    recorded = _to_record(compiled, record)
    workers = threads or os.cpu_count() or 1
    flat = _check_inputs(compiled, inputs)
    trials, n_pop = len(flat), len(compiled.populations)

    def fresh() -> _Work:
        return _Work(
            flat, _start_state(compiled, trials, start), np.zeros((trials, n_pop), np.int64), np.zeros((trials, n_pop), np.int64),
            np.zeros((trials, len(compiled.projections), EVENTS + 4), np.int64), np.zeros(trials, np.int64), np.zeros(trials, np.int64),
            np.random.SeedSequence(seed).generate_state(trials, np.uint64),
        )  # fmt: skip

    work = fresh()
    spikes: dict[str, SpikeTrains] = {}
    with warnings.catch_warnings():
        # numba calls passing kernels as values experimental; the driver relies on nothing else that is.
        warnings.filterwarnings("ignore", message="First-class function type feature is experimental")
        # Recording runs the same trials twice: the first run counts the events, the second notes them in just enough memory.
        share = 0.5 if recorded else 1.0
        _run_trials(compiled, work, SCHEDULES[schedule], CODES[code], workers, progress and (lambda part: progress(share * part)))
        if recorded:
            event_ptr = np.concatenate([[0], np.cumsum(work.n_events)])
            events = np.zeros((int(event_ptr[-1]), 3), dtype=np.int32)
            work = fresh()
            report = progress and (lambda part: progress(0.5 + 0.5 * part))
            _run_trials(compiled, work, SCHEDULES[schedule], CODES[code], workers, report, events, event_ptr)
            spikes = {name: _trains(compiled, name, events, event_ptr, float(work.steps.max())) for name in recorded}
    values, accumulators = {}, {}
    for name in compiled.populations:
        span, shape = compiled.span(name), (trials, *compiled.network.populations[name].shape)
        values[name] = work.state.s[:, span].reshape(shape).astype(np.int64)
        accumulators[name] = work.state.acc[:, span].reshape(shape).astype(np.int64)
    return Result(
        counts=_counts(compiled, work, code),
        engine="settle",
        why="the network is made of integer units, which run until they fall silent",
        duration=float(work.steps.max()),
        spikes=spikes,
        values=values,
        accumulators=accumulators,
        state=work.state,
    )
