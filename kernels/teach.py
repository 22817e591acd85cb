"""One step of a plastic projection on the clock: its targets' spikes are attended to, arriving spikes learn and are delivered.

Within a step, in the frame of the spikes that arrive: postsynaptic spikes before, those at the same time as far as the delay
says that they come first, then the arriving ones by delay and source.
"""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import leaf, leaf_apart, leaf_inline, leaf_part
from snnsim.kernels.banked import empty, reopen, set_moment
from snnsim.kernels.call import attend_at, learn_at
from snnsim.kernels.deliver import list_all
from snnsim.kernels.dopamine import end_epoch, flow, gather, release, spike_amount
from snnsim.kernels.layout import DENSE
from snnsim.kernels.lessons import POTENTIATE, TRACE
from snnsim.kernels.memory import ANY, borrow
from snnsim.kernels.release import released

_SEEN = np.uint8(1)


@leaf_part
def _attend(made, q, which, part, lessons, sent, post, t, what):
    """Attend to the spikes that the targets of this thread made in step `made`. Returns the updates made."""
    if made < 0:
        return 0
    slot, updates = made % sent.answer.shape[1], 0
    n, low, size = sent.answer[part, slot, post], sent.low[part, post], sent.low[part + 1, post] - sent.low[part, post]
    at = 2 * (sent.first[post] + low)
    attend = attend_at(lessons.attend[lessons.table[q].rule])
    for k in range(size if n == DENSE else n):
        for _ in range(sent.spikes[slot, at + size + k]):
            updates += attend(lessons.table, q, which, np.int64(k) if n == DENSE else np.int64(sent.spikes[slot, at + k]), t, what)
    return updates


@leaf_part
def _some(made, sent, part, population):
    """Whether this thread's part of a population fired in step `made`."""
    return made >= 0 and sent.answer[part, made % sent.answer.shape[1], population] != 0


@leaf_apart
def attend_all(step, stop, q, part, lessons, sent, post):
    """Attend to postsynaptic spikes before the arrivals of `step`. Returns the updates made.

    stop : int   steps that have been taken: spikes made later, and what they would meet, do not exist
    """
    s, updates = lessons.table[q], 0
    now = step + 1.0
    if s.banked == 0:
        return _attend(step - 1, q, 0, part, lessons, sent, post, now - 1.0, TRACE) if step <= stop else 0
    leads, delays = borrow(s.class_lead, ANY, np.int64), borrow(s.class_delay, ANY, np.int64)
    # An axonal spike comes before a postsynaptic one of its time, a dendritic one in their midst: after x, before y.
    tie = 0 if s.axonal > 0 else 1
    some = False
    for which in range(s.n_classes):
        some |= _some(step - leads[which] - tie, sent, part, post)
    if some:
        set_moment(lessons.table, q, step)
        for which in range(s.n_classes):
            if step < stop + delays[which]:
                made = step - leads[which] - tie
                if tie == 0:
                    updates += _attend(made, q, which, part, lessons, sent, post, now - 1.0, POTENTIATE)
                _attend(made, q, which, part, lessons, sent, post, now - 1.0, TRACE)
    if (step + 1 - s.begun) % s.epoch == 0:
        reopen(lessons.table, q)
    set_moment(lessons.table, q, step + 1)
    if tie == 1:
        for which in range(s.n_classes):
            if step < stop + delays[which]:
                updates += _attend(step - leads[which], q, which, part, lessons, sent, post, now, POTENTIATE)
    return updates


@leaf_part
def _run_of(s, source, which):
    """Return the run of a source at one delay, or -1."""
    row_ptr, classes = borrow(s.row_ptr, ANY, np.int64), borrow(s.which, ANY, np.int64)
    run, end = row_ptr[source], row_ptr[source + 1]
    while run < end and classes[run] < which:
        run += 1
    return run if run < end and classes[run] == which else -1


@leaf_part
def meet_run(lessons, q, run, t, times):
    """Let a run of synapses learn from `times` spikes made at t, and write the weights they meet. Returns the updates made."""
    s = lessons.table[q]
    if s.rule >= 0:
        return learn_at(lessons.learn[s.rule])(lessons.table, q, run, t, times)
    run_ptr, weight, out = borrow(s.run_ptr, ANY, np.int64), borrow(s.weight, ANY, np.float64), borrow(s.out, ANY, np.float64)
    first = run_ptr[run]
    for syn in range(first, run_ptr[run + 1]):
        out[syn - first] = weight[syn]
    return 0


@leaf
def meet_now(lessons, q, run, t):
    """`meet_run` for one spike, for callers in Python."""
    meet_run(lessons, q, run, t, 1)


@leaf
def settle(lessons, q, t, look):
    """Apply what is pending at t to the runs of projection q that is replayed. Returns the updates made.

    look : bool   all that has reached the synapse by t; else only what no spike under way, or still to be made, may precede
    """
    s, updates = lessons.table[q], 0
    delay = borrow(s.delay, ANY, np.float64)
    for run in range(s.n_runs):
        until = t
        if s.axonal == 0 and not look:
            until = t - delay[run]
        elif s.axonal > 0 and look:
            # Axonal spikes of this time have arrived, so that the postsynaptic ones behind them have their turn.
            until = np.nextafter(t, np.inf)
        updates += learn_at(lessons.learn[s.rule])(lessons.table, q, run, until, 0)
    return updates


