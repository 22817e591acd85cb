"""Schedules: in which order the units of a network speak. Every one of them ends in the same, silent state.

Every schedule takes the network, the tuple of unit functions g (see integer_units), the code by which values travel, one
trial, a seed (used by the shuffled schedule only) and room to work in.

Each returns (steps, events emitted): steps is the latency in global steps of one event per unit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsim.kernels._jit import kernel, leaf, leaf_inline
from snnsim.kernels.integer_net import DENSE, EVENTS, PLAIN, SCALED, SYNOPS, add_row, deliver, events_of, next_event, touch


class Trial(NamedTuple):
    """The state of one trial and its counters; everything is modified in place."""

    acc: np.ndarray  # int32[n_units]    accumulators
    s: np.ndarray  # int32[n_units]    emitted values
    want: np.ndarray  # int32[n_units]    wanted values; those of the input populations, the first, come filled in
    seen: np.ndarray  # int32[n_seen]     operands as product edges have seen them
    alive: np.ndarray  # bool[n_proj]      whether any event has passed a projection
    spikes: np.ndarray  # int64[n_pop]      events emitted
    evaluated: np.ndarray  # int64[n_pop]      rows whose g was evaluated
    counts: np.ndarray  # int64[n_proj, 4]  see integer_net.deliver
    events: np.ndarray  # int32[n, 3]       (step, unit, size) of the first n events; n = 0 records nothing


class Trials(NamedTuple):
    """The same for all trials of a run, with a leading trial axis, and what belongs to the run."""

    inputs: np.ndarray  # int32[trials, n_inputs]
    acc: np.ndarray
    s: np.ndarray
    seen: np.ndarray
    alive: np.ndarray
    spikes: np.ndarray
    evaluated: np.ndarray
    counts: np.ndarray
    steps: np.ndarray  # int64[trials]      filled in
    n_events: np.ndarray  # int64[trials]      filled in
    events: np.ndarray  # int32[n, 3]        of all trials
    event_ptr: np.ndarray  # int64[trials + 1]  where each trial notes its events
    seeds: np.ndarray  # uint64[trials]


class Scratch(NamedTuple):
    """Room for one trial at a time."""

    n_inputs: np.ndarray  # int64[1]         input populations
    begin: np.ndarray  # int64[n_pop]
    pair: np.ndarray  # int64[2]
    queued: np.ndarray  # bool[n_rows]
    stale: np.ndarray  # bool[n_rows]      rows whose accumulators changed since their g was evaluated
    queue: np.ndarray  # int64[n_rows]
    coming: np.ndarray  # int64[n_rows]
    speaker: np.ndarray  # int64[n_units]
    spoken: np.ndarray  # int32[n_units]
    population: np.ndarray  # int64[n_units]    of the speaker


@leaf_inline
def _evaluate(net, units, p, row, trial):
    """Let the units of one row see their accumulators."""
    trial.evaluated[p] += 1
    width = net.width[p]
    first = net.unit_ptr[p] + (row - net.row_ptr[p]) * width
    params = net.params[net.param_ptr[p] : net.param_ptr[p + 1]]
    units[net.kind[p]](trial.acc[first : first + width], params, trial.want[first : first + width])


@leaf_inline
def _note(events, n, step, unit, size):
    if n < len(events):
        events[n, 0] = step
        events[n, 1] = unit
        events[n, 2] = size


@leaf_inline
def _change(net, code, p, begin, trial, change, n_events):
    """Let every unit of p speak until it has emitted what it wants.

    change : int32[n_units]   filled in for p: what each unit added, or 0
    Returns (events so far, the most that one unit emitted).
    """
    s, want = trial.s, trial.want
    length = 0
    for unit in range(net.unit_ptr[p], net.unit_ptr[p + 1]):
        difference = want[unit] - s[unit]
        change[unit] = difference
        if difference != 0:
            events, _ = events_of(code, np.int64(difference))
            trial.spikes[p] += events
            length = max(length, events)
            if len(trial.events) == 0:
                n_events += events
                s[unit] = want[unit]
                continue
            for step in range(begin, begin + events):
                size = next_event(code, np.int64(want[unit] - s[unit]))
                s[unit] += size
                _note(trial.events, n_events, step, unit, size)
                n_events += 1
    return n_events, length


@leaf_inline
def _deliver_rows(net, code, e, p, trial, change, pair):
    """Deliver all changes of p along a dense projection, two units of a row at a time: their targets are read and written once.

    pair : int64[2]   room
    """
    post = net.post[e]
    width, n_in, gain = net.width[post], net.n_step[e], np.int32(net.gain[e])
    first, begin = net.unit_ptr[p], net.unit_ptr[post]
    total, all_scaled = 0, 0
    for row in range((net.unit_ptr[p + 1] - first) // n_in):
        targets = trial.acc[begin + row * width : begin + (row + 1) * width]
        held = 0
        for channel in range(n_in):
            difference = change[first + row * n_in + channel]
            if difference != 0:
                events, scaled = events_of(code, np.int64(difference))
                total += events
                all_scaled += scaled
                pair[held] = channel
                held += 1
                if held == 2:
                    _add_two(net, e, pair[0], pair[1], change[first + row * n_in + pair[0]] * gain, difference * gain, targets)
                    held = 0
        if held == 1:
            entry = net.weight_ptr[e] + pair[0] * width
            add_row(net, e, entry, width, change[first + row * n_in + pair[0]] * gain, targets)
    trial.counts[e, EVENTS] += total
    trial.counts[e, SYNOPS] += total * width
    trial.counts[e, SCALED] += all_scaled * width
    trial.alive[e] |= total > 0


@leaf_inline
def _add_two(net, e, channel, other, d, d_other, targets):
    n = len(targets)
    one, two = net.weight_ptr[e] + channel * n, net.weight_ptr[e] + other * n
    if net.wide[e]:
        a16, b16 = net.weights16[one : one + n], net.weights16[two : two + n]
        for j in range(n):
            targets[j] += d * np.int32(a16[j]) + d_other * np.int32(b16[j])
    else:
        a8, b8 = net.weights8[one : one + n], net.weights8[two : two + n]
        for j in range(n):
            targets[j] += d * np.int32(a8[j]) + d_other * np.int32(b8[j])


@leaf
def settle_in_order(net, units, code, fresh, trial, seed, scratch):
    """Schedule 'settled': a population speaks once all that feed it are silent.

    What a unit has to say is then known at once, so that its events are delivered as one and counted one by one.
    """
    begin, stale = scratch.begin, scratch.stale  # step at which p starts to speak; rows whose accumulators have changed
    begin[:] = 0
    stale[:] = fresh
    scratch.queued[:] = True  # rows are looked at in their order, not queued
    for row in range(net.row_ptr[scratch.n_inputs[0]]):
        stale[row] = True
    n_events = 0
    last = 0
    for p in range(len(net.width)):
        reached = False
        for row in range(net.row_ptr[p], net.row_ptr[p + 1]):
            if stale[row]:
                _evaluate(net, units, p, row, trial)
                reached = True
        if not reached:
            continue
        n_events, length = _change(net, code, p, begin[p], trial, scratch.spoken, n_events)
        last = max(last, begin[p] + length)
        for e in range(net.out_ptr[p], net.out_ptr[p + 1]):
            begin[net.post[e]] = max(begin[net.post[e]], begin[p] + length)
            if length > 0:
                _pass_on(net, code, e, p, fresh, trial, scratch)
    return last, n_events


@leaf_inline
def _pass_on(net, code, e, p, fresh, trial, scratch):
    """Deliver all changes of p along projection e."""
    change, first = scratch.spoken, net.unit_ptr[p]
    in_rows = net.connectivity[e] == DENSE and net.layout[e] == PLAIN
    if in_rows:
        _deliver_rows(net, code, e, p, trial, change, scratch.pair)
        if fresh:
            return
    for unit in range(first, net.unit_ptr[p + 1]):
        difference = np.int64(change[unit])
        if difference != 0:
            if not in_rows:
                events, scaled = events_of(code, difference)
                deliver(net, e, unit - first, difference, events, scaled, trial.acc, trial.seen, trial.alive, trial.counts)
            if not fresh:
                touch(net, e, unit - first, scratch.queued, scratch.stale, scratch.queue, 0)


@leaf_inline
def _begin(net, fresh, scratch):
    """Queue the rows to look at first: all of a fresh trial, those of the inputs when it continues. Returns their number."""
    n = len(net.row_pop) if fresh else net.row_ptr[scratch.n_inputs[0]]
    scratch.stale[:] = fresh
    scratch.queued[:] = False
    for row in range(n):
        scratch.queue[row] = row
        scratch.queued[row] = True
    return n


@leaf_inline
def _speak(net, units, row, code, step, trial, scratch, n_events, n_speakers):
    """One event from every unit of `row` that differs from its target; returns (events, speakers, whether any differs still)."""
    s, want = trial.s, trial.want
    p = net.row_pop[row]
    if scratch.stale[row]:
        _evaluate(net, units, p, row, trial)
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
            _note(trial.events, n_events, step, unit, size)
            n_events += 1
            unsettled |= s[unit] != want[unit]
    return n_events, n_speakers, unsettled


@leaf
def settle_eagerly(net, units, code, fresh, trial, seed, scratch):
    """Schedule 'eager': every unit that differs from its target emits one event in each global step."""
    queued, stale = scratch.queued, scratch.stale
    queue, coming = scratch.queue, scratch.coming  # rows to look at in this step, in the next
    n_queued = _begin(net, fresh, scratch)
    n_events, step = 0, 0
    while n_queued > 0:
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
    return step, n_events


@leaf_inline
def _random(state):
    """Next number of a SplitMix64 sequence, and its state. Source: Steele, Lea & Flood (2014), section 5."""
    state = state + np.uint64(0x9E3779B97F4A7C15)
    z = state
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31)), state


@leaf_inline
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
    n_pool = _begin(net, fresh, scratch)
    room = n_rows + len(net.post) + 1  # what one draw may add
    pool = np.empty((4 * room, 3), dtype=np.int64)
    for row in range(n_pool):
        pool[row, 0], pool[row, 1], pool[row, 2] = -1, row, 0
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
            if stale[row]:
                _evaluate(net, units, p, row, trial)
                stale[row] = False
            draw, state = _random(state)
            speaker = _random_speaker(net, row, s, want, draw)
            if speaker >= 0:
                size = np.int64(next_event(code, want[speaker] - s[speaker]))
                s[speaker] += size
                trial.spikes[p] += 1
                _note(trial.events, n_events, n_events, speaker, size)
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
    return n_events, n_events


@kernel
def settle_trials(net, units, schedule, code, fresh, trials, first, last):
    """Settle the trials first .. last - 1, one after another.

    schedule : 0 settled, 1 eager, 2 shuffled
    fresh : bool      False when the state is that of a settled run: only what the inputs change is then looked at
    trials : Trials   modified in place
    """
    n_pop, n_rows, n_units = len(net.width), len(net.row_pop), trials.acc.shape[1]
    want = np.empty(n_units, dtype=np.int32)
    scratch = Scratch(
        np.array([np.searchsorted(net.unit_ptr, trials.inputs.shape[1])]),
        np.empty(n_pop, dtype=np.int64),
        np.empty(2, dtype=np.int64),
        np.empty(n_rows, dtype=np.bool_),
        np.empty(n_rows, dtype=np.bool_),
        np.empty(n_rows, dtype=np.int64),
        np.empty(n_rows, dtype=np.int64),
        np.empty(n_units, dtype=np.int64),
        np.empty(n_units, dtype=np.int32),
        np.empty(n_units, dtype=np.int64),
    )
    for i in range(first, last):
        want[:] = trials.s[i]
        want[: trials.inputs.shape[1]] = trials.inputs[i]
        trial = Trial(
            trials.acc[i],
            trials.s[i],
            want,
            trials.seen[i],
            trials.alive[i],
            trials.spikes[i],
            trials.evaluated[i],
            trials.counts[i],
            trials.events[trials.event_ptr[i] : trials.event_ptr[i + 1]],
        )
        if schedule == 0:
            done = settle_in_order(net, units, code, fresh, trial, trials.seeds[i], scratch)
        elif schedule == 1:
            done = settle_eagerly(net, units, code, fresh, trial, trials.seeds[i], scratch)
        else:
            done = settle_shuffled(net, units, code, fresh, trial, trials.seeds[i], scratch)
        trials.steps[i], trials.n_events[i] = done
