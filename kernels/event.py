"""The event-driven time loop: work is done only where and when a spike arrives or is due.

All events of one instant are gathered first, then the populations they touch are settled in turn: simultaneous inputs are
added before the threshold test, and nothing depends on the order in which they were queued. A projection without delay
acts within the instant, for populations are settled after those that reach them so. Arrivals: kernels/arrivals.py. A current
that changes makes two instants of one: all its neurons come to it under the old current, then foresee under the new.
"""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import leaf, leaf_apart, leaf_part
from snnsim.kernels.arrivals import arrive, open_run, receive, touch
from snnsim.kernels.call import advance_at, attend_at, peek_at
from snnsim.kernels.current import change_currents
from snnsim.kernels.dues import LATER, first_is_alone, look_ahead, reschedule
from snnsim.kernels.frozen import LONGEST, move_up, stretch, strike
from snnsim.kernels.layout import DUE
from snnsim.kernels.lessons import TRACE, any_full
from snnsim.kernels.prefetch import prefetch
from snnsim.kernels.queue import join, push
from snnsim.kernels.record import is_due, note, write_sample

REACHED, PAUSED, STUCK, STORM = 0, 1, 2, 3

#: A run is taken for stuck when this many instants fall within so many ms: spikes cause spikes, and time does not pass.
_STUCK_AFTER = 10_000
_STUCK_WITHIN = 1e-9

#: A neuron that makes so many spikes within so many ms is in a storm: more than 1 MHz, and a run would take for ever.
STORM_SPIKES = 100
STORM_WITHIN = 0.1


@leaf_apart
def touch_all(cells, agenda):
    """List every neuron."""
    for p in range(cells.size.size):
        for i in range(cells.size[p]):
            touch(cells, agenda, p, i)


@leaf_apart
def turn(t, cells, agenda, currents):
    """List the neurons whose current changes at t: for the instant that ends under the old one, then for one under the new.

    Each has one update of the two, a driven one: the tally is put right before the second adds its idle ones.
    """
    for p in range(cells.size.size):
        if currents.next[p] == t:
            n, held = cells.size[p], currents.tally[p]
            if currents.between[0] == 0:
                held[0], held[1] = cells.tally[p, 0], cells.tally[p, 1]
            else:
                change_currents(t, p, cells, currents)
                cells.tally[p, 0], cells.tally[p, 1] = held[0] + n, held[1] - n
            for i in range(n):
                touch(cells, agenda, p, i)
    currents.between[0] = 1 - currents.between[0]


@leaf_part
def list_due(t, cells, agenda, dues):
    """List the neurons that are due at t."""
    while dues.size[0] > 0 and dues.time[0] == t:
        cell = np.int64(dues.cell[0])
        p = np.int64(0)
        while cells.first[p + 1] <= cell:
            p += 1
        touch(cells, agenda, p, cell - cells.first[p])
        if first_is_alone(dues):
            break
        reschedule(dues, cell, np.inf)


@leaf_part
def emit(t, population, source, cells, wiring, lessons, plan, agenda, queue, lines, log):
    """Record a spike, tell the lessons rules, and send it on its way into every projection.

    A spike without delay is queued at -infinity, before everything else: the instant takes it before it ends.
    """
    cells.tally[population, 2] += 1
    note(log, t, population, source, 1)
    if cells.channels[population] > 0:
        count_spike(t, population, source, cells.first[population] + source, agenda)
    if lessons is not None:
        for k in range(lessons.into_ptr[population], lessons.into_ptr[population + 1]):
            attend_at(lessons.attend[lessons.table[lessons.into[k]].rule])(lessons.table, lessons.into[k], 0, source, t, TRACE)
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
        else:
            delay = wiring.delay[run]
            push(queue, t + delay if delay > 0.0 else -np.inf, q, run, t)


@leaf_part
def count_spike(t, population, source, cell, agenda):
    """Raise the alarm when a neuron has made its last 100 spikes in no time. One byte per spike."""
    agenda.spikes[cell] += 1
    if agenda.spikes[cell] == STORM_SPIKES:
        if t - agenda.since[cell] < STORM_WITHIN:
            agenda.storm[0], agenda.storm[1], agenda.storm[2] = population, source, t - agenda.since[cell]
        agenda.spikes[cell], agenda.since[cell] = 0, t


@leaf_apart
def ascending(neurons):
    """Sort a short or nearly sorted list in place (shell sort, Ciura's gaps): allocates nothing."""
    for gap in (701, 301, 132, 57, 23, 10, 4, 1):
        for k in range(gap, neurons.size):
            value, at = neurons[k], k
            while at >= gap and neurons[at - gap] > value:
                neurons[at] = neurons[at - gap]
                at -= gap
            neurons[at] = value


