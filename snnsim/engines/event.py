"""Event-driven runs: exact spike times off any grid, work only where a spike arrives or is due.

Everything that happens at one time is gathered before any neuron is tested; events of one time are ordered by what is due
before what arrives, then by projection and source. Synaptic operations are counted on arrival: spikes still under way at
the end of a run are counted by the run that continues it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking
from snnsim.engines import recording, tables
from snnsim.engines.runs import Runs, group
from snnsim.errors import CompileError, SimulationError
from snnsim.kernels.event import PAUSED, REACHED, STUCK, Agenda, run_event, settle_instant, touch_all
from snnsim.kernels.layout import Cells, Learning, Wiring
from snnsim.kernels.queue import Queue, empty_queue, grown
from snnsim.kernels.record import Log, Samples
from snnsim.models.spiking import EventForm
from snnsim.results import Result

_BUDGET = 4096  # instants in the first chunk
_KEPT = ("clocks", "scheduled", "now", "sampled")  # what a continued run needs of its agenda


class Machine(NamedTuple):
    """What `run_event` works on, in the order of its arguments."""

    kernels: tuple
    peeks: tuple
    cells: Cells
    wiring: Wiring
    learning: Learning
    agenda: Agenda
    queue: Queue

    @property
    def network(self) -> tuple[Cells, Wiring, Learning]:
        """The tables both engines share."""
        return self.cells, self.wiring, self.learning


def _forms(compiled: CompiledSpiking) -> list[EventForm | None]:
    return [model.event_form(population.size) for population, model in zip(compiled.populations, compiled.models, strict=True)]


def missing_forms(compiled: CompiledSpiking) -> list[str]:
    """Return the names of models that have no closed form between events."""
    return sorted({type(model).__name__ for model, form in zip(compiled.models, _forms(compiled), strict=True) if form is None})


def run(
    compiled: CompiledSpiking,
    *,
    duration: float,
    record: Mapping[str, list[str]],
    start: tables.RunState | None = None,
    progress: Callable[[float], None] | None = None,
    why: str = "",
) -> Result:
    """Run `compiled` for `duration` ms; see `engines.spiking.run_spiking`."""
    dt, (machine, runs) = compiled.dt, _build(compiled, start)
    began = 0.0 if start is None else start.time
    end = began + duration
    agenda, first_sample = machine.agenda, int(machine.agenda.sampled[0])
    log = recording.build_log(compiled, record, int(machine.cells.first[-1]))
    samples = recording.build_samples(compiled, record, max(0, _grid_points(end, dt) - first_sample))
    spikes: list[tuple[np.ndarray, ...]] = []
    chunks, cut, reached = tables.Chunks(_BUDGET), False, PAUSED
    try:
        if start is None:
            _begin(machine, log)
        while reached != REACHED:
            with chunks.timed() as budget:
                reached = run_event(end, budget, dt, *machine, log, samples)
            now = float(agenda.now[0])
            if reached == STUCK:
                raise SimulationError(f"Run is stuck at {now:g} ms: spikes cause spikes without time passing. Raise t_ref or the delays.")
            recording.drain(log, spikes)
            machine = _with_room(compiled, machine, now)
            tables.report(progress, 1.0 if reached == REACHED else (now - began) / duration)
    except KeyboardInterrupt:
        cut, end = True, max(began, float(agenda.now[0]))
    recording.drain(log, spikes)
    _end_samples(agenda, samples, _grid_points(end, dt), first_sample)
    cells, wiring, learning = machine.network
    return Result(
        counts=recording.counts("event", compiled, cells.tally, wiring.tally),
        engine="event",
        why=why,
        duration=end - began,
        spikes=recording.spike_trains(compiled, record, spikes, 1.0, end - began),
        recordings=recording.recordings(compiled, samples, first_sample, dt),
        weights=tables.current_weights(compiled, [wiring], [learning], [runs], end, _in_flight(machine.queue, len(cells.size))),
        state=tables.RunState("event", dt, compiled.seed, compiled.digest, end, _saved(machine)),
        cut=cut,
    )


def _build(compiled: CompiledSpiking, start: tables.RunState | None) -> tuple[Machine, list[Runs]]:
    """Lay out the network, as at time 0 or as `start` left it."""
    missing = missing_forms(compiled)
    if missing:
        raise CompileError(f'{", ".join(missing)} has no closed form between events. Use engine="clock".')
    forms: list[Any] = _forms(compiled)
    pairs, kinds = tables.kernel_tuple([(form.advance, form.peek) for form in forms])
    kernels, peeks = (tuple(pair[k] for pair in pairs) for k in (0, 1))
    everybody = np.zeros(len(forms), dtype=np.int64)
    cells = tables.build_cells(compiled, [(form.state, form.coef) for form in forms], kinds, everybody)
    runs = [group(part, part.delay) for part in compiled.projections]
    wiring = tables.build_wiring(compiled, cells, runs, np.float64)
    learning = tables.build_learning(compiled, cells, runs, 1.0)
    agenda, queue = _agenda(compiled, cells), empty_queue(_reserve(cells, wiring))
    if start is not None:
        tables.check_start(start, compiled, "event")
        cells, wiring, learning = tables.restored(start, cells, wiring, learning)
        agenda = agenda._replace(**{name: start.arrays[f"agenda.{name}"].copy() for name in _KEPT})
        stored = Queue(*(start.arrays[f"queue.{name}"] for name in Queue._fields))
        queue = grown(stored, max(len(queue.time), len(stored.time)))
    return Machine(kernels, peeks, cells, wiring, learning, agenda, queue), runs


def _saved(machine: Machine) -> dict[str, np.ndarray]:
    """Return the arrays that `_build` restores."""
    arrays = tables.saved(machine.cells, machine.wiring, machine.learning)
    arrays |= {f"agenda.{name}": getattr(machine.agenda, name) for name in _KEPT}
    # Only the events in it: the room behind them was never written.
    used = int(machine.queue.size[0])
    return arrays | {f"queue.{name}": array if name == "size" else array[:used] for name, array in machine.queue._asdict().items()}


def _with_room(compiled: CompiledSpiking, machine: Machine, now: float) -> Machine:
    """Return the machine with room in the spike histories and in the queue for at least one more instant."""
    if machine.learning.full[0]:
        machine = machine._replace(learning=tables.make_room(compiled, *machine.network, now, 1.0))
    capacity = len(machine.queue.time)
    if capacity - machine.queue.size[0] < _reserve(machine.cells, machine.wiring):
        machine = machine._replace(queue=grown(machine.queue, 2 * capacity))
    return machine


def _grid_points(t: float, dt: float) -> int:
    """Return the number of grid points in (0, t]; a time within rounding of one has reached it."""
    return int(np.floor(t / dt * (1.0 + 1e-12) + 1e-9))


def _end_samples(agenda: Agenda, samples: Samples, due: int, first: int) -> None:
    """Keep the samples up to the end of the run alone, and let the run that continues it begin with the next one.

    due : int   grid points up to the end. A run looks ahead up to its next event, which a cut run then has not reached;
    or it is cut with an instant left at the very time of a sample, and has not taken that one yet.
    """
    if samples.population.size:
        samples.size[0] = min(int(samples.size[0]), max(0, due - first))
        agenda.sampled[0] = first + samples.size[0]
    else:
        agenda.sampled[0] = due


def _reserve(cells: Cells, wiring: Wiring) -> int:
    """Return the places one instant may need: every neuron fires into every projection and is queued again."""
    return int(np.sum(cells.size * (1 + np.diff(wiring.out_ptr)))) + 1


def _agenda(compiled: CompiledSpiking, cells: Cells) -> Agenda:
    n = int(cells.first[-1])
    clocks = np.concatenate([np.repeat([0.0, -np.inf, np.inf], size) for size in cells.size])
    return Agenda(
        clocks=clocks,
        scheduled=np.full(n, np.inf),
        inputs=np.zeros(int(cells.size @ cells.channels)),
        marked=np.zeros(n, dtype=bool),
        touched=np.empty(n, dtype=np.int32),
        n_touched=np.zeros(len(cells.size), dtype=np.int64),
        fired=np.empty(int(cells.size.max()), dtype=np.int32),
        look=np.empty(int((cells.size * cells.state_rows).max())),
        now=np.array([-np.inf, 0.0, -np.inf]),
        sampled=np.zeros(1, dtype=np.int64),
    )


def _begin(machine: Machine, log: Log) -> None:
    """Let every neuron foresee its first spike: an instant at time 0 at which all are touched and none is due."""
    touch_all(machine.cells, machine.agenda)
    with tables.Chunks(1).timed():
        settle_instant(0.0, machine.kernels, *machine.network, machine.agenda, machine.queue, log)
    machine.cells.tally[:] = 0


def _in_flight(queue: Queue, n_populations: int) -> tuple[np.ndarray, ...]:
    """Return (projection, run, origin) of queued arrivals, in order of origin."""
    size = int(queue.size[0])
    arrivals = np.flatnonzero(queue.priority[:size] >= n_populations)
    arrivals = arrivals[np.lexsort((queue.id[arrivals], queue.priority[arrivals], queue.origin[arrivals]))]
    return queue.priority[arrivals] - n_populations, queue.id[arrivals], queue.origin[arrivals]
