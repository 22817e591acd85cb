"""The event-driven time loop: work is done only where and when a spike arrives or is due.

All events of one instant are gathered first, then the populations they touch are settled in turn: simultaneous inputs are
added before the threshold test, and nothing depends on the order in which they were queued. A projection without delay
acts within the instant, for populations are settled after those that reach them so. Arrivals: kernels/arrivals.py.
"""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import leaf, leaf_inline
from snnsim.kernels.arrivals import arrive, hold, open_run, touch
from snnsim.kernels.dues import first_is_alone, reschedule
from snnsim.kernels.frozen import LONGEST, move_up, stretch, strike
from snnsim.kernels.layout import DUE
from snnsim.kernels.prefetch import prefetch
from snnsim.kernels.queue import join, next_in, push, take
from snnsim.kernels.record import note, write_sample
from snnsim.kernels.stdp import remember

REACHED, PAUSED, STUCK, STORM = 0, 1, 2, 3

#: A run is taken for stuck when this many instants fall within so many ms: spikes cause spikes, and time does not pass.
_STUCK_AFTER = 10_000
_STUCK_WITHIN = 1e-9

#: A neuron that makes so many spikes within so many ms is in a storm: more than 1 MHz, and a run would take for ever.
STORM_SPIKES = 100
STORM_WITHIN = 0.1


@leaf
def touch_all(cells, agenda):
    """List every neuron: at the start each must foresee its first spike."""
    for p in range(cells.size.size):
        for i in range(cells.size[p]):
            touch(cells, agenda, p, i)


@leaf_inline
def gather(t, cells, wiring, learning, agenda, queue, lines, dues):
    """Take every event at t: due neurons are listed, arriving spikes are held or added to the inputs."""
    while dues.size[0] > 0 and dues.time[0] == t:
        cell = np.int64(dues.cell[0])
        p = 0
        while cells.first[p + 1] <= cell:
            p += 1
        touch(cells, agenda, p, cell - cells.first[p])
        if first_is_alone(dues):
            break
        reschedule(dues, cell, np.inf)
    while queue.size[0] > 0 and queue.time[0] == t:
        q, run, origin = take(queue, lines)
        ahead = next_in(lines, q)
        if ahead >= 0:
            at = wiring.run_ptr[ahead]
            for _ in range(6):
                prefetch(wiring.target, at)
                at += 16
        hold(cells, wiring, learning, agenda, queue, q, run, origin, lines.room[q] > 0)


@leaf_inline
def emit(t, population, source, cells, wiring, learning, plan, agenda, queue, lines, log):
    """Record a spike, tell the learning rules, and send it on its way into every projection."""
    cells.tally[population, 2] += 1
    note(log, t, population, source, 1)
    if cells.channels[population] > 0:
        count_spike(t, population, source, cells.first[population] + source, agenda)
    for k in range(learning.into_ptr[population], learning.into_ptr[population + 1]):
        remember(learning, learning.into[k], source, t)
    for k in range(wiring.out_ptr[population], wiring.out_ptr[population + 1]):
        q = wiring.out[k]
        run = plan.run_first[q] + source
        if run < 0:
            row = wiring.row_first[q] + source
            run = wiring.row_ptr[row]
            if run == wiring.row_ptr[row + 1]:
                continue
        if lines.room[q] > 0:
            prefetch(wiring.run_ptr, run)
            join(queue, lines, q, run, t)
        elif wiring.delay[run] > 0.0:
            push(queue, t + wiring.delay[run], q, run, t)
        else:
            hold(cells, wiring, learning, agenda, queue, q, run, t, False)


@leaf_inline
def count_spike(t, population, source, cell, agenda):
    """Raise the alarm when a neuron has made its last 100 spikes in no time. One byte per spike."""
    count = np.int64(agenda.spikes[cell]) + 1
    if count == STORM_SPIKES:
        count = 0
        if t - agenda.since[cell] < STORM_WITHIN:
            agenda.storm[0], agenda.storm[1], agenda.storm[2] = population, source, t - agenda.since[cell]
        agenda.since[cell] = t
    agenda.spikes[cell] = count


@leaf
def ascending(neurons):
    """Sort a short or nearly sorted list in place (shell sort, Ciura's gaps): allocates nothing."""
    for gap in (701, 301, 132, 57, 23, 10, 4, 1):
        for k in range(gap, neurons.size):
            value, at = neurons[k], k
            while at >= gap and neurons[at - gap] > value:
                neurons[at] = neurons[at - gap]
                at -= gap
            neurons[at] = value


