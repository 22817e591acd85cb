"""Event-driven runs: exact spike times off any grid, work only where a spike arrives or is due.

Everything that happens at one time is gathered before any neuron is tested; events of one time are ordered by what is due
before what arrives, then by projection and source. Synaptic operations are counted on arrival: spikes still under way at
the end of a run are counted by the run that continues it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from snnsim.compiler.spiking import CompiledSpiking
from snnsim.engines import tables
from snnsim.engines.counting import counts, wiring
from snnsim.engines.event_machine import Machine, catch_up, needed, with_room
from snnsim.engines.event_machine import build as _build
from snnsim.engines.event_machine import missing_forms as missing_forms
from snnsim.engines.event_state import Reach, saved, weights_of
from snnsim.engines.interrupts import Interrupts
from snnsim.engines.live import Live, listeners, play_times
from snnsim.engines.recording import Recorder, open_writer
from snnsim.engines.takes import Take, WeightTake, grid_points
from snnsim.engines.upkeep import Upkeep, weight_columns
from snnsim.errors import SimulationError
from snnsim.kernels.arrivals import Agenda
from snnsim.kernels.event import PAUSED, REACHED, STORM, STORM_SPIKES, STUCK, run_event
from snnsim.kernels.record import Samples
from snnsim.results import Result

_BUDGET = 4096  # instants in the first chunk


def run(
    compiled: CompiledSpiking,
    *,
    duration: float,
    record: Sequence[Take],
    start: tables.RunState | None = None,
    progress: Callable[[float], None] | None = None,
    why: str = "",
    stream: Path | None = None,
    learns: frozenset[int] = frozenset(),
    weights: Sequence[WeightTake] = (),
) -> Result:
    """Run `compiled` for `duration` ms; see `engines.spiking.run_spiking`."""
    dt, (machine, desk) = compiled.dt, _build(compiled, start, learns)
    began = 0.0 if start is None else start.time
    end = began + duration
    agenda, first = machine.agenda, int(machine.agenda.sampled[0])
    writer = open_writer(stream, compiled, record, "event", began, weight_columns(compiled, weights))
    upkeep = Upkeep(compiled, began, learns, weights, {} if start is None else start.arrays, writer)
    last, heard = max(first, grid_points(end, dt)), [*listeners(compiled), *upkeep.heard]
    recorder = Recorder(compiled, record, unit=1.0, first=first, last=last, writer=writer, heard=heard)
    log, samples = recorder.log(int(machine.cells.first[-1])), recorder.samples()
    live = Live(compiled, began, end, recorder)
    chunks, cut, now, reached = tables.Chunks(_BUDGET), False, began, PAUSED
    with Interrupts() as interrupts, closing(recorder):
        try:
            while reached != REACHED or now < end:
                if reached == REACHED or now == began:
                    machine = _fed(machine, live, now, interrupts)
                with chunks.timed() as budget:
                    until = min(end, live.next, upkeep.next, (int(agenda.sampled[0]) + recorder.most) * dt)
                    reached = run_event(until, budget, dt, *needed(machine), log, samples)
                if reached in (STUCK, STORM):
                    raise SimulationError(_why_stopped(compiled, agenda, float(agenda.now[0])))
                now = until if reached == REACHED else max(began, float(agenda.now[0]), _sampled(agenda, samples, dt))
                recorder.drain([log], [samples], now, settled=reached == REACHED)
                machine, desk = with_room(compiled, machine, desk, float(agenda.now[0]))
                if reached == REACHED and upkeep.due(now):
                    upkeep.attend(now, recorder, Reach(compiled, machine, desk, now))
                with interrupts.heard():
                    tables.report(progress, (now - began) / duration)
        except KeyboardInterrupt:
            cut, end = True, now
        recorder.end([log], [samples], end, cut)
    if not len(samples.population):
        agenda.sampled[0] = grid_points(end, dt)
    # What is pending is applied now, so that its count does not depend on when Python last looked.
    catch_up(compiled, machine, desk, end)
    machine.wiring.tally[:, 1] += upkeep.updates
    arrays = saved(machine, desk, compiled) | upkeep.saved(recorder)
    return Result(
        counts=counts("event", compiled, machine.cells.tally, machine.wiring.tally),
        engine="event",
        why=why,
        duration=end - began,
        **recorder.results(samples, began, end - began, upkeep.recordings()),
        weights=weights_of(compiled, machine, desk, end),
        wiring=wiring(compiled),
        state=tables.RunState("event", dt, compiled.seed, compiled.digest, end, arrays),
        cut=cut,
    )


def _sampled(agenda: Agenda, samples: Samples, dt: float) -> float:
    """Return the time of the last grid point that was sampled: a run looks ahead up to its next event, so it may have come that far."""
    return float(agenda.sampled[0]) * dt if len(samples.population) else 0.0


def _fed(machine: Machine, live: Live, now: float, interrupts: Interrupts) -> Machine:
    """Return the machine with the spikes that live sources give at `now` ms."""
    for feed in live.ask(now, interrupts):
        machine = machine._replace(cells=play_times(machine.cells, feed, machine.agenda.clocks, machine.dues))
    return machine


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
