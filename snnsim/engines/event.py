"""Event-driven runs: exact spike times off any grid, work only where a spike arrives or is due.

Everything that happens at one time is gathered before any neuron is tested; events of one time are ordered by what is due
before what arrives, then by projection and source. Synaptic operations are counted on arrival: spikes still under way at
the end of a run are counted by the run that continues it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking
from snnsim.engines import recording, tables
from snnsim.engines.event_machine import build as _build
from snnsim.engines.event_machine import missing_forms as missing_forms
from snnsim.engines.event_machine import saved, under_way, with_room
from snnsim.errors import ParameterError, SimulationError
from snnsim.kernels.arrivals import Agenda
from snnsim.kernels.event import PAUSED, REACHED, STORM, STORM_SPIKES, STUCK, run_event
from snnsim.kernels.record import Samples
from snnsim.results import Result

_BUDGET = 4096  # instants in the first chunk


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
    if samples.population.size and not len(samples.values):
        raise ParameterError(
            f"simulate.duration = {duration:g} ms must reach the next sample, at {(first_sample + 1) * dt:g} ms: recorded states are "
            f"sampled at multiples of dt = {dt:g} ms. Run longer, choose a smaller dt, or record spikes alone."
        )
    spikes: list[tuple[np.ndarray, ...]] = []
    chunks, cut, reached = tables.Chunks(_BUDGET), False, PAUSED
    try:
        while reached != REACHED:
            with chunks.timed() as budget:
                reached = run_event(end, budget, dt, *machine, log, samples)
            now = float(agenda.now[0])
            if reached in (STUCK, STORM):
                raise SimulationError(_why_stopped(compiled, agenda, now))
            recording.drain(log, spikes)
            machine = with_room(compiled, machine, now)
            tables.report(progress, 1.0 if reached == REACHED else (now - began) / duration)
    except KeyboardInterrupt:
        cut, end = True, max(began, float(agenda.now[0]))
    recording.drain(log, spikes)
    _end_samples(agenda, samples, _grid_points(end, dt), first_sample)
    cells, wiring, learning = machine.network
    # What is pending is applied now, so that its count does not depend on when Python last looked.
    tables.apply_pending(compiled, cells, wiring, learning, end, 1.0)
    return Result(
        counts=recording.counts("event", compiled, cells.tally, wiring.tally),
        engine="event",
        why=why,
        duration=end - began,
        spikes=recording.spike_trains(compiled, record, spikes, 1.0, end - began),
        recordings=recording.recordings(compiled, samples, first_sample, dt),
        weights=tables.current_weights(compiled, [wiring], [learning], [runs], end, under_way(machine)),
        state=tables.RunState("event", dt, compiled.seed, compiled.digest, end, saved(machine)),
        cut=cut,
    )


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


def _why_stopped(compiled: CompiledSpiking, agenda: Agenda, now: float) -> str:
    """Return the text for a run in which spikes follow each other too closely for it to end."""
    p, neuron, took = agenda.storm
    if p < 0:
        return f"Run is stuck at {now:g} ms: spikes cause spikes without time passing. Raise t_ref or the delays."
    rate = f"{STORM_SPIKES / took * 1e3:.2g} Hz" if took > 0.0 else "an infinite rate: time does not pass"
    return (
        f"Run is stuck at {now:g} ms: neuron {int(neuron)} of population {compiled.populations[int(p)].name!r} fires at {rate}. "
        "Raise t_ref, or lower i_ext or the weights that drive it."
    )
