"""What the event loop works on: laid out for a network, as at the start or as a state left it, and given room while it runs."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from snnsim.compiler.spiking import CompiledProjection, CompiledSpiking, settling_order
from snnsim.engines import currents, learning, lessons, tables
from snnsim.engines.event_state import KEPT, Reach, weight_of
from snnsim.engines.reward import check_events
from snnsim.engines.rewire import structural
from snnsim.engines.runs import Runs, group
from snnsim.errors import CompileError
from snnsim.kernels.arrivals import Agenda, Plan
from snnsim.kernels.call import addresses
from snnsim.kernels.current import Currents, change_currents
from snnsim.kernels.dues import Dues, empty_dues
from snnsim.kernels.layout import DUE, Cells, Wiring
from snnsim.kernels.lessons import Lessons
from snnsim.kernels.queue import Lines, Queue, empty_queue, grown, lined_up, waiting
from snnsim.models.spiking import EventForm


class Machine(NamedTuple):
    """What `run_event` works on, in the order of its arguments."""

    kernels: np.ndarray
    peeks: np.ndarray
    cells: Cells
    wiring: Wiring
    lessons: Lessons
    plan: Plan
    agenda: Agenda
    queue: Queue
    lines: Lines
    dues: Dues
    currents: Currents


def missing_forms(compiled: CompiledSpiking) -> list[str]:
    """Return the names of models that have no closed form between events."""
    return sorted({type(model).__name__ for model, form in zip(compiled.models, _forms(compiled), strict=True) if form is None})


def _forms(compiled: CompiledSpiking) -> list[EventForm | None]:
    driven = currents.driven(compiled)
    return [
        (model.driven_form if p in driven else model.event_form)(population.size)
        for p, (population, model) in enumerate(zip(compiled.populations, compiled.models, strict=True))
    ]


class Desk(NamedTuple):
    """What Python keeps beside the machine: synapses by run, and what learns."""

    runs: list[Runs]
    course: lessons.Course
    rest: dict[int, np.ndarray]  # weights of plastic projections that do not learn in this run and are kept as static ones
    kernels: list[Any]  # what the machine knows by address


def build(compiled: CompiledSpiking, start: tables.RunState | None, learns: frozenset[int] = frozenset()) -> tuple[Machine, Desk]:
    """Lay out the network, as at time 0 or as `start` left it."""
    forms: list[Any] = _forms(compiled)
    if any(form is None for form in forms):
        raise CompileError(f'{", ".join(missing_forms(compiled))} has no closed form between events. Use engine="clock".')
    if structural(compiled):
        names = ", ".join(compiled.projections[q].name for q in structural(compiled))
        raise CompileError(f'Projection({names}).plasticity moves synapses, which the event engine cannot. Use engine="clock".')
    if currents.random_or_smooth(compiled):
        names = ", ".join(currents.random_or_smooth(compiled))
        raise CompileError(f'{names} changes at every moment or at random: no neuron has a closed form under it. Use engine="clock".')
    check_events(compiled)
    forms = currents.widened(compiled, forms)
    held, stopped = {}, learning.stopped(compiled, learns, {} if start is None else start.arrays)
    if start is not None:
        tables.check_start(start, compiled, "event")
        held = learning.held_weights(compiled, start.arrays)
        # What was pending when they stopped is part of their weights.
        if stopped:
            machine, desk = build(compiled, start, stopped)
            held |= {q: weight_of(compiled, machine, desk, q, start.time) for q in stopped}
    compiled, rest = learning.at_rest(compiled, learns, held)
    pairs, kinds = tables.distinct([(form.advance, form.peek) for form in forms])
    kernels, peeks = (addresses(pair[k] for pair in pairs) for k in (0, 1))
    whole = np.zeros(len(forms), dtype=np.int64)
    cells = tables.build_cells(compiled, [(form.state, form.coef) for form in forms], kinds, whole)
    runs = [group(part, part.delay) for part in compiled.projections]
    plastic = [part.plasticity is not None for part in compiled.projections]
    runs = [replace(run, weight=lessons.one_each(run)) if own else run for run, own in zip(runs, plastic, strict=True)]
    wiring = tables.build_wiring(compiled, cells, runs)
    course = lessons.build(compiled, runs, cells.size, learns, None, lambda q: _weights(wiring, q, runs[q]))
    runs = [replace(run, weight=np.empty(0)) if own else run for run, own in zip(runs, plastic, strict=True)]
    agenda, dues = _agenda(compiled, cells), empty_dues(int(cells.first[-1]))
    lines = _lines(compiled)
    plan = _plan(compiled, cells, wiring, forms, runs, lines)
    queue = empty_queue(2 * int(plan.reserve[0]))
    if start is not None:
        cells = cells._replace(state=start.arrays["cells.state"].copy())
        of = cells.size[wiring.post]
        course = learning.restored(course, compiled, runs, np.zeros_like(of), of, start.arrays)
        agenda = agenda._replace(**{name: start.arrays[f"agenda.{name}"].copy() for name in KEPT})
        stored = Queue(*(start.arrays[f"queue.{name}"] for name in Queue._fields))
        queue = grown(stored, max(len(queue.time), len(stored.time)))
        lines = _with_waiting(compiled, lines, *(start.arrays[f"lines.{name}"] for name in ("under_way", "origin", "run")))
    signals: list[Any] = [current.signal.event_form() for current in compiled.currents]
    flows = currents.build(compiled, forms, signals, cells, whole, cells.size, np.float64)
    reached = 0.0 if start is None else start.time
    if start is not None and compiled.currents and start.arrays["current.between"][0]:
        # Cut within a change: it is still to come.
        flows.between[0], reached = 1, np.nextafter(reached, -np.inf)
    for p in currents.driven(compiled):
        # What has changed by then is not an event to come.
        change_currents(reached, p, cells, flows)
    machine = Machine(kernels, peeks, cells, wiring, course.tables, plan, agenda, queue, lines, dues, flows)
    desk = Desk(runs, course, rest, pairs)
    for q in stopped - set(rest):
        Reach(compiled, machine, desk, reached).put(q, held[q])
    return machine, desk


def needed(machine: Machine) -> Machine:
    """Return what the loop needs of the machine. A driver for None has no code for what is absent: it compiles sooner."""
    absent: dict[str, Any] = {}
    if not machine.lessons.table["n_classes"].any():
        absent["lessons"] = None
    if not len(machine.currents.kind):
        absent["currents"] = None
    return machine._replace(**absent)


def _weights(wiring: Wiring, q: int, runs: Runs) -> np.ndarray:
    """Return a view of the weights of a projection that has one per synapse, by run."""
    first = int(wiring.weight_first[q])
    return wiring.weight[first : first + len(runs.target)]


def catch_up(compiled: CompiledSpiking, machine: Machine, desk: Desk, now: float) -> None:
    """Bring the weights up to `now`, but for what spikes under way may read, and release the spike histories behind them."""
    machine.wiring.tally[:, 1] += learning.settled(desk.course, compiled, now)


def with_room(compiled: CompiledSpiking, machine: Machine, desk: Desk, now: float) -> tuple[Machine, Desk]:
    """Return both with room in the spike histories and in the queues for at least one more instant."""
    if machine.lessons.table["full"].any():
        catch_up(compiled, machine, desk, now)
        desk = desk._replace(course=learning.roomy(desk.course))
    if machine.lines.tight[0]:
        _, origin, run = waiting(machine.lines)
        machine = machine._replace(lines=_with_waiting(compiled, machine.lines, machine.lines.under_way, origin, run))
    capacity = len(machine.queue.time)
    if capacity - machine.queue.size[0] < machine.plan.reserve[0]:
        machine = machine._replace(queue=grown(machine.queue, 2 * capacity))
    return machine, desk


def _n_pre(compiled: CompiledSpiking) -> np.ndarray:
    return np.array([len(part.row_ptr) - 1 for part in compiled.projections], dtype=np.int64)


def _lines(compiled: CompiledSpiking) -> Lines:
    """Return empty lines for the projections whose spikes all take the same time, longer than none."""
    delay = np.array([_one_delay(part) for part in compiled.projections], dtype=np.float64)
    return lined_up(delay, _n_pre(compiled), np.zeros(len(delay), np.int64), np.empty(0), np.empty(0, np.int64))


def _one_delay(part: CompiledProjection) -> float:
    return float(part.delay[0]) if part.which is None and part.delay[0] > 0.0 else np.nan


def _with_waiting(compiled: CompiledSpiking, lines: Lines, n: np.ndarray, origin: np.ndarray, run: np.ndarray) -> Lines:
    """Return lines with these spikes in them, and the memory they need."""
    return lined_up(lines.delay, _n_pre(compiled), n, origin, run)


def _plan(compiled: CompiledSpiking, cells: Cells, wiring: Wiring, forms: list[EventForm], runs: list[Runs], lines: Lines) -> Plan:
    n_pre = _n_pre(compiled)
    watched = [(int(cells.first[p]), int(cells.size[p])) for p, form in enumerate(forms) if form.fade is None]
    regular = [bool(np.all(np.diff(run.row_ptr) == 1)) for run in runs]
    return Plan(
        order=np.array(list(chain(*settling_order(compiled))), dtype=np.int64),
        frozen=np.array([form.fade is not None for form in forms]),
        fade=np.array([form.fade or 0.0 for form in forms], dtype=np.float64),
        distinct=np.array([_alone(part, run) for part, run in zip(compiled.projections, runs, strict=True)], dtype=bool),
        watched=np.array([[3 * first + DUE * n, n, first] for first, n in watched], dtype=np.int64).reshape(-1, 3).T.copy(),
        run_first=np.where(regular, wiring.row_ptr[wiring.row_first], np.iinfo(np.int64).min).astype(np.int64),
        # The first of every line, and a spike of every neuron in the other projections.
        reserve=np.array([len(n_pre) + int(n_pre[lines.room == 0].sum()) + 1]),
    )


def _alone(part: CompiledProjection, runs: Runs) -> bool:
    """Whether a run may strike without being added up: no two synapses to one target, and weights that are released whole."""
    if part.plasticity is not None and part.plasticity.release is not None:
        return False
    repeated = runs.target[1:] == runs.target[:-1]
    repeated[runs.run_ptr[1:-1] - 1] = False
    return not repeated.any()


def _agenda(compiled: CompiledSpiking, cells: Cells) -> Agenda:
    n, populations = int(cells.first[-1]), len(cells.size)
    clocks = np.concatenate([np.repeat([0.0, -np.inf, np.inf], size) for size in cells.size])
    return Agenda(
        clocks=clocks,
        inputs=np.zeros(int(cells.size @ cells.channels)),
        marked=np.zeros(n, dtype=bool),
        touched=np.empty(n, dtype=np.int32),
        n_touched=np.zeros(populations, dtype=np.int64),
        held=np.zeros((populations, 2), dtype=np.int64),
        origin=np.zeros(populations),
        n_held=np.zeros(populations, dtype=np.int64),
        fired=np.empty(int(cells.size.max()), dtype=np.int32),
        look=np.empty(int((cells.size * cells.state_rows).max())),
        now=np.array([-np.inf, 0.0, -np.inf]),
        spikes=np.zeros(n, dtype=np.uint8),
        since=np.full(n, -np.inf),
        storm=np.array([-1.0, 0.0, 0.0]),
        sampled=np.zeros(1, dtype=np.int64),
    )
