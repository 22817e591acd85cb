"""Schedule 'settled': a population speaks once all that feed it are silent."""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import leaf_part
from snnsim.kernels.integer_net import DENSE, FIRST_SPIKE, PLAIN, SCALED, SYNOPS, add_row, deliver, events_of, next_event, touch
from snnsim.kernels.trial import evaluate, note, time_of


@leaf_part
def _change(net, code, p, begin, trial, change, n_events):
    """Let every unit of p speak until it has emitted what it wants.

    change : int32[n_units]   filled in for p: what each unit added, or 0
    Returns (events so far, the steps they take).
    """
    s, want = trial.s, trial.want
    length = 0
    for unit in range(net.unit_ptr[p], net.unit_ptr[p + 1]):
        difference = want[unit] - s[unit]
        change[unit] = difference
        if difference != 0:
            events, _ = events_of(code, np.int64(difference))
            trial.spikes[p] += events
            length = max(length, net.window[p] if code == FIRST_SPIKE else events)
            if len(trial.events) == 0:
                n_events += events
                s[unit] = want[unit]
                continue
            for step in range(begin, begin + events):
                size = next_event(code, np.int64(want[unit] - s[unit]))
                s[unit] += size
                note(trial.events, n_events, time_of(code, step, net.window[p], size), unit, size)
                n_events += 1
    return n_events, length


@leaf_part
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
    trial.counts[e, SYNOPS] += total * width
    trial.counts[e, SCALED] += all_scaled * width
    trial.alive[e] |= total > 0


@leaf_part
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


@leaf_part
def settle_in_order(net, units, code, fresh, trial, seed, scratch):
    """Schedule 'settled': a population speaks once all that feed it are silent.

    What a unit has to say is then known at once, so that its events are delivered as one and counted one by one.
    """
    begin, stale = scratch.begin, scratch.stale  # step at which p starts to speak; rows whose accumulators have changed
    for p in range(len(begin)):
        begin[p] = 0
    for row in range(len(stale)):
        stale[row] = scratch.new[row]
        scratch.queued[row] = True  # rows are looked at in their order, not queued
    for row in range(net.row_ptr[scratch.n_inputs[0]]):
        stale[row] = True
    n_events = 0
    last = 0
    for p in range(len(net.width)):
        reached = False
        for row in range(net.row_ptr[p], net.row_ptr[p + 1]):
            if stale[row] and not scratch.asleep[row]:
                evaluate(net, units, p, row, trial)
                reached = True
        if not reached:
            continue
        n_events, length = _change(net, code, p, begin[p], trial, scratch.spoken, n_events)
        last = max(last, begin[p] + length)
        for e in range(net.out_ptr[p], net.out_ptr[p + 1]):
            begin[net.post[e]] = max(begin[net.post[e]], begin[p] + length)
            if length > 0:
                _pass_on(net, code, e, p, fresh, trial, scratch)
    return last, n_events, True


@leaf_part
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
