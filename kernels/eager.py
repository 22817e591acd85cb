"""Schedules 'eager' and 'timed': every unit speaks as soon as it has something to say, one event in each step."""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import leaf_part
from snnsim.kernels.integer_net import deliver, next_event, touch
from snnsim.kernels.trial import evaluate, first_rows, note, time_of


@leaf_part
def _speak(net, units, row, code, step, trial, scratch, n_events, n_speakers):
    """One event from every unit of `row` that differs from its target; returns (events, speakers, whether any differs still)."""
    if scratch.asleep[row]:
        return n_events, n_speakers, False
    s, want = trial.s, trial.want
    p = net.row_pop[row]
    if scratch.stale[row]:
        evaluate(net, units, p, row, trial)
        scratch.stale[row] = False
    unsettled = False
    first = net.unit_ptr[p] + (row - net.row_ptr[p]) * net.width[p]
    for unit in range(first, first + net.width[p]):
        if s[unit] != want[unit]:
            size = next_event(code, want[unit] - s[unit])
            s[unit] += size
            scratch.speaker[n_speakers], scratch.spoken[n_speakers], scratch.population[n_speakers] = unit, size, p
            n_speakers += 1
            trial.spikes[p] += 1
            note(trial.events, n_events, time_of(code, step * scratch.round[0], scratch.round[0], size), unit, size)
            n_events += 1
            unsettled |= s[unit] != want[unit]
    return n_events, n_speakers, unsettled


@leaf_part
def _sample(trial, scratch, step, n_events):
    """Write down the chosen accumulators and values as they are after `step` rounds."""
    if step < len(trial.trace):
        for i in range(len(scratch.traced)):
            unit = scratch.traced[i]
            trial.trace[step, i] = trial.acc[unit] if unit < len(trial.acc) else trial.s[unit - len(trial.acc)]
        trial.told[step] = n_events


@leaf_part
def _unsettled(net, units, queue, n_queued, trial, scratch):
    """Whether any unit of the queued rows has more to say. What is found out here is not counted: no unit acts on it."""
    for i in range(n_queued):
        row = queue[i]
        if scratch.asleep[row]:
            continue
        p = net.row_pop[row]
        if scratch.stale[row]:
            evaluate(net, units, p, row, trial)
            trial.evaluated[p] -= 1
        first = net.unit_ptr[p] + (row - net.row_ptr[p]) * net.width[p]
        for unit in range(first, first + net.width[p]):
            if trial.s[unit] != trial.want[unit]:
                return True
    return False


@leaf_part
def settle_eagerly(net, units, code, fresh, trial, seed, scratch):
    """Schedules 'eager' and 'timed': every unit that differs from its target emits one event in each round.

    A round is one global step, or the longest window of time to first spike. It stops when all are silent, or at the limit.
    """
    queued, stale = scratch.queued, scratch.stale
    queue, coming = scratch.queue, scratch.coming  # rows to look at in this step, in the next
    n_queued = first_rows(net, scratch)
    n_events, step = 0, 0
    _sample(trial, scratch, step, n_events)
    while n_queued > 0 and (step + 1) * scratch.round[0] <= scratch.limit[0]:
        n_speakers, n_coming = 0, 0
        for i in range(n_queued):
            queued[queue[i]] = False
        for i in range(n_queued):
            n_events, n_speakers, unsettled = _speak(net, units, queue[i], code, step, trial, scratch, n_events, n_speakers)
            if unsettled:
                queued[queue[i]] = True
                coming[n_coming] = queue[i]
                n_coming += 1
        for i in range(n_speakers):
            p = scratch.population[i]
            local = scratch.speaker[i] - net.unit_ptr[p]
            for e in range(net.out_ptr[p], net.out_ptr[p + 1]):
                size = np.int64(scratch.spoken[i])
                if deliver(net, e, local, size, 1, abs(size) > 1, trial.acc, trial.seen, trial.alive, trial.counts) > 0:
                    n_coming = touch(net, e, local, queued, stale, coming, n_coming)
        queue, coming, n_queued = coming, queue, n_coming
        step += n_speakers > 0
        _sample(trial, scratch, step, n_events)
    return step * scratch.round[0], n_events, not _unsettled(net, units, queue, n_queued, trial, scratch)
