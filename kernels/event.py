"""The event-driven time loop: work is done only where and when a spike arrives or is due.

All events of one instant are gathered first, then every touched neuron is advanced once: simultaneous inputs are added
before the threshold test, and nothing depends on the order in which they were queued.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsim.kernels._jit import leaf
from snnsim.kernels.layout import DUE
from snnsim.kernels.queue import pop, push
from snnsim.kernels.record import note, write_sample
from snnsim.kernels.stdp import on_pre, remember

REACHED, PAUSED, STUCK = 0, 1, 2

#: A run is taken for stuck when this many instants fall within so many ms: spikes cause spikes, and time does not pass.
_STUCK_AFTER = 10_000
_STUCK_WITHIN = 1e-9


class Agenda(NamedTuple):
    """What the event loop keeps beside the queue."""

    clocks: np.ndarray  # float64[3 * N]  last, ready, due of each population, as matrices
    scheduled: np.ndarray  # float64[N]  time of the queued spike that is still meant
    inputs: np.ndarray  # float64[width]  zero between instants
    marked: np.ndarray  # bool[N]  false between instants
    touched: np.ndarray  # int32[N]  scratch
    n_touched: np.ndarray  # int64[P]  zero between instants
    fired: np.ndarray  # int32[max(size)]  scratch
    look: np.ndarray  # float64[...]  scratch for peeks
    now: np.ndarray  # float64[3]  time of the last instant; instants counted for the storm guard, and since when
    sampled: np.ndarray  # int64[1]  grid samples taken


@leaf
def touch(cells, agenda, population, index):
    """Put a neuron on the list of this instant, once."""
    cell = cells.first[population] + index
    if not agenda.marked[cell]:
        agenda.marked[cell] = True
        agenda.touched[cells.first[population] + agenda.n_touched[population]] = index
        agenda.n_touched[population] += 1


@leaf
def touch_all(cells, agenda):
    """List every neuron: at the start each must foresee its first spike."""
    for p in range(cells.size.size):
        for i in range(cells.size[p]):
            touch(cells, agenda, p, i)


@leaf
def arrive(cells, wiring, learning, agenda, queue, q, run, origin):
    """Deliver one run of synapses of a spike made at `origin`, and queue its next run."""
    if not wiring.run_final[run]:
        push(queue, origin + wiring.delay[run + 1], cells.size.size + q, run + 1, origin)
    if learning.rule[q] >= 0:
        wiring.tally[q, 1] += on_pre(learning, wiring, wiring.weight, q, run, origin, 1)
    post, first, last = wiring.post[q], wiring.run_ptr[run], wiring.run_ptr[run + 1]
    # Arrays as locals: a call per synapse would count references for every array of the tables.
    target, weight, inputs, marked, touched = wiring.target, wiring.weight, agenda.inputs, agenda.marked, agenda.touched
    stride, column, split, cell = wiring.weight_stride[q], wiring.column[q], wiring.split[q], cells.first[post]
    at, n_touched = wiring.weight_first[q] + stride * (first - wiring.syn_first[q]), agenda.n_touched[post]
    for syn in range(first, last):
        w, i = weight[at], np.int64(target[syn])
        at += stride
        inputs[column + (split if w < 0.0 else 0) + i] += w
        if not marked[cell + i]:
            marked[cell + i] = True
            touched[cell + n_touched] = i
            n_touched += 1
    agenda.n_touched[post] = n_touched
    wiring.tally[q, 0] += last - first


@leaf
def gather(t, cells, wiring, learning, agenda, queue):
    """Take every event at t from the queue: due neurons are listed, arriving spikes are added to the inputs."""
    n_populations = cells.size.size
    while queue.size[0] > 0 and queue.time[0] == t:
        _, priority, id, origin = pop(queue)
        if priority >= n_populations:
            arrive(cells, wiring, learning, agenda, queue, priority - n_populations, id, origin)
        else:
            first, n = cells.first[priority], cells.size[priority]
            # An entry whose neuron has since been rescheduled is stale.
            if agenda.clocks[3 * first + DUE * n + id] == t:
                agenda.scheduled[first + id] = -np.inf
                touch(cells, agenda, priority, id)


@leaf
def emit(t, population, source, cells, wiring, learning, queue, log):
    """Record a spike, tell the learning rules, and queue its first arrival in every projection."""
    cells.tally[population, 2] += 1
    note(log, t, population, source, 1)
    for k in range(learning.into_ptr[population], learning.into_ptr[population + 1]):
        remember(learning, learning.into[k], source, t)
    for k in range(wiring.out_ptr[population], wiring.out_ptr[population + 1]):
        q = wiring.out[k]
        row = wiring.row_first[q] + source
        run = wiring.row_ptr[row]
        if run < wiring.row_ptr[row + 1]:
            push(queue, t + wiring.delay[run], cells.size.size + q, run, t)


@leaf
def settle_instant(t, kernels, cells, wiring, learning, agenda, queue, log):
    """Advance the touched neurons to t, emit their spikes, and queue the spikes they now foresee."""
    for p in range(cells.size.size):
        n_touched = agenda.n_touched[p]
        if n_touched == 0:
            continue
        agenda.n_touched[p] = 0
        first, n, rows, channels = cells.first[p], cells.size[p], cells.state_rows[p], cells.channels[p]
        state = cells.state[cells.state_ptr[p] : cells.state_ptr[p + 1]]
        coef = cells.coef[cells.coef_ptr[p] : cells.coef_ptr[p + 1]]
        clocks = agenda.clocks[3 * first : 3 * (first + n)].reshape((3, n))
        inputs = agenda.inputs[cells.input_first[p] : cells.input_first[p] + channels * n]
        touched = agenda.touched[first : first + n_touched]
        n_fired = kernels[cells.kind[p]](
            t,
            touched,
            state.reshape((rows, state.size // max(rows, 1))),
            clocks,
            coef.reshape((cells.coef_rows[p], coef.size // cells.coef_rows[p])),
            inputs.reshape((channels, n)),
            cells.key[p],
            agenda.fired,
            cells.tally[p],
        )
        for k in range(n_fired):
            emit(t, p, np.int64(agenda.fired[k]), cells, wiring, learning, queue, log)
        for i in touched:
            agenda.marked[first + i] = False
            due = clocks[DUE, i]
            if due < np.inf and due != agenda.scheduled[first + i]:
                push(queue, due, p, i, due)
            agenda.scheduled[first + i] = due


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
def run_event(end, budget, dt, kernels, peeks, cells, wiring, learning, agenda, queue, log, samples):
    """Handle all events up to and including `end`, or stop early: after `budget` instants, or when a buffer needs attention.

    Returns REACHED, PAUSED or STUCK. Everything is modified in place and consistent between instants.
    """
    reserve = 0
    for p in range(cells.size.size):
        reserve += cells.size[p] * (1 + wiring.out_ptr[p + 1] - wiring.out_ptr[p])
    sampling = samples.population.size > 0
    while True:
        t = queue.time[0] if queue.size[0] > 0 else np.inf
        grid = (agenda.sampled[0] + 1) * dt
        if sampling and grid < t and grid <= end * (1.0 + 1e-12):
            sample(grid, peeks, cells, agenda, samples)
            agenda.sampled[0] += 1
            continue
        if t > end:
            return REACHED
        if budget == 0 or log.time.size - log.size[0] < cells.first[-1] or learning.full[0]:
            return PAUSED
        if queue.time.size - queue.size[0] < reserve:
            return PAUSED
        if t > agenda.now[2] + _STUCK_WITHIN:
            agenda.now[1], agenda.now[2] = 0.0, t
        agenda.now[0], agenda.now[1] = t, agenda.now[1] + 1.0
        if agenda.now[1] > _STUCK_AFTER:
            return STUCK
        gather(t, cells, wiring, learning, agenda, queue)
        settle_instant(t, kernels, cells, wiring, learning, agenda, queue, log)
        budget -= 1
