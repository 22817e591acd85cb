"""Clock-driven runs: every neuron takes every step of dt, with exact propagators between grid points.

A spike made in the step that ends at t is stamped t and reaches a synapse in the step that ends at t + delay. Synaptic
operations are counted when the spike is written into the delay ring, that is, in the step that made it: a run's synops
are its presynaptic spikes times their fan-out, even for those still in the ring at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking
from snnsim.engines import recording, tables
from snnsim.kernels.clock import run_clock
from snnsim.kernels.layout import Cells, Learning, Wiring
from snnsim.models.spiking import whole_steps
from snnsim.results import Result


class Machine(NamedTuple):
    """What `run_clock` works on, in the order of its arguments."""

    position: np.ndarray  # int64[1]  steps taken
    kernels: tuple
    cells: Cells
    wiring: Wiring
    learning: Learning
    ring: np.ndarray  # float64[n_slots, width]
    events: np.ndarray  # int32[2, max(size)]  scratch

    @property
    def network(self) -> tuple[Cells, Wiring, Learning]:
        """The tables both engines share."""
        return self.cells, self.wiring, self.learning


def delay_steps(compiled: CompiledSpiking) -> list[np.ndarray]:
    """Return the delays of each projection's runs in steps. Raises ParameterError when one is off the grid."""
    return [whole_steps(f"Projection({part.name}).delay", part.delay, compiled.dt, least=1) for part in compiled.projections]


def duration_steps(compiled: CompiledSpiking, duration: float) -> int:
    """Return the steps of a run of `duration` ms. Raises ParameterError when it is off the grid."""
    return int(whole_steps("simulate.duration", duration, compiled.dt, least=1)[0])


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
    dt = compiled.dt
    n_steps = duration_steps(compiled, duration)
    machine = _build(compiled, start)
    position, first = machine.position, int(machine.position[0])
    log, samples = recording.build_log(compiled, record), recording.build_samples(compiled, record, n_steps)
    spikes: list[tuple[np.ndarray, ...]] = []
    end, chunks, cut = first + n_steps, tables.Chunks(64), False
    try:
        while position[0] < end:
            with chunks.timed() as size:
                run_clock(min(end, int(position[0]) + size), *machine, log, samples)
            recording.drain(log, spikes)
            if machine.learning.full[0]:
                machine = machine._replace(learning=tables.make_room(compiled, *machine.network, float(position[0]), 0.0))
            tables.report(progress, (position[0] - first) / n_steps)
    except KeyboardInterrupt:
        cut = True
    cells, wiring, learning = machine.network
    duration = (int(position[0]) - first) * dt
    state = tables.saved(cells, wiring, learning) | {"ring": machine.ring, "position": position}
    return Result(
        counts=recording.counts("clock", compiled, cells, wiring),
        engine="clock",
        why=why,
        duration=duration,
        spikes=recording.spike_trains(compiled, log, spikes, dt, duration),
        recordings=recording.recordings(compiled, samples, first, dt),
        weights=tables.current_weights(compiled, wiring, learning, float(position[0])),
        state=tables.RunState("clock", dt, compiled.seed, compiled.digest, float(position[0]) * dt, state),
        cut=cut,
    )


def _build(compiled: CompiledSpiking, start: tables.RunState | None) -> Machine:
    """Lay out the network, as at time 0 or as `start` left it."""
    dt = compiled.dt
    forms = [model.clock_form(population.size, dt) for population, model in zip(compiled.populations, compiled.models, strict=True)]
    kernels, kinds = tables.kernel_tuple([form.step for form in forms])
    delays = delay_steps(compiled)
    cells = tables.build_cells(compiled, forms, kinds)
    wiring = tables.build_wiring(compiled, cells, delays, np.int64)
    learning = tables.build_learning(compiled, dt)
    slots = 1 + max((int(delay.max(initial=0)) for delay in delays), default=0)
    ring, position = np.zeros((slots, tables.input_width(compiled))), np.zeros(1, dtype=np.int64)
    if start is not None:
        tables.check_start(start, compiled, "clock")
        ring, position = start.arrays["ring"].copy(), start.arrays["position"].copy()
        cells, wiring, learning = tables.restored(start, cells, wiring, learning)
    events = np.empty((2, max(int(cells.size.max()), 1)), dtype=np.int32)
    return Machine(position, kernels, cells, wiring, learning, ring, events)
