"""Clock-driven runs: every neuron takes every step of dt, with exact propagators between grid points.

A spike made in the step that ends at t is stamped t and reaches a synapse in the step that ends at t + delay. Synaptic
operations are counted in the step that made the spike: a run's synops are its presynaptic spikes times their fan-out, even
for those still under way at the end. The same bits for any number of threads: see kernels/clock.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking
from snnsim.engines import learning, reward, tables
from snnsim.engines.clock_machine import Machine, Part, moved
from snnsim.engines.clock_machine import build as _build
from snnsim.engines.clock_state import Reach, saved, states_of, weights_of
from snnsim.engines.counting import counts, wiring
from snnsim.engines.interrupts import Interrupts
from snnsim.engines.limits import check_states
from snnsim.engines.live import Live, listeners, play_steps
from snnsim.engines.recording import Recorder, open_writer
from snnsim.engines.restart import TrialEnds
from snnsim.engines.rewire import as_wired, check_structural, structural, wired
from snnsim.engines.takes import Take, WeightTake
from snnsim.engines.upkeep import Upkeep, check_intervals, weight_columns
from snnsim.errors import SimulationError
from snnsim.kernels.clock import run_clock
from snnsim.models.spiking import whole_steps
from snnsim.results import Result
from snnsim.trials import Trials

_SINGLE_STEPS = 1 << 24  # whole numbers that float32 can tell apart


def duration_steps(compiled: CompiledSpiking, duration: float) -> int:
    """Return the steps of a run of `duration` ms. Raises ParameterError when it is off the grid."""
    return int(whole_steps("simulate.duration", duration, compiled.dt, least=1)[0])


def run(
    compiled: CompiledSpiking,
    *,
    duration: float,
    record: Sequence[Take],
    start: tables.RunState | None = None,
    progress: Callable[[float], None] | None = None,
    why: str = "",
    threads: int = 1,
    precision: str = "double",
    stream: Path | None = None,
    learns: frozenset[int] = frozenset(),
    weights: Sequence[WeightTake] = (),
    spare: bool = False,
    trials: Trials | None = None,
) -> Result:
    """Run `compiled` for `duration` ms; see `engines.spiking.run_spiking`.

    spare : bool   `compiled` is needed for nothing else: it may lose synapses that are laid out anew
    """
    dt = compiled.dt
    n_steps = duration_steps(compiled, duration)
    check_structural(compiled)
    check_intervals(compiled)
    compiled = compiled if start is None else as_wired(compiled, start.arrays)
    machine = _build(compiled, start, threads, precision, learns, spare=spare and not structural(compiled))
    position = machine.parts[0].position
    first = int(position[0])
    end = first + n_steps
    if precision == "single" and end > _SINGLE_STEPS:
        raise SimulationError(f'simulate.precision = "single" counts steps up to {_SINGLE_STEPS}, not {end}. Use "double".')
    writer = open_writer(stream, compiled, record, "clock", first * dt, weight_columns(compiled, weights))
    upkeep = Upkeep(compiled, first * dt, learns, weights, {} if start is None else start.arrays, writer)
    heard = [*listeners(compiled), *upkeep.heard, *reward.listeners(compiled, learns)]
    recorder = Recorder(compiled, record, unit=dt, first=first, last=end, writer=writer, heard=heard)
    logs = [recorder.log(machine.window * int(part.cells.first[-1])) for part in machine.parts]
    takes = [recorder.samples(machine.low[k], machine.low[k + 1]) for k in range(threads)]
    live = Live(compiled, first * dt, end * dt, recorder)
    trial_ends = TrialEnds(compiled, trials, first)
    rewards = reward.Rewards(compiled, learns, first, end, recorder)
    chunks, cut = tables.Chunks(64), False
    with ThreadPoolExecutor(threads) as pool, Interrupts() as interrupts, closing(recorder):
        try:
            while position[0] < end:
                now = int(position[0])
                machine = _fed(machine, live, now * dt, dt, interrupts)
                rewards.pour(now, interrupts, [part.lessons.table for part in machine.parts])
                with chunks.timed() as size:
                    due = min(live.next, upkeep.next)
                    asked = end if due == np.inf else round(due / dt)
                    soonest = min(end, asked, rewards.next, trial_ends.next, now + size, now + recorder.most)
                    _advance(machine, soonest, logs, takes, pool)
                recorder.drain(logs, takes, int(position[0]) * dt)
                machine = _with_room(compiled, machine)
                if upkeep.due(int(position[0]) * dt):
                    reach = Reach(machine, compiled, partial(moved, learns, precision))
                    upkeep.attend(int(position[0]) * dt, recorder, reach)
                    machine, compiled = reach.machine, reach.compiled
                    position = machine.parts[0].position
                if trial_ends.attend(machine, compiled):
                    upkeep.begin_anew()
                with interrupts.heard():
                    tables.report(progress, (position[0] - first) / n_steps)
        except KeyboardInterrupt:
            cut = True
        recorder.end(logs, takes, int(position[0]) * dt, cut)
    # What is pending is applied now, so that its count does not depend on when Python last looked.
    _settle(compiled, machine)
    for p in range(len(compiled.populations)):
        check_states(compiled, p, states_of(machine, p), float(position[0]) * dt)
    duration = (int(position[0]) - first) * dt
    neurons = np.sum([part.cells.tally for part in machine.parts], axis=0)
    counted = [np.stack([part.fabric.strand["synops"], part.fabric.strand["updates"]], axis=1) for part in machine.parts]
    synapses = np.sum(counted, axis=0)
    synapses[:, 1] += upkeep.updates
    arrays = saved(machine, compiled) | wired(compiled) | upkeep.saved(recorder)
    return Result(
        counts=counts("clock", compiled, neurons, synapses),
        engine="clock",
        why=why,
        duration=duration,
        **recorder.results(takes[0], first * dt, duration, upkeep.recordings()),
        weights=weights_of(machine, compiled),
        wiring=wiring(compiled),
        state=tables.RunState("clock", dt, compiled.seed, compiled.digest, float(position[0]) * dt, arrays, precision),
        cut=cut,
    )


def _fed(machine: Machine, live: Live, now: float, dt: float, interrupts: Interrupts) -> Machine:
    """Return the machine with the spikes that live sources give at `now` ms."""
    for feed in live.ask(now, interrupts):
        high = machine.low[1:, feed.population]
        parts = [part._replace(cells=play_steps(part.cells, feed, dt, int(to))) for part, to in zip(machine.parts, high, strict=True)]
        machine = machine._replace(parts=parts)
    return machine


def _advance(machine: Machine, end: int, logs: list, takes: list, pool: ThreadPoolExecutor) -> None:
    """Run all threads to `end`, or to where one of them needs attention."""
    each = list(zip(machine.parts, logs, takes, strict=True))
    if len(each) == 1:
        _run_part(*each[0], end, machine.window)
        return

    def together() -> None:
        others = [pool.submit(_run_part, *arguments, end, machine.window) for arguments in each[1:]]
        _run_part(*each[0], end, machine.window)
        for other in others:
            other.result()

    # Threads wait for each other, so none may be left out. Ctrl-C reaches this thread only, which therefore starts just one.
    leader = pool.submit(together)
    try:
        leader.result()
    except KeyboardInterrupt:
        leader.result()
        raise


def _run_part(part: Part, log: Any, take: Any, end: int, window: int) -> None:
    # What the network does not need is not compiled: a driver for None has no code for it.
    absent: dict[str, Any] = {}
    if not part.lessons.table["n_classes"].any():
        absent["lessons"] = None
    if not part.scratch.mailed.any():
        absent |= {"mail": None, "timed": None}
    elif not len(part.timed.pre):
        absent["timed"] = None
    if not len(part.currents.kind):
        absent["currents"] = None
    part = part._replace(**absent)
    run_clock(end, window, *part, log, take)


def _settle(compiled: CompiledSpiking, machine: Machine) -> None:
    """Bring all weights that are replayed up to the steps taken, and release the spike histories behind them."""
    for part, course in zip(machine.parts, machine.courses, strict=True):
        part.fabric.strand["updates"] += learning.settled(course, compiled, float(part.position[0]))


def _with_room(compiled: CompiledSpiking, machine: Machine) -> Machine:
    """Return the machine with room in all spike histories for at least one more window."""
    if not any(part.lessons.table["full"].any() for part in machine.parts):
        return machine
    _settle(compiled, machine)
    return machine._replace(courses=[learning.roomy(course) for course in machine.courses])
