"""Flat tables shared by the drivers. Populations and projections are rows; their arrays lie end to end.

One compiled driver then serves networks of any number of populations: a tuple of arrays per projection would be
compiled anew for every network.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import types


def _clock_step(number: types.Type) -> Any:
    table = number[:, ::1]
    return types.int64(types.int64, table, table, table, types.uint64, types.int32[:, ::1], types.int64[::1])


#: How a population takes one clock step:
#: (step, state[rows, :], coef[rows, :], inputs[channels, n], key, events[2, n], tally[2]) -> spikes.
#: Row 0 of `events` receives the neurons that fired in ascending order, row 1 how often. A kernel may answer `DENSE`
#: instead: then row 1 holds the number of spikes of every neuron. `tally` grows by the neurons that had input and by those
#: that had none. The driver clears `inputs`.
CLOCK_STEP = _clock_step(types.float64)

#: The same in single precision.
CLOCK_STEP_SINGLE = _clock_step(types.float32)

#: The answer of a source that fires at nearly every step: listing its spikes would take longer than making them.
DENSE = -1

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
    """All populations, or the part of each that one thread owns. Matrices of population p lie row by row from `*_ptr[p]`."""

    size: np.ndarray  # int64[P]  neurons
    first: np.ndarray  # int64[P + 1]  number of neuron 0 among those of all populations; last: all neurons
    low: np.ndarray  # int64[P]  index of neuron 0 in its population
    kind: np.ndarray  # int64[P]  which kernel of the driver
    key: np.ndarray  # uint64[P]  random stream
    channels: np.ndarray  # int64[P]  input channels
    input_first: np.ndarray  # int64[P]  input column of neuron 0, channel 0
    state_ptr: np.ndarray  # int64[P + 1]
    state_rows: np.ndarray  # int64[P]
    coef_ptr: np.ndarray  # int64[P + 1]
    coef_rows: np.ndarray  # int64[P]
    state: np.ndarray  # float[...]  modified by a run
    coef: np.ndarray  # float[...]
    tally: np.ndarray  # int64[P, 3]  updates with input, updates without, spikes


#: How a projection of the clock engine keeps its synapses.
ONE_TO_ONE, ROWS, BITS, SPREAD, LEARNED, TIMED, MATRIX = range(7)


#: A projection of the clock engine, as one thread sees it; arrays of synapses by address (kernels/memory.py).
#: One array of such rows rather than an array per field: a driver is compiled for every array it is given.
#:
#: ONE_TO_ONE: neuron i to neuron i. ROWS: lists of targets, one delay. BITS: rows of bits, one weight and delay. MATRIX: every
#: pair once, a weight each, one delay (kernels/matrix.py). LEARNED: plastic, in kernels/lessons.py. These are delivered when they
#: arrive. SPREAD: lists of targets with a delay each, posted ahead (kernels/mail.py). TIMED: a delay each, laid out anew in rows by
#: delay (kernels/timed.py): of the arrays here, only row_ptr stays. A place counts from the start of the population's inputs or
#: state; places are unsigned and may wrap, since they belong to target 0 of the whole population.
STRAND = np.dtype(
    [
        ("kind", np.int64),
        ("pre", np.int64),
        ("post", np.int64),
        ("delay", np.int64),  # steps
        ("place", np.uint64),  # where target 0 takes weights >= 0
        ("split", np.uint64),  # added for weights < 0
        ("plus", np.float64),  # factor of weights >= 0
        ("minus", np.float64),  # factor of weights < 0
        ("mark", np.uint64),  # place of target 0 among the marks
        ("weight", np.float64),  # the one weight, times its factor
        ("row_ptr", np.int64),  # address of int64[n_pre + 1], of all targets
        ("begin", np.int64),  # address of int64[n_pre]: first synapse onto this thread's targets
        ("end", np.int64),  # address of int64[n_pre]: the one after the last
        ("target", np.int64),  # address of uint16 or uint32[n_synapses]
        ("wide", np.int64),  # 1: targets are uint32
        ("consecutive", np.int64),  # 1: targets of every source follow each other without a gap; only looked at for ROWS
        ("weights", np.int64),  # address of float32 or float64[n_synapses]; 0: one weight
        ("double", np.int64),  # 1: weights are float64
        ("which", np.int64),  # address of uint8 or uint16[n_synapses], which delay
        ("many", np.int64),  # 1: `which` is uint16
        ("delays_first", np.int64),
        ("delays_end", np.int64),
        ("bits", np.int64),  # address of uint64[n_pre, stride]
        ("stride", np.int64),  # words of a row of bits, weights of a row of a matrix
        ("low", np.int64),  # first target of this thread, of a matrix
        ("word", np.int64),  # first word of this thread's targets
        ("synops", np.int64),  # counted by a run: synaptic operations
        ("updates", np.int64),  # counted by a run: plasticity updates
    ]
)


class Fabric(NamedTuple):
    """All projections of the clock engine, and who reads them when."""

    strand: np.ndarray  # STRAND[Q]
    delays: np.ndarray  # int64[...]  steps
    into_ptr: np.ndarray  # int64[P + 1]  projections delivered on arrival, by post population
    into: np.ndarray  # int64[...]
    ahead_ptr: np.ndarray  # int64[P + 1]  projections posted ahead, by pre population
    ahead: np.ndarray  # int64[...]
    out_ptr: np.ndarray  # int64[P + 1]  all projections, by pre population
    out: np.ndarray  # int64[Q]


class Sent(NamedTuple):
    """Spikes of the last steps, of all threads: thread k owns places first[p] + low[k, p] up to first[p] + low[k + 1, p]."""

    spikes: np.ndarray  # int32[n_slots, 2 * N]  per thread and population the two rows of `events`
    answer: np.ndarray  # int64[T, n_slots, P]  neurons that fired, or DENSE
    low: np.ndarray  # int64[T + 1, P]
    first: np.ndarray  # int64[P]
    order: np.ndarray  # int64[P]  in which populations take a step: after those that reach them without delay
    together: np.ndarray  # bool[P]  by place in this order: all threads meet after it, for projections without delay


class Scratch(NamedTuple):
    """What one thread works with between the steps."""

    inputs: np.ndarray  # float[width]  of one step; zero between populations
    marks: np.ndarray  # uint8[N, up to whole words]  neurons with input; zero between populations
    mailed: np.ndarray  # bool[P]  some input comes by mail
    lands: np.ndarray  # bool[P]  arriving input is added to the state after the step
    listed: np.ndarray  # int32[2, max(n)]  spikes of a DENSE answer, as a list
    slots: np.ndarray  # int64[max(n_delays)]
    number: np.ndarray  # float[1]  rounds to the type of the state


class Planes(NamedTuple):
    """Where one thread counts spikes by the word (kernels/bits.py)."""

    work: np.ndarray  # uint64[levels, 4, words]
    levels: np.ndarray  # int64[2, levels]
    table: np.ndarray  # uint64[256]
    words: np.ndarray  # uint64[8 * words]
    counts: np.ndarray  # uint8[64 * words]  the same memory


class Gate(NamedTuple):
    """Where the threads of a run meet."""

    counter: np.ndarray  # int64[1]
    stop: np.ndarray  # int64[2, T]  who needs Python's attention, for even and odd windows
    pause: int  # `pause_address`


class Wiring(NamedTuple):
    """Projections of the event engine: a source owns runs of equal delay, a run owns synapses by target."""

    post: np.ndarray  # int64[Q]  population
    out_ptr: np.ndarray  # int64[P + 1]  projections by pre population
    out: np.ndarray  # int64[Q]
    row_first: np.ndarray  # int64[Q]  position of source 0 in row_ptr
    row_ptr: np.ndarray  # int64[sum(n_pre + 1)]  source -> runs
    run_ptr: np.ndarray  # int64[n_runs + 1]  run -> synapses
    run_final: np.ndarray  # bool[n_runs]  no later run of this source
    run_first: np.ndarray  # int64[Q]  number of the first run
    delay: np.ndarray  # float64[n_runs]  ms
    target: np.ndarray  # uint16[n_synapses], or uint32 where a population is larger than 65,536
    syn_first: np.ndarray  # int64[Q]
    weight_first: np.ndarray  # int64[Q]
    weight_stride: np.ndarray  # int64[Q]  0: one weight for the projection, 1: one per synapse
    weight: np.ndarray  # float64[...]  modified by learning
    column: np.ndarray  # int64[Q]  input column of target 0 for weights >= 0
    split: np.ndarray  # int64[Q]  added to the column for weights < 0
    tally: np.ndarray  # int64[Q, 2]  synaptic operations, plasticity updates
