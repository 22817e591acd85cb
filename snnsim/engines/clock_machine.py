"""What the clock loop works on: a network laid out for a number of threads, as at the start, as a state left it, or rewired."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking, settling_order
from snnsim.engines import currents, footprint, learning, lessons, reward, tables, timed
from snnsim.engines.clock_state import Reach, restore, weight_of
from snnsim.engines.fabric import Plan, plan, weave
from snnsim.engines.limits import check_delays, check_single
from snnsim.engines.parts import cut_populations
from snnsim.engines.rewire import as_wired
from snnsim.engines.runs import Runs, group, no_runs
from snnsim.engines.voltage import potential
from snnsim.kernels.bits import SPREAD as SPREAD_TABLE
from snnsim.kernels.bits import level_state, workspace
from snnsim.kernels.call import addresses
from snnsim.kernels.current import Currents
from snnsim.kernels.layout import BITS, LEARNED, SPREAD, TIMED, Cells, Fabric, Gate, Planes, Scratch, Sent
from snnsim.kernels.lessons import AHEAD, Lessons
from snnsim.kernels.mail import BLOCK, Mail, empty_mail
from snnsim.kernels.marks import BYTES
from snnsim.kernels.memory import on_a_line
from snnsim.kernels.single import in_single
from snnsim.kernels.threads import pause_address
from snnsim.kernels.timed import Timed
from snnsim.models.spiking import ClockForm, whole_steps

_LONGEST_WINDOW = 64  # steps: the spikes of a window stay in the cache
_MOST_AHEAD = AHEAD - 2  # steps a plastic network may run before Python looks at its spike histories


class Part(NamedTuple):
    """What one thread works on, in the order of the arguments of `run_clock`."""

    number: int
    position: np.ndarray  # int64[1]  steps taken
    kernels: np.ndarray
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
    courses: list[lessons.Course]
    rest: dict[int, np.ndarray]  # weights of plastic projections that do not learn in this run and are kept as static ones
    window: int
    held: list[Any]  # arrays and kernels the parts know by address


def delay_steps(compiled: CompiledSpiking) -> list[np.ndarray]:
    """Return the delays of each projection in steps. Raises ParameterError when one is off the grid.

    A delay of 0 acts in the step of its spike, and must then be that of the whole projection.
    """
    return [
        whole_steps(f"Projection({part.name}).delay", part.delay, compiled.dt, least=int(part.which is not None or part.delay[0] > 0.0))
        for part in compiled.projections
    ]


def build(
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
        learned = build(compiled, start, threads, precision, stopped) if stopped else None
        held |= {q: weight_of(learned, compiled, q) for q in stopped}
    whole = compiled
    compiled, rest = learning.at_rest(whole, learns, held)
    dt, number = compiled.dt, {"double": np.float64, "single": np.float32}[precision]
    forms = [model.clock_form(population.size, dt) for population, model in zip(compiled.populations, compiled.models, strict=True)]
    forms = currents.widened(compiled, forms)
    signals = [current.signal.clock_form(dt) for current in compiled.currents]
    steps = [form.step if precision == "double" else in_single(form.step) for form in forms]
    different, kinds = tables.distinct(steps)
    kernels = addresses(different)
    if precision == "single":
        check_single(compiled, forms)
    delays = delay_steps(compiled)
    chosen = plan(compiled, forms, delays)
    sizes = [population.size for population in compiled.populations]
    low = cut_populations(sizes, threads)
    released = reward.release_steps(compiled, learns)
    window = _window(delays, threads, released if learns else None)
    longest = max([0, *released, *(_reach(steps, how) for steps, how in zip(delays, chosen.kind, strict=True))])
    sent = _sent(compiled, low, longest + 2 * window + 1)
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
    courses: list[lessons.Course] = []
    kept: list[Any] = [compiled, chosen, different]
    for k, (cells, woven) in enumerate(zip(all_cells, all_woven, strict=True)):
        mine = [
            group(part, steps, int(low[k, part.post]), int(low[k + 1, part.post])) if how == LEARNED else no_runs(len(part.row_ptr) - 1)
            for part, steps, how in zip(compiled.projections, delays, chosen.kind, strict=True)
        ]
        courses.append(lessons.build(compiled, mine, cells.size, learns, dt, potential=potential(compiled, cells)))
        # From here on the weights are those of the lessons.
        mine = [replace(run, weight=np.empty(0)) for run in mine]
        scratch, mail = _scratch(chosen, cells, delays, sizes, number), _mail(compiled, chosen, cells, delays, number)
        flows = currents.build(compiled, forms, signals, cells, low[k], low[k + 1], np.int64)
        here = np.zeros(1, dtype=np.int64)
        parts.append(
            Part(
                k, here, kernels, cells, woven.fabric, courses[k].tables, sent, scratch, _planes(chosen, cells), mail, rows[k], gate, flows
            )
        )
        runs.append(mine)
        kept.append(woven)
    machine = Machine(parts, forms, chosen, low, runs, courses, rest, window, kept)
    if start is None:
        return machine
    machine = restore(machine, compiled, start.arrays)
    for q in stopped - set(rest):
        Reach(machine, compiled).put(q, held[q])
    return machine


def moved(
    learns: frozenset[int], precision: str, machine: Machine, compiled: CompiledSpiking, arrays: dict[str, np.ndarray]
) -> tuple[Machine, CompiledSpiking]:
    """Return the machine laid out anew with the synapses as in `arrays`, and the network; what was counted is kept."""
    rewired = as_wired(compiled, arrays)
    time = float(arrays["position"][0]) * compiled.dt
    state = tables.RunState("clock", compiled.dt, compiled.seed, compiled.digest, time, arrays, precision)
    fresh = build(rewired, state, len(machine.parts), precision, learns)
    for new, old in zip(fresh.parts, machine.parts, strict=True):
        new.cells.tally[:] = old.cells.tally
        for name in ("synops", "updates"):
            new.fabric.strand[name] = old.fabric.strand[name]
    return fresh, rewired


def _window(delays: list[np.ndarray], threads: int, released: list[int] | None) -> int:
    """Return the steps between two meetings of the threads. released : delays of dopamine; None: nothing learns"""
    window = min([_LONGEST_WINDOW, *(int(steps.min()) for steps in delays if steps[0] > 0)]) if threads > 1 else 1
    return window if released is None else min([window, _MOST_AHEAD, *released])


def _sent(compiled: CompiledSpiking, low: np.ndarray, slots: int) -> Sent:
    """Return room for the spikes of the last `slots` steps, and the order in which populations take one."""
    sizes, levels = low[-1], settling_order(compiled)
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    check_delays(f"the spikes of {slots} steps, for the longest delay,", 8 * slots * int(first[-1]))
    return Sent(
        np.zeros((slots, 2 * int(first[-1])), dtype=np.int32),
        np.zeros((len(low) - 1, slots, len(sizes)), dtype=np.int64),
        low,
        first[:-1],
        np.array([p for level in levels for p in level], dtype=np.int64),
        np.array([p == level[-1] and level is not levels[-1] for level in levels for p in level]),
    )


def _mail(compiled: CompiledSpiking, chosen: Plan, cells: Cells, delays: list[np.ndarray], number: type) -> Mail:
    longest = max((int(steps.max()) for steps, how in zip(delays, chosen.kind, strict=True) if how == SPREAD), default=0)
    posted = sum(len(part.target) for part, how in zip(compiled.projections, chosen.kind, strict=True) if how == SPREAD)
    slots = 1 << longest.bit_length()
    # A projection may have drawn no synapse at all; the columns of its targets are there all the same.
    width = int(cells.size @ cells.channels) if chosen.mailed.any() else 0
    # A slot has a row, and two blocks with their places in the pool.
    each = width * np.dtype(number).itemsize + 2 * BLOCK * (4 + np.dtype(number).itemsize)
    check_delays(f"the input written ahead for {slots} steps", slots * each)
    return empty_mail(slots, min(footprint.MOST_LISTED, 2 * posted) // BLOCK + 2 * slots, width, number)


def _scratch(chosen: Plan, cells: Cells, delays: list[np.ndarray], sizes: list[int], number: type) -> Scratch:
    return Scratch(
        inputs=on_a_line(np.zeros(int(cells.size @ cells.channels), dtype=number)),
        marks=np.zeros(-(-int(cells.first[-1]) // BYTES) * BYTES, dtype=np.uint8),
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
