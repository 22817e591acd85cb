"""What a schedule works on: the state of one trial, its counters, and room to work in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsim.kernels._jit import leaf_part
from snnsim.kernels.integer_net import FIRST_SPIKE


class Trial(NamedTuple):
    """The state of one trial and its counters; everything is modified in place."""

    acc: np.ndarray  # int32[n_units]    accumulators
    s: np.ndarray  # int32[n_units]    emitted values
    want: np.ndarray  # int32[n_units]    wanted values; those of the input populations, the first, come filled in
    seen: np.ndarray  # int32[n_seen]     operands as product edges have seen them
    alive: np.ndarray  # bool[n_proj]      whether any event has passed a projection
    spikes: np.ndarray  # int64[n_pop]      events emitted
    evaluated: np.ndarray  # int64[n_pop]      rows whose g was evaluated
    counts: np.ndarray  # int64[n_proj, 3]  see integer_net.deliver
    trace: np.ndarray  # int32[n, n_traced] acc, or s of chosen units after 0, 1, ... rounds; n = 0 records nothing
    told: np.ndarray  # int64[n]           events emitted by then
    events: np.ndarray  # int32[n, 3]       (step, unit, size) of the first n events; n = 0 records nothing


class Scratch(NamedTuple):
    """Room for one trial at a time."""

    n_inputs: np.ndarray  # int64[1]         input populations
    limit: np.ndarray  # int64[1]         most steps of the eager schedule
    round: np.ndarray  # int64[1]         steps that one event of each unit takes: 1, or the longest window
    new: np.ndarray  # bool[n_rows]      see Trials
    asleep: np.ndarray  # bool[n_rows]
    traced: np.ndarray  # int64[n_traced]
    begin: np.ndarray  # int64[n_pop]
    pair: np.ndarray  # int64[2]
    queued: np.ndarray  # bool[n_rows]
    stale: np.ndarray  # bool[n_rows]      rows whose accumulators changed since their g was evaluated
    queue: np.ndarray  # int64[n_rows]
    coming: np.ndarray  # int64[n_rows]
    speaker: np.ndarray  # int64[n_units]
    spoken: np.ndarray  # int32[n_units]
    population: np.ndarray  # int64[n_units]    of the speaker
    want: np.ndarray  # int32[n_units]


@leaf_part
def evaluate(net, units, p, row, trial):
    """Let the units of one row see their accumulators."""
    trial.evaluated[p] += 1
    width = net.width[p]
    first = net.unit_ptr[p] + (row - net.row_ptr[p]) * width
    params = net.params[net.param_ptr[p] : net.param_ptr[p + 1]]
    units[net.kind[p]](trial.acc[first : first + width], params, trial.want[first : first + width])


@leaf_part
def note(events, n, step, unit, size):
    if n < len(events):
        events[n, 0] = step
        events[n, 1] = unit
        events[n, 2] = size


@leaf_part
def time_of(code, begin, window, size):
    """Step of the event of `size` that a unit emits from step `begin` on: a larger change comes earlier in its window."""
    return begin + window - abs(size) if code == FIRST_SPIKE else begin


@leaf_part
def first_rows(net, scratch):
    """Queue the rows to look at first: those of the inputs, and the new ones. Returns their number."""
    n, inputs = 0, net.row_ptr[scratch.n_inputs[0]]
    for row in range(len(net.row_pop)):
        scratch.stale[row] = scratch.new[row]
        scratch.queued[row] = row < inputs or scratch.new[row]
        if scratch.queued[row]:
            scratch.queue[n] = row
            n += 1
    return n
