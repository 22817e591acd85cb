"""Flat tables shared by the drivers. Populations and projections are rows; their arrays lie end to end.

One compiled driver then serves networks of any number of populations: a tuple of arrays per projection would be
compiled anew for every network.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import types

#: How a population takes one clock step:
#: (step, state[rows, :], coef[rows, :], inputs[channels, n], key, events[2, n], tally[2]) -> spikes.
#: Row 0 of `events` receives the neurons that fired in ascending order, row 1 how often; `tally[0]` grows by the neurons
#: that had input. The driver clears `inputs`.
CLOCK_STEP = types.int64(
    types.int64,
    types.float64[:, ::1],
    types.float64[:, ::1],
    types.float64[:, ::1],
    types.uint64,
    types.int32[:, ::1],
    types.int64[::1],
)

#: How a population handles one instant: (t, touched[k], state, clocks[3, n], coef, inputs, key, fired[n], tally[2]) -> spikes.
#: `clocks` holds, per neuron, the time of `state`, the end of refractoriness and the time of the next spike without
#: further input (infinity for none). A neuron fires at `t` when it is due at `t` or its input lifts it over threshold.
#: The kernel clears the inputs it used, sets the new due times, and adds driven and idle updates to `tally`.
EVENT_ADVANCE = types.int64(
    types.float64,
    types.int32[::1],
    types.float64[:, ::1],
    types.float64[:, ::1],
    types.float64[:, ::1],
    types.float64[:, ::1],
    types.uint64,
    types.int32[::1],
    types.int64[::1],
)

#: The states of a population at time t, without moving it there: (t, state, clocks, coef, out[n_states, n]).
EVENT_PEEK = types.void(types.float64, types.float64[:, ::1], types.float64[:, ::1], types.float64[:, ::1], types.float64[:, ::1])

LAST, READY, DUE = 0, 1, 2


class Cells(NamedTuple):
    """All populations. State and coefficients of population p are matrices stored row by row from `*_ptr[p]`."""

    size: np.ndarray  # int64[P]  neurons
    first: np.ndarray  # int64[P + 1]  global number of neuron 0; last: all neurons
    kind: np.ndarray  # int64[P]  which kernel of the driver's tuple
    key: np.ndarray  # uint64[P]  random stream
    channels: np.ndarray  # int64[P]  input channels
    input_first: np.ndarray  # int64[P]  input column of neuron 0, channel 0
    state_ptr: np.ndarray  # int64[P + 1]
    state_rows: np.ndarray  # int64[P]
    coef_ptr: np.ndarray  # int64[P + 1]
    coef_rows: np.ndarray  # int64[P]
    state: np.ndarray  # float64[...]  modified by a run
    coef: np.ndarray  # float64[...]
    tally: np.ndarray  # int64[P, 3]  updates with input, updates without, spikes


class Wiring(NamedTuple):
    """All projections: a source owns runs of equal delay, a run owns synapses sorted by target."""

    post: np.ndarray  # int64[Q]  population
    out_ptr: np.ndarray  # int64[P + 1]  projections by pre population
    out: np.ndarray  # int64[Q]
    row_first: np.ndarray  # int64[Q]  position of source 0 in row_ptr
    row_ptr: np.ndarray  # int64[sum(n_pre + 1)]  source -> runs
    run_ptr: np.ndarray  # int64[n_runs + 1]  run -> synapses
    run_final: np.ndarray  # bool[n_runs]  no later run of this source
    delay: np.ndarray  # float64[n_runs] ms (event) or int64[n_runs] steps (clock)
    target: np.ndarray  # uint16[n_synapses], or uint32 where a population is larger than 65,536
    syn_first: np.ndarray  # int64[Q]
    weight_first: np.ndarray  # int64[Q]
    weight_stride: np.ndarray  # int64[Q]  0: one weight for the projection, 1: one per synapse
    weight: np.ndarray  # float64[...]  modified by learning
    column: np.ndarray  # int64[Q]  input column of target 0 for weights >= 0
    identity: np.ndarray  # bool[Q]  neuron i projects to neuron i alone, with one weight and one delay
    split: np.ndarray  # int64[Q]  added to the column for weights < 0
    tally: np.ndarray  # int64[Q, 2]  synaptic operations, plasticity updates


class Learning(NamedTuple):
    """Pair STDP of all plastic projections: traces by run, spike history by postsynaptic neuron. Times in the driver's unit."""

    rule: np.ndarray  # int64[Q]  row of coef, or -1
    coef: np.ndarray  # float64[L, 6]  a_plus * w_max, a_minus * w_max, tau_plus, tau_minus, w_min, w_max
    into_ptr: np.ndarray  # int64[P + 1]  plastic projections by post population
    into: np.ndarray  # int64[L]
    trace_first: np.ndarray  # int64[Q]  x_pre of run r is at trace_first + r
    x_pre: np.ndarray  # float64[n_traces]  just after the last presynaptic spike
    t_pre: np.ndarray  # float64[n_traces]  its time
    seen: np.ndarray  # float64[n_traces]  postsynaptic spikes reaching the synapse up to here are applied
    row_first: np.ndarray  # int64[Q]  history row of target 0
    time: np.ndarray  # float64[n_rows, depth]  postsynaptic spikes, a ring
    x_post: np.ndarray  # float64[n_rows, depth]  trace just after each
    written: np.ndarray  # int64[n_rows]  spikes ever written
    low: np.ndarray  # int64[n_rows]  oldest one still needed
    full: np.ndarray  # bool[1]  some row has one place left
