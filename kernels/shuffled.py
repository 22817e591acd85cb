"""Schedule 'shuffled': units speak and messages arrive in random order."""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import kernel, leaf_part
from snnsim.kernels.integer_net import deliver, next_event, touch
from snnsim.kernels.trial import evaluate, first_rows, note


@leaf_part
def _random(state):
    """Next number of a SplitMix64 sequence, and its state. Source: Steele, Lea & Flood (2014), section 5."""
    state = state + np.uint64(0x9E3779B97F4A7C15)
    z = state
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31)), state


@leaf_part
def _random_speaker(net, row, s, want, draw):
    """A unit of `row` that differs from its target, chosen by `draw`; -1 when all agree."""
    p = net.row_pop[row]
    first = net.unit_ptr[p] + (row - net.row_ptr[p]) * net.width[p]
    differ = 0
    for unit in range(first, first + net.width[p]):
        differ += s[unit] != want[unit]
    if differ == 0:
        return -1
    place = np.int64(draw % np.uint64(differ))
    for unit in range(first, first + net.width[p]):
        if s[unit] != want[unit]:
            if place == 0:
                return unit
            place -= 1
    return -1


@kernel
def settle_shuffled(net, units, code, fresh, trial, seed, scratch):
    """Schedule 'shuffled': messages arrive and units speak in random order, each message with a delay of its own.

    A pool holds rows that may speak (-1, row, 0) and messages under way (projection, unit, size); a random one is next.
    """
    s, want = trial.s, trial.want
    n_rows = len(net.row_pop)
    queued, stale, touched = scratch.queued, scratch.stale, scratch.queue
    n_pool = first_rows(net, scratch)
    room = n_rows + len(net.post) + 1  # what one draw may add
    pool = np.empty((4 * room, 3), dtype=np.int64)
    for k in range(n_pool):
        pool[k, 0], pool[k, 1], pool[k, 2] = -1, scratch.queue[k], 0
    n_events, state = 0, seed
    while n_pool > 0:
        if n_pool + room > len(pool):
            grown = np.empty((2 * len(pool), 3), dtype=np.int64)
            grown[:n_pool] = pool[:n_pool]
            pool = grown
        draw, state = _random(state)
        i = np.int64(draw % np.uint64(n_pool))
        e, unit, size = pool[i]
        n_pool -= 1
        pool[i] = pool[n_pool]
        n_touched = 0
        if e >= 0:
            deliver(net, e, unit, size, 1, abs(size) > 1, trial.acc, trial.seen, trial.alive, trial.counts)
            n_touched = touch(net, e, unit, queued, stale, touched, 0)
        else:
            row, p = unit, net.row_pop[unit]
            queued[row] = False
            if scratch.asleep[row]:
                continue
            if stale[row]:
                evaluate(net, units, p, row, trial)
                stale[row] = False
            draw, state = _random(state)
            speaker = _random_speaker(net, row, s, want, draw)
            if speaker >= 0:
                size = np.int64(next_event(code, want[speaker] - s[speaker]))
                s[speaker] += size
                trial.spikes[p] += 1
                note(trial.events, n_events, n_events, speaker, size)
                n_events += 1
                for k in range(net.out_ptr[p], net.out_ptr[p + 1]):
                    pool[n_pool, 0], pool[n_pool, 1], pool[n_pool, 2] = k, speaker - net.unit_ptr[p], size
                    n_pool += 1
                queued[row] = True
                touched[0] = row
                n_touched = 1
        for k in range(n_touched):
            pool[n_pool, 0], pool[n_pool, 1], pool[n_pool, 2] = -1, touched[k], 0
            n_pool += 1
    return n_events, n_events, True
