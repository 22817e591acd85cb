"""Clock-driven runs: every neuron takes every step of dt, with exact propagators between grid points.

A spike made in the step that ends at t is stamped t and reaches a synapse in the step that ends at t + delay. Synaptic
operations are counted when the spike is written into the delay ring, that is, in the step that made it: a run's synops
are its presynaptic spikes times their fan-out, even for those still in the ring at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking
from snnsim.engines import recording, tables
from snnsim.errors import ParameterError
from snnsim.kernels.clock import run_clock
from snnsim.results import Result

_ON_GRID = 1e-9  # relative distance of a delay or duration from a multiple of dt that counts as rounding


def steps_of(owner: str, value: float | np.ndarray, dt: float) -> np.ndarray:
    """Return a time in whole steps, int64, >= 1. Raises ParameterError when it is no multiple of dt."""
    ratio = np.atleast_1d(np.asarray(value, dtype=np.float64)) / dt
    whole = np.rint(ratio)
    bad = (whole < 1) | (np.abs(ratio - whole) > _ON_GRID * np.maximum(whole, 1.0))
    if np.any(bad):
        raise ParameterError(
            f"{owner} = {float(ratio[bad][0] * dt):g} ms must be a multiple >= 1 of dt = {dt:g} ms for the clock engine. "
            'Round it, choose a dt that divides it, or use engine="event".'
        )
    return whole.astype(np.int64)


def delay_steps(compiled: CompiledSpiking) -> list[np.ndarray]:
    """Return the delays of each projection's runs in steps. Raises ParameterError when one is off the grid."""
    return [steps_of(f"Projection({part.name}).delay", part.delay, compiled.dt) for part in compiled.projections]


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
    n_steps = int(steps_of("simulate.duration", duration, dt)[0])
    forms = [model.clock_form(population.size, dt) for population, model in zip(compiled.populations, compiled.models, strict=True)]
    kernels, kinds = tables.kernel_tuple([form.step for form in forms])
    delays = delay_steps(compiled)
    cells = tables.build_cells(compiled, forms, kinds)
    wiring = tables.build_wiring(compiled, cells, delays, np.int64)
    learning = tables.build_learning(compiled, dt)
    slots = 1 + max((int(delay.max(initial=0)) for delay in delays), default=0)
    ring = np.zeros((slots, tables.input_width(compiled)))
    position = np.zeros(1, dtype=np.int64)
    if start is not None:
        tables.check_start(start, compiled, "clock")
        ring, position = start.arrays["ring"].copy(), start.arrays["position"].copy()
        cells, wiring, learning = tables.restored(start, cells, wiring, learning)
    events = np.empty((2, max(int(cells.size.max()), 1)), dtype=np.int32)
    log, samples = recording.build_log(compiled, record), recording.build_samples(compiled, record, n_steps)
    spikes: list[tuple[np.ndarray, ...]] = []
    first = int(position[0])
    end, chunks, cut = first + n_steps, tables.Chunks(64), False
    try:
        while position[0] < end:
            with chunks.timed() as size:
                run_clock(
                    min(end, int(position[0]) + size), position, kernels, cells, wiring, learning, ring, events, log, samples
                )  # fmt: skip
            recording.drain(log, spikes)
            if learning.full[0]:
                learning = tables.make_room(compiled, cells, wiring, learning, float(position[0]), 0.0)
            tables.report(progress, (position[0] - first) / n_steps)
    except KeyboardInterrupt:
        cut = True
    done = int(position[0]) - first
    state = tables.saved(cells, wiring, learning) | {"ring": ring, "position": position}
    return Result(
        counts=recording.counts(compiled, cells, wiring),
        engine="clock",
        why=why,
        duration=done * dt,
        spikes=recording.spike_trains(compiled, log, spikes, dt, done * dt),
        recordings=recording.recordings(compiled, samples, first, dt),
        weights=tables.current_weights(compiled, wiring, learning, float(position[0])),
        state=tables.RunState("clock", dt, compiled.seed, compiled.shape, float(position[0]) * dt, state),
        cut=cut,
    )
