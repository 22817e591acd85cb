"""Schedules: in which order the units of a network speak. Every one of them ends in the same, silent state.

Every schedule takes the network, the tuple of unit functions g (see integer_units), the code by which values travel, one
trial, a seed (used by the shuffled schedule only) and room to work in.

Each returns (steps, events emitted, silent): steps is the latency in global steps of one event per unit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsim.kernels._jit import kernel
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


@kernel
def settle_trials(net, units, schedule, code, fresh, trials, first, last):
    """Settle the trials first .. last - 1, one after another.

    schedule : 0 settled, 1 eager or timed, 2 shuffled
    fresh : bool      whether all rows that are not asleep are new, so that nobody need keep track of what an event touches
    trials : Trials   modified in place
    """
    n_pop, n_rows, n_units = len(net.width), len(net.row_pop), trials.acc.shape[1]
    want = np.empty(n_units, dtype=np.int32)
    scratch = Scratch(
        np.array([np.searchsorted(net.unit_ptr, trials.inputs.shape[1])]),
        trials.limit,
        np.array([net.window.max() if code == FIRST_SPIKE else 1]),
        trials.new,
        trials.asleep,
        trials.traced,
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
            trials.trace[i],
            trials.told[i],
            trials.events[trials.event_ptr[i] : trials.event_ptr[i + 1]],
        )
        if schedule == 0:
            done = settle_in_order(net, units, code, fresh, trial, trials.seeds[i], scratch)
        elif schedule == 1:
            done = settle_eagerly(net, units, code, fresh, trial, trials.seeds[i], scratch)
        else:
            done = settle_shuffled(net, units, code, fresh, trial, trials.seeds[i], scratch)
        trials.steps[i], trials.n_events[i], trials.silent[i] = done