@leaf_part
def settle_instant(t, kernels, cells, wiring, lessons, plan, agenda, queue, lines, dues, log):
    """Advance what is reached or due at t, emit its spikes, and note the spikes it now foresees. Clears the agenda."""
    now = t
    for p in plan.order:
        receive(now, cells, wiring, lessons, agenda, queue, lines)
        now = -np.inf
        n_held, n_touched = agenda.n_held[p], agenda.n_touched[p]
        if n_held + n_touched == 0:
            continue
        first, n, rows, channels, struck = cells.first[p], cells.size[p], cells.state_rows[p], cells.channels[p], False
        flat_state = cells.state[cells.state_ptr[p] : cells.state_ptr[p + 1]]
        flat_coef = cells.coef[cells.coef_ptr[p] : cells.coef_ptr[p + 1]]
        flat_clocks = agenda.clocks[3 * first : 3 * (first + n)]
        inputs = agenda.inputs[cells.input_first[p] : cells.input_first[p] + channels * n]
        frozen, fade = plan.frozen[p], plan.fade[p]
        if frozen and (t - flat_clocks[0]) * fade > LONGEST:
            move_up(t, flat_state[:n], flat_clocks[:n], fade)
        if n_held == 1:
            q, run = agenda.held[p, 0], agenda.held[p, 1]
            struck = frozen and n_touched == 0 and plan.distinct[q]
            if struck:
                begin, end, at, _ = open_run(wiring, lessons, q, run, agenda.origin[p])
                n_touched, driven = strike(
                    wiring.target[begin:end], wiring.weight, at, wiring.weight_stride[q], stretch(t, flat_clocks[0], fade),
                    flat_state, flat_coef[: flat_coef.size // cells.coef_rows[p]], inputs, agenda.touched[first:],
                )  # fmt: skip
                cells.tally[p, 0] += driven
                cells.tally[p, 1] += end - begin - n_touched - driven
            else:
                arrive(cells, wiring, lessons, agenda, q, run, agenda.origin[p])
                n_touched = agenda.n_touched[p]
        agenda.n_held[p] = agenda.n_touched[p] = 0
        if n_touched == 0:
            continue
        touched = agenda.touched[first : first + n_touched]
        state = flat_state.reshape((rows, flat_state.size // max(rows, 1)))
        clocks = flat_clocks.reshape((3, n))
        coef = flat_coef.reshape((cells.coef_rows[p], flat_coef.size // cells.coef_rows[p]))
        n_fired = advance_at(kernels[cells.kind[p]])(
            t, touched, state, clocks, coef, inputs.reshape((channels, n)), cells.key[p], agenda.fired, cells.tally[p]
        )
        if n_fired > 1:
            ascending(agenda.fired[:n_fired])
        for k in range(n_fired):
            emit(t, p, np.int64(agenda.fired[k]), cells, wiring, lessons, plan, agenda, queue, lines, log)
        if struck:
            continue
        for i in touched:
            agenda.marked[first + i] = False
            if not frozen:
                reschedule(dues, first + i, flat_clocks[DUE * n + i])


@leaf_apart
def sample(t, point, peeks, cells, agenda, samples):
    """Write the states recorded at this grid point, at t, in closed form and without moving any neuron there."""
    for k in range(samples.population.size):
        if not is_due(samples, k, point):
            continue
        p = samples.population[k]
        first, n, rows = cells.first[p], cells.size[p], cells.state_rows[p]
        state = cells.state[cells.state_ptr[p] : cells.state_ptr[p + 1]]
        coef = cells.coef[cells.coef_ptr[p] : cells.coef_ptr[p + 1]]
        look = agenda.look[: rows * n].reshape((rows, n))
        peek_at(peeks[cells.kind[p]])(
            t,
            state.reshape((rows, state.size // max(rows, 1))),
            agenda.clocks[3 * first : 3 * (first + n)].reshape((3, n)),
            coef.reshape((cells.coef_rows[p], coef.size // cells.coef_rows[p])),
            look,
        )
        write_sample(samples, k, look[samples.row[k]])


@leaf_part
def next_time(queue, dues):
    """Return the time of the next event, infinity when there is none. Who is due beyond the horizon is not looked at."""
    t = queue.time[0] if queue.size[0] > 0 else np.inf
    return min(t, dues.time[0]) if dues.size[0] > 0 else t


@leaf
def run_event(end, budget, dt, kernels, peeks, cells, wiring, lessons, plan, agenda, queue, lines, dues, currents, log, samples):
    """Handle all events up to and including `end`, or stop early: after `budget` instants, or when a buffer needs attention.

    lessons, currents : or None: what a network does not need is not even compiled
    Returns REACHED, PAUSED, STUCK or STORM. Everything is modified in place and consistent between instants.
    """
    sampling = samples.population.size > 0
    while True:
        # A run begins with an instant at 0 ms at which every neuron foresees its first spike, and none is due.
        begins = agenda.now[0] == -np.inf
        t = 0.0 if begins else next_time(queue, dues)
        if currents is not None:
            t = 0.0 if begins else min(t, currents.soonest[0])
        if dues.span[LATER] <= min(t, end) and not begins:
            look_ahead(dues, plan.watched[0], plan.watched[1], plan.watched[2], agenda.clocks)
            continue
        if sampling:
            grid = (agenda.sampled[0] + 1) * dt
            if grid < t and grid <= end * (1.0 + 1e-12):
                sample(grid, agenda.sampled[0] + 1, peeks, cells, agenda, samples)
                agenda.sampled[0] += 1
                continue
        if t > end:
            return REACHED
        if budget == 0 or log.time.size - log.size[0] < cells.first[-1]:
            return PAUSED
        if lessons is not None:  # noqa: SIM102  (numba drops code behind a test for None that stands alone)
            if any_full(lessons):
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
        if begins:
            touch_all(cells, agenda)
        else:
            list_due(t, cells, agenda, dues)
            if currents is not None:  # noqa: SIM102
                if currents.soonest[0] == t:
                    turn(t, cells, agenda, currents)
        settle_instant(t, kernels, cells, wiring, lessons, plan, agenda, queue, lines, dues, log)
        if begins:
            # The first instant is not part of the run.
            cells.tally[:] = 0
        budget -= 1