@leaf_inline
def settle_instant(t, kernels, cells, wiring, learning, plan, agenda, queue, lines, dues, log):
    """Advance what was reached or is due to t, emit its spikes, and note the spikes it now foresees. Clears the agenda."""
    for p in plan.order:
        n_held, n_touched = agenda.n_held[p], agenda.n_touched[p]
        if n_held + n_touched == 0:
            continue
        first, n, rows, channels = cells.first[p], cells.size[p], cells.state_rows[p], cells.channels[p]
        flat_state = cells.state[cells.state_ptr[p] : cells.state_ptr[p + 1]]
        flat_coef = cells.coef[cells.coef_ptr[p] : cells.coef_ptr[p + 1]]
        clocks = agenda.clocks[3 * first : 3 * (first + n)].reshape((3, n))
        inputs = agenda.inputs[cells.input_first[p] : cells.input_first[p] + channels * n]
        state = flat_state.reshape((rows, flat_state.size // max(rows, 1)))
        coef = flat_coef.reshape((cells.coef_rows[p], flat_coef.size // cells.coef_rows[p]))
        frozen, fade, struck = plan.frozen[p], plan.fade[p], False
        if frozen and (t - clocks[0, 0]) * fade > LONGEST:
            move_up(t, state[0], clocks[0], fade)
        if n_held == 1:
            q, run = agenda.held[p, 0], agenda.held[p, 1]
            struck = frozen and n_touched == 0 and plan.distinct[q]
            if struck:
                begin, end, at = open_run(wiring, learning, q, run, agenda.origin[p])
                n_touched, driven = strike(
                    wiring.target[begin:end], wiring.weight, at, wiring.weight_stride[q], stretch(t, clocks[0, 0], fade),
                    state[0], coef[0], inputs, agenda.touched[first:],
                )  # fmt: skip
                cells.tally[p, 0] += driven
                cells.tally[p, 1] += end - begin - n_touched - driven
            else:
                arrive(cells, wiring, learning, agenda, q, run, agenda.origin[p])
                n_touched = agenda.n_touched[p]
        agenda.n_held[p] = agenda.n_touched[p] = 0
        if n_touched == 0:
            continue
        touched = agenda.touched[first : first + n_touched]
        n_fired = kernels[cells.kind[p]](
            t, touched, state, clocks, coef, inputs.reshape((channels, n)), cells.key[p], agenda.fired, cells.tally[p]
        )
        if n_fired > 1:
            ascending(agenda.fired[:n_fired])
        for k in range(n_fired):
            emit(t, p, np.int64(agenda.fired[k]), cells, wiring, learning, plan, agenda, queue, lines, log)
        if struck:
            continue
        for i in touched:
            agenda.marked[first + i] = False
            if not frozen:
                reschedule(dues, first + i, clocks[DUE, i])


@leaf
def begin_event(kernels, cells, wiring, learning, plan, agenda, queue, lines, dues, log):
    """Settle time 0: every neuron foresees its first spike, and none is due."""
    touch_all(cells, agenda)
    settle_instant(0.0, kernels, cells, wiring, learning, plan, agenda, queue, lines, dues, log)


@leaf
def sample(t, peeks, cells, agenda, samples):
    """Write the recorded states at t, in closed form and without moving any neuron there."""
    for k in range(samples.population.size):
        p = samples.population[k]
        first, n, rows = cells.first[p], cells.size[p], cells.state_rows[p]
        state = cells.state[cells.state_ptr[p] : cells.state_ptr[p + 1]]
        coef = cells.coef[cells.coef_ptr[p] : cells.coef_ptr[p + 1]]
        look = agenda.look[: rows * n].reshape((rows, n))
        peeks[cells.kind[p]](
            t,
            state.reshape((rows, state.size // max(rows, 1))),
            agenda.clocks[3 * first : 3 * (first + n)].reshape((3, n)),
            coef.reshape((cells.coef_rows[p], coef.size // cells.coef_rows[p])),
            look,
        )
        write_sample(samples, k, look[samples.row[k]])
    samples.size[0] += 1


@leaf
def run_event(end, budget, dt, kernels, peeks, cells, wiring, learning, plan, agenda, queue, lines, dues, log, samples):
    """Handle all events up to and including `end`, or stop early: after `budget` instants, or when a buffer needs attention.

    Returns REACHED, PAUSED, STUCK or STORM. Everything is modified in place and consistent between instants.
    """
    sampling = samples.population.size > 0
    while True:
        t = queue.time[0] if queue.size[0] > 0 else np.inf
        if dues.size[0] > 0:
            t = min(t, dues.time[0])
        if sampling:
            grid = (agenda.sampled[0] + 1) * dt
            if grid < t and grid <= end * (1.0 + 1e-12):
                sample(grid, peeks, cells, agenda, samples)
                agenda.sampled[0] += 1
                continue
        if t > end:
            return REACHED
        if budget == 0 or log.time.size - log.size[0] < cells.first[-1] or learning.full[0]:
            return PAUSED
        if lines.tight[0] or queue.time.size - queue.size[0] < plan.reserve[0]:
            return PAUSED
        if agenda.storm[0] >= 0.0:
            return STORM
        if t > agenda.now[2] + _STUCK_WITHIN:
            agenda.now[1], agenda.now[2] = 0.0, t
        agenda.now[0], agenda.now[1] = t, agenda.now[1] + 1.0
        if agenda.now[1] > _STUCK_AFTER:
            return STUCK
        gather(t, cells, wiring, learning, agenda, queue, lines, dues)
        settle_instant(t, kernels, cells, wiring, learning, plan, agenda, queue, lines, dues, log)
        budget -= 1
