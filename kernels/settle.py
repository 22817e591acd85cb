"""Schedules: in which order the units of a network speak. Every one of them ends in the same, silent state.

Every schedule takes the network, the tuple of unit functions g (see integer_units), the code by which values travel, one
trial, a seed (used by the shuffled schedule only) and room to work in.

Each returns (steps, events emitted, silent): steps is the latency in global steps of one event per unit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsim.kernels._jit import leaf, leaf_part
from snnsim.kernels.eager import settle_eagerly
from snnsim.kernels.integer_net import FIRST_SPIKE
from snnsim.kernels.settled import settle_in_order
from snnsim.kernels.shuffled import settle_shuffled
from snnsim.kernels.trial import Scratch, Trial


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
    trace: np.ndarray
    told: np.ndarray
    traced: np.ndarray  # int64[n_traced]    the chosen units, for their acc; those of n_units + unit, for their s
    silent: np.ndarray  # bool[trials]       filled in
    new: np.ndarray  # bool[n_rows]       rows to look at although no event touches them
    asleep: np.ndarray  # bool[n_rows]       rows to leave alone: what they depend on has not been given
    limit: np.ndarray  # int64[1]           most steps; the eager schedule stops there
    seeds: np.ndarray  # uint64[trials]


def scratch_for(net, trials, code):
    """Return room to work in for one trial at a time; every task has its own."""
    n_pop, n_rows, n_units = len(net.width), len(net.row_pop), trials.acc.shape[1]
    return Scratch(
        n_inputs=np.array([np.searchsorted(net.unit_ptr, trials.inputs.shape[1])], dtype=np.int64),
        limit=trials.limit,
        round=np.array([net.window.max() if code == FIRST_SPIKE else 1], dtype=np.int64),
        new=trials.new,
        asleep=trials.asleep,
        traced=trials.traced,
        begin=np.empty(n_pop, dtype=np.int64),
        pair=np.empty(2, dtype=np.int64),
        queued=np.empty(n_rows, dtype=np.bool_),
        stale=np.empty(n_rows, dtype=np.bool_),
        queue=np.empty(n_rows, dtype=np.int64),
        coming=np.empty(n_rows, dtype=np.int64),
        speaker=np.empty(n_units, dtype=np.int64),
        spoken=np.empty(n_units, dtype=np.int32),
        population=np.empty(n_units, dtype=np.int64),
        want=np.empty(n_units, dtype=np.int32),
    )


def _trial(trials, scratch, i):
    """Return the arrays of trial i."""
    return Trial(
        trials.acc[i],
        trials.s[i],
        scratch.want,
        trials.seen[i],
        trials.alive[i],
        trials.spikes[i],
        trials.evaluated[i],
        trials.counts[i],
        trials.trace[i],
        trials.told[i],
        trials.events[trials.event_ptr[i] : trials.event_ptr[i + 1]],
    )


_arrays = leaf_part(_trial)


@leaf_part
def _begin(trials, scratch, i):
    """Return trial i as it begins: each unit wants what it has emitted, the inputs what they are given."""
    want, n_inputs = scratch.want, trials.inputs.shape[1]
    for unit in range(len(want)):
        want[unit] = trials.inputs[i, unit] if unit < n_inputs else trials.s[i, unit]
    return _arrays(trials, scratch, i)


@leaf
def _in_order(net, units, code, fresh, trials, scratch, first, last):
    for i in range(first, last):
        done = settle_in_order(net, units, code, fresh, _begin(trials, scratch, i), trials.seeds[i], scratch)
        trials.steps[i], trials.n_events[i], trials.silent[i] = done


@leaf
def _eagerly(net, units, code, fresh, trials, scratch, first, last):
    for i in range(first, last):
        done = settle_eagerly(net, units, code, fresh, _begin(trials, scratch, i), trials.seeds[i], scratch)
        trials.steps[i], trials.n_events[i], trials.silent[i] = done


def _shuffled(net, units, code, fresh, trials, scratch, first, last):
    # Not compiled: the schedule allocates and so counts references, and arrays borrowed from a leaf must not be counted.
    for i in range(first, last):
        scratch.want[:] = trials.s[i]
        scratch.want[: trials.inputs.shape[1]] = trials.inputs[i]
        done = settle_shuffled(net, units, code, fresh, _trial(trials, scratch, i), trials.seeds[i], scratch)
        trials.steps[i], trials.n_events[i], trials.silent[i] = done


#: by schedule: settled, eager or timed, shuffled. A kernel for each, so that only those in use are compiled.
_DRIVERS = (_in_order, _eagerly, _shuffled)


def settle_trials(net, units, schedule, code, fresh, trials, first, last):
    """Settle the trials first .. last - 1, one after another.

    schedule : 0 settled, 1 eager or timed, 2 shuffled
    fresh : bool      whether all rows that are not asleep are new, so that nobody need keep track of what an event touches
    trials : Trials   modified in place
    """
    _DRIVERS[schedule](net, units, code, fresh, trials, scratch_for(net, trials, code), first, last)
