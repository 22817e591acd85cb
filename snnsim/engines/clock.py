"""Clock-driven runs: every neuron takes every step of dt, with exact propagators between grid points.

A spike made in the step that ends at t is stamped t and reaches a synapse in the step that ends at t + delay. Synaptic
operations are counted in the step that made the spike: a run's synops are its presynaptic spikes times their fan-out, even
for those still under way at the end. The same bits for any number of threads: see kernels/clock.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking, settling_order
from snnsim.engines import currents, learning, memory, tables, timed
from snnsim.engines.clock_state import access, restore, saved, states_of, weight_of, weights_of
from snnsim.engines.counting import counts
from snnsim.engines.fabric import Plan, plan, weave
from snnsim.engines.interrupts import Interrupts
from snnsim.engines.limits import check_delays, check_single, check_states
from snnsim.engines.live import Live, listeners, play_steps
from snnsim.engines.parts import cut_populations
from snnsim.engines.recording import Recorder, open_writer
from snnsim.engines.runs import Runs, group, no_runs
from snnsim.engines.takes import Take, WeightTake
from snnsim.engines.upkeep import Upkeep, weight_columns
from snnsim.errors import SimulationError
from snnsim.kernels.bits import SPREAD as SPREAD_TABLE
from snnsim.kernels.bits import level_state, workspace
from snnsim.kernels.clock import run_clock
from snnsim.kernels.current import Currents
from snnsim.kernels.layout import BITS, LEARNED, SPREAD, TIMED, Cells, Fabric, Gate, Planes, Scratch, Sent
from snnsim.kernels.lessons import AHEAD, Lessons
from snnsim.kernels.mail import BLOCK, Mail, empty_mail
from snnsim.kernels.memory import on_a_line
from snnsim.kernels.single import in_single
from snnsim.kernels.threads import pause_address
from snnsim.kernels.timed import Timed
from snnsim.models.spiking import ClockForm, whole_steps
from snnsim.results import Result

_LONGEST_WINDOW = 64  # steps: the spikes of a window stay in the cache
_MOST_AHEAD = AHEAD - 2  # steps a plastic network may run before Python looks at its spike histories
_SINGLE_STEPS = 1 << 24  # whole numbers that float32 can tell apart


class Part(NamedTuple):
    """What one thread works on, in the order of the arguments of `run_clock`."""

    number: int
    position: np.ndarray  # int64[1]  steps taken
    kernels: tuple
    cells: Cells
    fabric: Fabric
    lessons: Lessons
    sent: Sent
    scratch: Scratch
    planes: Planes | None
    mail: Mail
    timed: Timed
    gate: Gate
    currents: Currents


class Machine(NamedTuple):
    """A network laid out for a number of threads."""

    parts: list[Part]
    forms: list[ClockForm]
    plan: Plan
    low: np.ndarray  # int64[threads + 1, P]
    runs: list[list[Runs]]
    classes: list[learning.Class]
    rest: dict[int, np.ndarray]  # weights of plastic projections that do not learn in this run and are kept as static ones
    window: int
    held: list[Any]  # arrays the parts borrow by address


def delay_steps(compiled: CompiledSpiking) -> list[np.ndarray]:
    """Return the delays of each projection in steps. Raises ParameterError when one is off the grid.

    A delay of 0 acts in the step of its spike, and must then be that of the whole projection.
    """
    return [
        whole_steps(f"Projection({part.name}).delay", part.delay, compiled.dt, least=int(part.which is not None or part.delay[0] > 0.0))
        for part in compiled.projections
    ]


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
) -> Result:
    """Run `compiled` for `duration` ms; see `engines.spiking.run_spiking`.

    spare : bool   `compiled` is needed for nothing else: it may lose synapses that are laid out anew
    """
    dt = compiled.dt
    n_steps = duration_steps(compiled, duration)
    machine = _build(compiled, start, threads, precision, learns, spare=spare)
    position = machine.parts[0].position
    first = int(position[0])
    end = first + n_steps
    if precision == "single" and end > _SINGLE_STEPS:
        raise SimulationError(f'simulate.precision = "single" counts steps up to {_SINGLE_STEPS}, not {end}. Use "double".')
    writer = open_writer(stream, compiled, record, "clock", first * dt, weight_columns(compiled, weights))
    upkeep = Upkeep(compiled, first * dt, learns, weights, {} if start is None else start.arrays, writer)
    heard = [*listeners(compiled), *upkeep.heard]
    recorder = Recorder(compiled, record, unit=dt, first=first, last=end, writer=writer, heard=heard)
    logs = [recorder.log(machine.window * int(part.cells.first[-1])) for part in machine.parts]
    takes = [recorder.samples(machine.low[k], machine.low[k + 1]) for k in range(threads)]
    live = Live(compiled, first * dt, end * dt, recorder)
    chunks, cut = tables.Chunks(64), False
    with ThreadPoolExecutor(threads) as pool, Interrupts() as interrupts, closing(recorder):
        try:
            while position[0] < end:
                now = int(position[0])
                machine = _fed(machine, live, now * dt, dt, interrupts)
                with chunks.timed() as size:
                    soonest = min(live.next, upkeep.next)
                    asked = end if soonest == np.inf else round(soonest / dt)
                    _advance(machine, min(end, asked, now + size, now + recorder.most), logs, takes, pool)
                recorder.drain(logs, takes, int(position[0]) * dt)
                machine = _with_room(compiled, machine)
                if upkeep.due(int(position[0]) * dt):
                    upkeep.attend(int(position[0]) * dt, recorder, access(machine, compiled))
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
    arrays = saved(machine, compiled) | upkeep.saved(recorder)
    return Result(
        counts=counts("clock", compiled, neurons, synapses),
        engine="clock",
        why=why,
        duration=duration,
        **recorder.results(takes[0], first * dt, duration, upkeep.recordings()),
        weights=weights_of(machine, compiled),
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


def _build(
    compiled: CompiledSpiking,
    start: tables.RunState | None,
    threads: int = 1,
    precision: str = "double",
    learns: frozenset[int] = frozenset(),
    *,
    spare: bool = False,
) -> Machine:
    """Lay out the network for its threads, as at time 0 or as `start` left it."""
    if start is not None:
        tables.check_start(start, compiled, "clock", precision)
    held, stopped = {}, learning.stopped(compiled, learns, {} if start is None else start.arrays)
    if start is not None:
        held = learning.held_weights(compiled, start.arrays)
        # What was pending when they stopped is part of their weights.
        learned = _build(compiled, start, threads, precision, stopped) if stopped else None
        held |= {q: weight_of(learned, compiled, q) for q in stopped}
    whole = compiled
    compiled, rest = learning.at_rest(whole, learns, held)
    dt, number = compiled.dt, {"double": np.float64, "single": np.float32}[precision]
    forms = [model.clock_form(population.size, dt) for population, model in zip(compiled.populations, compiled.models, strict=True)]
    forms = currents.widened(compiled, forms)
    signals = [current.signal.clock_form(dt) for current in compiled.currents]
    steps = [form.step if precision == "double" else in_single(form.step) for form in forms]
    kernels, kinds = tables.kernel_tuple(steps)
    if precision == "single":
        check_single(compiled, forms)
    delays = delay_steps(compiled)
    chosen = plan(compiled, forms, delays)
    sizes = [population.size for population in compiled.populations]
    low = cut_populations(sizes, threads)
    window = min([_LONGEST_WINDOW, *(int(steps.min()) for steps in delays if steps[0] > 0)]) if threads > 1 else 1
    if learns:
        window = min(window, _MOST_AHEAD)
    longest = max((_reach(steps, how) for steps, how in zip(delays, chosen.kind, strict=True)), default=0)
    slots = longest + 2 * window + 1
    first = np.concatenate([[0], np.cumsum(sizes)])
    check_delays(f"the spikes of {slots} steps, for the longest delay,", 8 * slots * sum(sizes))
    levels = settling_order(compiled)
    sent = Sent(
        np.zeros((slots, 2 * int(first[-1])), dtype=np.int32),
        np.zeros((threads, slots, len(sizes)), dtype=np.int64),
        low,
        first[:-1].astype(np.int64),
        np.array([p for level in levels for p in level], dtype=np.int64),
        np.array([p == level[-1] and level is not levels[-1] for level in levels for p in level]),
    )
    gate = Gate(np.zeros(8, dtype=np.int64), np.zeros((2, threads), dtype=np.int64), pause_address())
    all_cells = [
        tables.build_cells(compiled, [form.part(a, b) for form, a, b in zip(forms, low[k], low[k + 1], strict=True)], kinds, low[k], number)
        for k in range(threads)
    ]
    all_woven = [weave(compiled, forms, chosen, cells, low[k], low[k + 1]) for k, cells in enumerate(all_cells)]
    if spare and whole is not compiled:
        whole.release([q for q, how in enumerate(chosen.kind) if how == TIMED])
    rows = timed.lay_out(compiled, chosen, all_cells, all_woven, spare=spare)
    parts: list[Part] = []
    runs: list[list[Runs]] = []
    classes: list[learning.Class] = []
    kept: list[Any] = [compiled, chosen]
    for k, (cells, woven) in enumerate(zip(all_cells, all_woven, strict=True)):
        mine = [
            group(part, steps, int(low[k, part.post]), int(low[k + 1, part.post])) if how == LEARNED else no_runs(len(part.row_ptr) - 1)
            for part, steps, how in zip(compiled.projections, delays, chosen.kind, strict=True)
        ]
        classes.append(learning.build(compiled, mine, cells.size, learns, dt))
        # From here on the weights are those of the lessons.
        mine = [replace(run, weight=np.empty(0)) for run in mine]
        scratch, mail = _scratch(chosen, cells, delays, sizes, number), _mail(compiled, chosen, cells, delays, number)
        flows = currents.build(compiled, forms, signals, cells, low[k], low[k + 1], np.int64)
        here = np.zeros(1, dtype=np.int64)
        parts.append(
            Part(
                k, here, kernels, cells, woven.fabric, classes[k].tables, sent, scratch, _planes(chosen, cells), mail, rows[k], gate, flows
            )
        )
        runs.append(mine)
        kept.append(woven)
    machine = Machine(parts, forms, chosen, low, runs, classes, rest, window, kept)
    if start is None:
        return machine
    machine = restore(machine, compiled, start.arrays)
    for q in stopped - set(rest):
        access(machine, compiled).put(q, held[q])
    return machine


def _mail(compiled: CompiledSpiking, chosen: Plan, cells: Cells, delays: list[np.ndarray], number: type) -> Mail:
    longest = max((int(steps.max()) for steps, how in zip(delays, chosen.kind, strict=True) if how == SPREAD), default=0)
    posted = sum(len(part.target) for part, how in zip(compiled.projections, chosen.kind, strict=True) if how == SPREAD)
    slots = 1 << longest.bit_length()
    # A projection may have drawn no synapse at all; the columns of its targets are there all the same.
    width = int(cells.size @ cells.channels) if chosen.mailed.any() else 0
    # A slot has a row, and two blocks with their places in the pool.
    each = width * np.dtype(number).itemsize + 2 * BLOCK * (4 + np.dtype(number).itemsize)
    check_delays(f"the input written ahead for {slots} steps", slots * each)
    return empty_mail(slots, min(memory.MOST_LISTED, 2 * posted) // BLOCK + 2 * slots, width, number)


def _scratch(chosen: Plan, cells: Cells, delays: list[np.ndarray], sizes: list[int], number: type) -> Scratch:
    return Scratch(
        inputs=on_a_line(np.zeros(int(cells.size @ cells.channels), dtype=number)),
        marks=np.zeros(int(cells.first[-1]), dtype=np.uint8),
        mailed=chosen.mailed,
        lands=chosen.lands,
        listed=np.zeros((2, max(sizes)), dtype=np.int32),
        slots=np.zeros(max((len(steps) for steps in delays), default=1), dtype=np.int64),
        number=np.zeros(1, dtype=number),
    )


def _planes(chosen: Plan, cells: Cells) -> Planes | None:
    if BITS not in chosen.kind:
        return None
    words = int(np.max((cells.size + 63) // 64))
    counted = np.zeros(8 * words, dtype=np.uint64)
    return Planes(workspace(words), level_state(), SPREAD_TABLE, counted, counted.view(np.uint8))


def _reach(steps: np.ndarray, how: int) -> int:
    """Return for how many steps a spike may still be asked for through a projection: the mail keeps its own."""
    if how == LEARNED:
        # Behind a dendritic delay a postsynaptic spike meets a presynaptic one that arrives two delays later.
        return 2 * int(steps.max()) + 1
    return 0 if how == SPREAD else int(steps.max())


def _settle(compiled: CompiledSpiking, machine: Machine) -> None:
    """Bring all weights that are replayed up to the steps taken, and release the spike histories behind them."""
    for part, klass in zip(machine.parts, machine.classes, strict=True):
        part.fabric.strand["updates"] += learning.settled(klass, compiled, float(part.position[0]))


def _with_room(compiled: CompiledSpiking, machine: Machine) -> Machine:
    """Return the machine with room in all spike histories for at least one more window."""
    if not any(part.lessons.table["full"].any() for part in machine.parts):
        return machine
    _settle(compiled, machine)
    return machine._replace(classes=[learning.roomy(klass) for klass in machine.classes])
