"""The engine for networks of integer units: run events until the network falls silent."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np

from snnsim.compiler.integer import CompiledInteger
from snnsim.engines.settle_counts import counts_of
from snnsim.errors import ParameterError, SimulationError, unknown_name
from snnsim.kernels.integer_net import BINARY, FIRST_SPIKE, GRADED, N_COUNTERS, SIGNED_DIGIT, UNARY
from snnsim.kernels.settle import Trials, settle_trials
from snnsim.network import Population
from snnsim.results import Recording, Result, SpikeTrains
from snnsim.units import check_integer, one_of

#: how a value travels: name -> kernel constant
CODES: Mapping[str, int] = {
    "unary": UNARY, "binary": BINARY, "signed_digit": SIGNED_DIGIT, "graded": GRADED, "time_to_first_spike": FIRST_SPIKE
}  # fmt: skip
#: in which order units speak: name -> kernel constant
SCHEDULES: Mapping[str, int] = {"settled": 0, "eager": 1, "timed": 1, "shuffled": 2}

_TRIALS_PER_TASK = 8  # few enough for a smooth progress bar, many enough to hide the cost of a call


@dataclass(frozen=True)
class IntegerState:
    """What each trial has accumulated, emitted and seen; pass it to ``simulate(start=...)`` with a next input.

    network : str   digest of the description it belongs to
    acc, s : int32[trials, n_units]
    seen : int32[trials, n_seen]
    alive : bool[trials, n_projections]
    silent : bool[trials]   whether nobody had more to say
    asleep : bool[n_rows]   rows that have been left alone
    """

    network: str
    acc: np.ndarray
    s: np.ndarray
    seen: np.ndarray
    alive: np.ndarray
    silent: np.ndarray
    asleep: np.ndarray


def _checked(population: Population, inputs: Any) -> np.ndarray:
    """Return the inputs of one population as int32[trials, size], or say what is wrong with them."""
    name = population.name
    low, high = population.model.bounds()  # type: ignore[attr-defined]
    try:
        array = np.asarray(inputs)
    except ValueError:
        raise ParameterError("simulate.inputs must be a regular array: its rows differ in length.") from None
    if array.dtype.kind == "f" and (array == np.rint(array)).all():
        array = array.astype(np.float64)  # whole floats are what image libraries give; anything else is refused below
    elif array.dtype.kind not in "iu":
        raise ParameterError(f"simulate.inputs has dtype {array.dtype} but {name!r} takes whole numbers. Quantise them first.")
    if array.shape[1:] != population.shape or array.ndim != len(population.shape) + 1 or len(array) == 0:
        wanted = ", ".join(map(str, population.shape))
        raise ParameterError(f"simulate.inputs has shape {array.shape} but must have (trials, {wanted}) with at least one trial.")
    bad = array[(array < low) | (array > high)]
    if bad.size:
        raise ParameterError(f"simulate.inputs holds {bad.flat[0]} but {name!r} takes {low} .. {high}. Rescale the inputs.")
    return array.reshape(len(array), -1).astype(np.int32)


def _check_inputs(compiled: CompiledInteger, inputs: Any) -> np.ndarray:
    """Return what all input populations are given, side by side, int32[trials, n]."""
    names = compiled.inputs
    given = inputs if isinstance(inputs, Mapping) else {names[0]: inputs}
    for name in given:
        if name not in names:
            raise ParameterError(unknown_name("simulate.inputs", name, names))
    missing = [name for name in names if name not in given]
    if missing:
        raise ParameterError(f"simulate.inputs lacks {missing[0]!r}: give a mapping with an array for each of {', '.join(names)}.")
    parts = [_checked(compiled.network.populations[name], given[name]) for name in names]
    if len({len(part) for part in parts}) > 1:
        raise ParameterError(f"simulate.inputs holds {[len(part) for part in parts]} trials for {', '.join(names)}. Give as many for each.")
    return np.ascontiguousarray(np.concatenate(parts, axis=1))


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
        rest = {"silent": np.zeros(trials, dtype=np.bool_), "asleep": np.ones(len(compiled.net.row_pop), dtype=np.bool_)}
        return IntegerState(compiled.digest, acc, alive=np.zeros(shapes["alive"], dtype=np.bool_), **zeros, **rest)
    if not isinstance(start, IntegerState):
        raise SimulationError(f"simulate.start = {type(start).__name__} must be the state of a run of this network. Pass result.state.")
    if start.network != compiled.digest:
        raise SimulationError("simulate.start is the state of another network. Pass the state of a run of this very network.")
    if len(start.acc) != trials:
        raise SimulationError(f"simulate.start holds {len(start.acc)} trials but there are {trials} inputs. Give one input per trial.")
    return IntegerState(start.network, *(getattr(start, name).copy() for name in (*shapes, "silent", "asleep")))


def _run_trials(compiled: CompiledInteger, work: Trials, plan: _Plan, threads: int, progress: Callable[[float], None] | None) -> None:
    """Settle all trials, a few per task; trials are independent, so threads change no bit."""
    trials = len(work.inputs)
    done = 0
    schedule, code, fresh = SCHEDULES[plan.schedule], CODES[plan.code], bool((work.new | work.asleep).all())

    def task(first: int) -> int:
        last = min(first + _TRIALS_PER_TASK, trials)
        settle_trials(compiled.net, compiled.functions, schedule, code, fresh, work, first, last)
        return last - first

    with warnings.catch_warnings(), ThreadPoolExecutor(max_workers=threads) as pool:
        # numba calls passing kernels as values experimental; the driver relies on nothing else that is.
        warnings.filterwarnings("ignore", message="First-class function type feature is experimental")
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


class _Plan(NamedTuple):
    """What a run shall do. asleep : bool[n_rows]; limit : most steps; recorded : what to write down, by population"""

    schedule: str
    code: str
    seed: int
    start: IntegerState | None
    asleep: np.ndarray
    limit: int
    recorded: Mapping[str, list[str]]


def _fresh_trials(compiled: CompiledInteger, inputs: np.ndarray, plan: _Plan, first: Trials | None = None) -> Trials:
    """Return the arrays of a run; with those of a `first` run, which has counted, room to write down what is recorded."""
    trials, n_pop = len(inputs), len(compiled.populations)
    state = _start_state(compiled, trials, plan.start)
    place, traced, rounds = np.zeros(trials + 1, dtype=np.int64), np.zeros(0, dtype=np.int64), 0
    if first is not None:
        if any("spikes" in kinds for kinds in plan.recorded.values()):
            place = np.concatenate([[0], np.cumsum(first.n_events)])
        spans = [(compiled.span(name), len(compiled.net.bias) * (what == "s")) for name, what in _traced(plan)]
        traced = np.concatenate([traced, *(np.arange(span.start, span.stop) + shift for span, shift in spans)])
        rounds = int(first.steps.max()) // _round(compiled, plan.code) + 1 if traced.size else 0
    settled = plan.start is not None and bool(state.silent.all())  # else every unit may have something to say
    return Trials(
        inputs=inputs,
        acc=state.acc,
        s=state.s,
        seen=state.seen,
        alive=state.alive,
        spikes=np.zeros((trials, n_pop), np.int64),
        evaluated=np.zeros((trials, n_pop), np.int64),
        counts=np.zeros((trials, len(compiled.projections), N_COUNTERS), np.int64),
        steps=np.zeros(trials, np.int64),
        n_events=np.zeros(trials, np.int64),
        events=np.zeros((int(place[-1]), 3), dtype=np.int32),
        event_ptr=place,
        trace=np.zeros((trials, rounds, len(traced)), dtype=np.int32),
        told=np.zeros((trials, rounds), dtype=np.int64),
        traced=traced,
        silent=np.zeros(trials, dtype=np.bool_),
        new=~plan.asleep & state.asleep if settled else ~plan.asleep,
        asleep=plan.asleep,
        limit=np.array([plan.limit]),
        seeds=np.random.SeedSequence(plan.seed).generate_state(trials, np.uint64),
    )


def _traced(plan: _Plan) -> list[tuple[str, str]]:
    """Return (population, 'acc' or 's') of what is written down in every step."""
    return [(name, what) for name, kinds in plan.recorded.items() for what in ("acc", "s") if what in kinds]


def _round(compiled: CompiledInteger, code: str) -> int:
    """Return the steps in which every unit emits one event at most."""
    return int(compiled.net.window.max()) if code == "time_to_first_spike" else 1


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


def _to_record(compiled: CompiledInteger, record: Mapping[str, Any] | None, schedule: str) -> dict[str, list[str]]:
    if record is not None and not isinstance(record, Mapping):
        raise ParameterError(f'simulate.record = {record!r} must map population names to lists, for example {{"q": ["spikes"]}}.')
    recorded = {}
    for name, wanted in (record or {}).items():
        one_of("simulate.record", name, compiled.populations)
        if not isinstance(wanted, (str, list, tuple)):
            raise ParameterError(f"simulate.record[{name!r}] = {wanted!r} must be a list such as ['spikes'].")
        kinds = [wanted] if isinstance(wanted, str) else list(wanted)
        for what in kinds:
            owner = f"simulate.record[{name!r}]"
            if what not in ("spikes", "acc", "s"):
                valid = unknown_name(owner, what, ["spikes", "acc", "s"])
                raise ParameterError(f"{valid} Settled values and accumulators are always returned.")
            if what != "spikes" and SCHEDULES[schedule] != SCHEDULES["eager"]:
                raise ParameterError(
                    f"{owner} asks for {what!r} over time, but schedule {schedule!r} has no steps that all units share. "
                    "Choose 'eager' or 'timed'."
                )
        if kinds:
            recorded[name] = kinds
    return recorded


def _recordings(compiled: CompiledInteger, work: Trials, plan: _Plan) -> dict[str, dict[str, Recording]]:
    """Return what was written down, int64[rounds, trials, *shape], and how many events the whole network had emitted by then."""
    recordings: dict[str, dict[str, Recording]] = {}
    first = 0
    if not _traced(plan):
        return recordings
    rounds, stride = work.trace.shape[1], _round(compiled, plan.code)
    times = np.arange(rounds) * float(stride)
    for i in range(len(work.trace)):  # a trial that fell silent before the others stays as it is
        last = int(work.steps[i]) // stride
        work.trace[i, last + 1 :], work.told[i, last + 1 :] = work.trace[i, last], work.told[i, last]
    for name, what in _traced(plan):
        shape = compiled.network.populations[name].shape
        n = prod(shape)
        values = work.trace[:, :, first : first + n].swapaxes(0, 1).astype(np.int64)
        first += n
        mine = recordings.setdefault(name, {"network_spikes": Recording(times, work.told.T.copy())})
        mine[what] = Recording(times, values.reshape(rounds, -1, *shape))
    return recordings


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
    steps: int | None = None,
    asleep: np.ndarray | None = None,
) -> Result:
    """Run one trial per input and return values, accumulators, counts and what was asked for.

    Recording runs every trial twice: the first run counts events and steps, the second notes them in just enough memory.

    inputs : int[trials, *shape of the input population]; a mapping by population where there are several
    schedule, code : names in `SCHEDULES` and `CODES`
    threads : int   default one per core, or NUMBA_NUM_THREADS where it is set; trials run side by side
    steps : int     of the schedule 'timed', and of no other
    asleep : bool[n_rows]   rows to leave alone, none of which another row depends on; default none
    Raises ParameterError, SimulationError for bad arguments, before any work is done.
    """
    one_of("simulate.code", code, CODES)
    one_of("simulate.schedule", schedule, SCHEDULES)
    seed = check_integer("simulate.seed", seed, low=0, high=2**63 - 1)
    # The limit of numba holds for our threads, too: many processes side by side, as in a sweep, set it.
    cores = int(os.environ.get("NUMBA_NUM_THREADS") or os.cpu_count() or 1)
    workers = cores if threads is None else check_integer("simulate.threads", threads, low=1, high=1024)
    if progress is not None and not callable(progress):
        raise ParameterError(f"simulate.progress = {progress!r} must be a function of the fraction done. Leave it out for none.")
    if asleep is None:
        asleep = np.zeros(len(compiled.net.row_pop), dtype=np.bool_)
    recorded = _to_record(compiled, record, schedule)
    plan = _Plan(schedule, code, seed, start, asleep, _limit(schedule, steps), recorded)
    flat = _check_inputs(compiled, inputs)
    work = _fresh_trials(compiled, flat, plan)
    share = 0.5 if recorded else 1.0
    _run_trials(compiled, work, plan, workers, progress and (lambda part: progress(share * part)))
    spikes: dict[str, SpikeTrains] = {}
    recordings: dict[str, dict[str, Recording]] = {}
    if recorded:
        work = _fresh_trials(compiled, flat, plan, work)
        _run_trials(compiled, work, plan, workers, progress and (lambda part: progress(0.5 + 0.5 * part)))
        duration = float(work.steps.max())
        spikes = {n: _trains(compiled, n, work.events, work.event_ptr, duration) for n, kinds in recorded.items() if "spikes" in kinds}
        recordings = _recordings(compiled, work, plan)
    return _result(compiled, work, plan, spikes, recordings)


def _limit(schedule: str, steps: Any) -> int:
    """Return the most steps of a run."""
    if schedule != "timed":
        if steps is not None:
            raise ParameterError(f"simulate.steps = {steps!r} belongs to schedule 'timed'; {schedule!r} ends by itself. Leave it out.")
        return 2**62
    if steps is None:
        raise ParameterError("simulate.steps is missing: schedule 'timed' runs for a given number of steps. Give one, such as steps=32.")
    return check_integer("simulate.steps", steps, low=1, high=2**31 - 1)


def _result(compiled: CompiledInteger, work: Trials, plan: _Plan, spikes: dict, recordings: dict) -> Result:
    values, accumulators = {}, {}
    for name in compiled.populations:
        span, shape = compiled.span(name), (len(work.inputs), *compiled.network.populations[name].shape)
        values[name] = work.s[:, span].reshape(shape).astype(np.int64)
        accumulators[name] = work.acc[:, span].reshape(shape).astype(np.int64)
    return Result(
        counts=counts_of(compiled, work, plan.code, plan.schedule),
        engine="settle",
        why="the network is made of integer units, which run until they fall silent"
        + (" or time is up" if plan.schedule == "timed" else ""),
        duration=float(work.steps.max()),
        spikes=spikes,
        recordings=recordings,
        values=values,
        accumulators=accumulators,
        state=IntegerState(compiled.digest, work.acc, work.s, work.seen, work.alive, work.silent, work.asleep),
        steps=work.steps,
        silent=work.silent,
    )