@leaf
def pour(step, q, lessons, sent, listed):
    """Bring the dopamine of projection q to the end of `step`, with what spikes release then. Returns the updates made."""
    s, updates = lessons.table[q], 0
    flow(s, step)
    if (step + 1 - s.begun) % s.epoch == 0:
        updates = settle(lessons, q, step + 1.0, False)
        end_epoch(s, step)
    made = step - s.giver_delay
    if s.giver >= 0 and made >= 0:
        total = 0
        for k in range(list_all(sent, made % sent.answer.shape[1], s.giver, listed)):
            total += listed[1, k]
        release(lessons.table, q, total * spike_amount(s))
    return updates


@leaf_inline
def _add(gain, weight, factor, inputs, n):
    """Add n weights to as many inputs, one after the other."""
    for k in range(n):
        inputs[k] += gain * (weight[k] * factor)


@leaf_apart
def teach(step, stop, q, part, lessons, strand, sent, listed, marks, lands, inputs):
    """Take `step` of plastic projection q: learn, and add the weights of arriving spikes to the inputs.

    strand : STRAND[Q]
    stop : int                    steps that have been taken, as in `attend_all`
    inputs : float[...] or None   inputs or state of the post population, modified in place; None: only learn
    lands : bool                  also mark the neurons that receive
    """
    t, s = lessons.table[q], strand[q]
    if t.rule >= 0:
        s.updates += attend_all(step, stop, q, part, lessons, sent, s.post)
        if t.dopamine != 0:
            s.updates += pour(step, q, lessons, sent, listed)
    run_ptr, out = borrow(t.run_ptr, ANY, np.int64), borrow(t.out, ANY, np.float64)
    narrow, wide, is_wide = borrow(t.target, ANY, np.uint16), borrow(t.target, ANY, np.uint32), t.wide > 0
    place, mark, split, plus, minus = s.place, s.mark, s.split, s.plus, s.minus
    aligned = t.consecutive > 0 and split == 0 and plus == minus
    for which in range(t.n_classes):
        delay = borrow(t.class_delay, ANY, np.int64)[which]
        if step < delay or step >= stop + delay:
            continue
        n = list_all(sent, (step - delay) % sent.answer.shape[1], s.pre, listed)
        for k in range(n):
            run, times = _run_of(t, np.int64(listed[0, k]), which), np.int64(listed[1, k])
            if run < 0:
                continue
            made = step - delay + 1.0
            s.updates += meet_run(lessons, q, run, made, times)
            if inputs is not None:
                factor = np.float64(times)
                if t.release != 0:
                    factor = released(lessons.table, q, run, made, times)
                first, last = np.uint64(run_ptr[run]), np.uint64(run_ptr[run + 1])
                if aligned and last > first:
                    at = place + (np.uint64(wide[first]) if is_wide else np.uint64(narrow[first]))
                    _add(plus, out, factor, inputs[np.int64(at) :], last - first)
                for syn in range(last if aligned else first, last):
                    target, w = np.uint64(wide[syn]) if is_wide else np.uint64(narrow[syn]), out[syn - first] * factor
                    if w < 0.0:
                        inputs[place + target + split] += minus * w
                    else:
                        inputs[place + target] += plus * w
                if lands:
                    for syn in range(first, last):
                        marks[mark + (np.uint64(wide[syn]) if is_wide else np.uint64(narrow[syn]))] = _SEEN


@leaf
def forget(table, q, until):
    """Release spikes at or before `until` from the histories of projection q, but the newest of them: it holds the traces."""
    s = table[q]
    history, held = borrow(s.history, ANY, np.float64), borrow(s.held, ANY, np.int64)
    for target in range(s.n_post):
        first, n = target * (s.depth + 1) * s.width, held[target]
        while n > 1 and history[first + (n - 2) * s.width] <= until:
            n -= 1
        held[target] = n


@leaf
def finish(stop, q, part, lessons, strand, sent, listed):
    """Bring the weights of projection q from those that arriving spikes met to those at `stop`, steps taken.

    Behind a dendritic delay spikes under way have reached the synapse. For looking only: traces and strand are changed.
    """
    s = lessons.table[q]
    if s.axonal > 0:
        attend_all(stop, stop, q, part, lessons, sent, strand[q].post)
    else:
        delays, longest = borrow(s.class_delay, ANY, np.int64), np.int64(0)
        for which in range(s.n_classes):
            longest = max(longest, delays[which])
        for step in range(stop, stop + longest):
            teach(step, stop, q, part, lessons, strand, sent, listed, None, False, None)
    if s.banked > 0:
        empty(lessons.table, q)
        return
    settle(lessons, q, np.float64(stop), True)
    if s.dopamine != 0:
        gather(lessons.table, q, np.float64(stop))
