"""The clock-driven time loop: every population takes every step, spikes wait in a delay ring."""

from __future__ import annotations

from snnsim.kernels._jit import leaf
from snnsim.kernels.deliver import deliver_spikes
from snnsim.kernels.record import note, write_sample
from snnsim.kernels.stdp import on_pre, remember


@leaf
def keep(log, learning, population, events, n_spiking, stamp):
    """Record the spikes of a population and add them to the histories of its plastic inputs. Returns their number."""
    n_spikes = 0
    for k in range(n_spiking):
        n_spikes += events[1, k]
    if log.wanted[population]:
        for k in range(n_spiking):
            note(log, stamp, population, events[0, k], events[1, k])
    for at in range(learning.into_ptr[population], learning.into_ptr[population + 1]):
        for k in range(n_spiking):
            remember(learning, learning.into[at], events[0, k], stamp)
    return n_spikes


@leaf
def send(wiring, learning, population, events, n_spiking, step, ring):
    """Send the spikes of a population into all its projections, reading plastic weights as of now.

    A spike made in `step` is stamped with the end of that step, step + 1.
    """
    for k in range(wiring.out_ptr[population], wiring.out_ptr[population + 1]):
        q = wiring.out[k]
        if learning.rule[q] >= 0:
            for spike in range(n_spiking):
                row, times = wiring.row_first[q] + events[0, spike], events[1, spike]
                for run in range(wiring.row_ptr[row], wiring.row_ptr[row + 1]):
                    wiring.tally[q, 1] += on_pre(learning, wiring, wiring.weight, q, run, step + 1.0, times)
        wiring.tally[q, 0] += deliver_spikes(wiring, q, events, n_spiking, step, ring)


@leaf
def run_clock(end, position, kernels, cells, wiring, learning, ring, events, log, samples):
    """Step from position[0] to `end`, or stop early when a buffer needs Python's attention.

    position : int64[1]               steps taken; modified in place after each whole step
    kernels : tuple of CLOCK_STEP     one per kind of population
    ring : float64[n_slots, width]    inputs by arrival step; modified in place
    events : int32[2, max(size)]      scratch
    """
    n_populations = cells.size.size
    sampling = samples.population.size > 0
    while position[0] < end:
        room = log.time.size - log.size[0]
        if room < cells.first[-1] or learning.full[0]:
            return
        step = position[0]
        inputs = ring[step % ring.shape[0]]
        for p in range(n_populations):
            n, rows, channels = cells.size[p], cells.state_rows[p], cells.channels[p]
            state = cells.state[cells.state_ptr[p] : cells.state_ptr[p + 1]]
            coef = cells.coef[cells.coef_ptr[p] : cells.coef_ptr[p + 1]]
            mine = inputs[cells.input_first[p] : cells.input_first[p] + channels * n]
            n_spiking = kernels[cells.kind[p]](
                step,
                state.reshape((rows, state.size // max(rows, 1))),
                coef.reshape((cells.coef_rows[p], coef.size // cells.coef_rows[p])),
                mine.reshape((channels, n)),
                cells.key[p],
                events,
                cells.tally[p],
            )
            mine[:] = 0.0
            if n_spiking > 0:
                cells.tally[p, 2] += keep(log, learning, p, events, n_spiking, step + 1.0)
                send(wiring, learning, p, events, n_spiking, step, ring)
        if sampling:
            for k in range(samples.population.size):
                p = samples.population[k]
                n, first = cells.size[p], cells.state_ptr[p] + samples.row[k] * cells.size[p]
                write_sample(samples, k, cells.state[first : first + n])
            samples.size[0] += 1
        position[0] = step + 1
