"""Event-driven runs: exact spike times off any grid, work only where a spike arrives or is due.

Everything that happens at one time is gathered before any neuron is tested; events of one time are ordered by what is due
before what arrives, then by projection and source. Synaptic operations are counted on arrival: spikes still under way at
the end of a run are counted by the run that continues it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking
from snnsim.engines import recording, tables
from snnsim.errors import CompileError, SimulationError
from snnsim.kernels.event import STUCK, Agenda, run_event, settle_instant, touch_all
from snnsim.kernels.layout import Cells, Learning, Wiring
from snnsim.kernels.queue import Queue, empty_queue, grown
from snnsim.kernels.record import Log
from snnsim.models.spiking import EventForm
from snnsim.results import Result

_BUDGET = 4096  # instants in the first chunk


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
    missing = missing_forms(compiled)
    if missing:
        raise CompileError(f'{", ".join(missing)} has no closed form between events. Use engine="clock".')
    dt = compiled.dt
    forms: list[Any] = _forms(compiled)
    pairs, kinds = tables.kernel_tuple([(form.advance, form.peek) for form in forms])
    kernels, peeks = (tuple(pair[k] for pair in pairs) for k in (0, 1))
    cells = tables.build_cells(compiled, forms, kinds)
    wiring = tables.build_wiring(compiled, cells, [part.delay for part in compiled.projections], np.float64)
    learning = tables.build_learning(compiled, 1.0)
    agenda, queue = _agenda(compiled, cells), empty_queue(_reserve(cells, wiring))
    began = 0.0
    if start is not None:
        tables.check_start(start, compiled, "event")
        cells, wiring, learning = tables.restored(start, cells, wiring, learning)
        held = {name: start.arrays[f"agenda.{name}"].copy() for name in ("clocks", "scheduled", "now")}
        agenda = agenda._replace(**held)
        stored = Queue(*(start.arrays[f"queue.{name}"] for name in Queue._fields))
        queue, began = grown(stored, max(len(queue.time), len(stored.time))), start.time
    end = began + duration
    first_sample = int(np.floor(began / dt * (1.0 + 1e-12) + 1e-9))
    n_samples = int(np.floor(end / dt * (1.0 + 1e-12) + 1e-9)) - first_sample
    agenda.sampled[0] = first_sample
    log, samples = recording.build_log(compiled, record), recording.build_samples(compiled, record, n_samples)
    spikes: list[tuple[np.ndarray, ...]] = []
    chunks, cut, reached = tables.Chunks(_BUDGET), False, -1
    try:
        if start is None:
            _begin(kernels, cells, wiring, learning, agenda, queue, log)
        while reached != 0:
            with chunks.timed() as budget:
                reached = run_event(end, budget, dt, kernels, peeks, cells, wiring, learning, agenda, queue, log, samples)
            now = float(agenda.now[0])
            if reached == STUCK:
                raise SimulationError(f"Run is stuck at {now:g} ms: spikes cause spikes without time passing. Raise t_ref or the delays.")
            recording.drain(log, spikes)
            if learning.full[0]:
                learning = tables.make_room(compiled, cells, wiring, learning, now, 1.0)
            if len(queue.time) - queue.size[0] < _reserve(cells, wiring):
                queue = grown(queue, 2 * len(queue.time))
            tables.report(progress, 1.0 if reached == 0 else (now - began) / duration)
    except KeyboardInterrupt:
        cut, end = True, max(began, float(agenda.now[0]))
    state = tables.saved(cells, wiring, learning)
    state |= {f"agenda.{name}": getattr(agenda, name) for name in ("clocks", "scheduled", "now")}
    state |= {f"queue.{name}": array for name, array in queue._asdict().items()}
    return Result(
        counts=recording.counts(compiled, cells, wiring),
        engine="event",
        why=why,
        duration=end - began,
        spikes=recording.spike_trains(compiled, log, spikes, 1.0, end - began),
        recordings=recording.recordings(compiled, samples, first_sample, dt),
        weights=tables.current_weights(compiled, wiring, learning, end, _in_flight(queue, len(cells.size))),
        state=tables.RunState("event", dt, compiled.seed, compiled.shape, end, state),
        cut=cut,
    )


def _reserve(cells: Cells, wiring: Wiring) -> int:
    """Return the places one instant may need: every neuron fires into every projection and is queued again."""
    return int(np.sum(cells.size * (1 + np.diff(wiring.out_ptr)))) + 1


def _agenda(compiled: CompiledSpiking, cells: Cells) -> Agenda:
    n = int(cells.first[-1])
    clocks = np.concatenate([np.repeat([0.0, -np.inf, np.inf], size) for size in cells.size])
    return Agenda(
        clocks=clocks,
        scheduled=np.full(n, np.inf),
        inputs=np.zeros(tables.input_width(compiled)),
        marked=np.zeros(n, dtype=bool),
        touched=np.empty(n, dtype=np.int32),
        n_touched=np.zeros(len(cells.size), dtype=np.int64),
        fired=np.empty(int(cells.size.max()), dtype=np.int32),
        look=np.empty(int((cells.size * cells.state_rows).max())),
        now=np.array([-np.inf, 0.0, -np.inf]),
        sampled=np.zeros(1, dtype=np.int64),
    )


def _begin(kernels: tuple, cells: Cells, wiring: Wiring, learning: Learning, agenda: Agenda, queue: Queue, log: Log) -> None:
    """Let every neuron foresee its first spike: an instant at time 0 at which all are touched and none is due."""
    touch_all(cells, agenda)
    with tables.Chunks(1).timed():
        settle_instant(0.0, kernels, cells, wiring, learning, agenda, queue, log)
    cells.tally[:] = 0


def _in_flight(queue: Queue, n_populations: int) -> tuple[np.ndarray, ...]:
    """Return (projection, run, origin) of queued arrivals, in order of origin."""
    size = int(queue.size[0])
    arrivals = np.flatnonzero(queue.priority[:size] >= n_populations)
    arrivals = arrivals[np.lexsort((queue.id[arrivals], queue.priority[arrivals], queue.origin[arrivals]))]
    return queue.priority[arrivals] - n_populations, queue.id[arrivals], queue.origin[arrivals]
