"""What a run writes down: spikes and sampled states, into buffers that Python empties between chunks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsim.kernels._jit import leaf, leaf_inline


class Log(NamedTuple):
    """Spikes of the wanted populations."""

    wanted: np.ndarray  # bool[P]
    time: np.ndarray  # float64[capacity]  ms, or the number of the step
    population: np.ndarray  # int32[capacity]
    neuron: np.ndarray  # int32[capacity]
    times: np.ndarray  # int32[capacity]  spikes of this neuron in this step
    size: np.ndarray  # int64[1]


class Samples(NamedTuple):
    """Sampled states. A block of `values` per state holds one row per sample; threads write columns of their own."""

    population: np.ndarray  # int64[R]
    row: np.ndarray  # int64[R]  row of the state matrix
    every: np.ndarray  # int64[R]  grid points between samples, which fall on its multiples
    after: np.ndarray  # int64[R]  grid point that the first sample follows
    until: np.ndarray  # int64[R]  last grid point that may be sampled
    whole: np.ndarray  # bool[R]  every neuron, in order
    chosen_ptr: np.ndarray  # int64[R + 1]
    chosen: np.ndarray  # int32[...]  else these, counted in the state of this thread
    column: np.ndarray  # int32[...]  and the column of each
    first: np.ndarray  # int64[R]  place of row 0; of the first own neuron in it, where the block is whole
    width: np.ndarray  # int64[R]  columns
    values: np.ndarray  # float64[...]
    size: np.ndarray  # int64[R]  rows written


@leaf_inline
def is_due(samples, k, point):
    """Return whether the k-th recorded state is sampled at this grid point, counted from 1 at dt."""
    return samples.after[k] < point <= samples.until[k] and point % samples.every[k] == 0


@leaf
def write_sample(samples, k, values):
    """Write one sample of the k-th recorded state. values : float64[n], of all neurons this thread has."""
    begin = samples.first[k] + samples.size[k] * samples.width[k]
    if samples.whole[k]:
        # A loop, for a copy of one slice into another allocates in case they overlap.
        place = samples.values[begin : begin + values.size]
        for i in range(values.size):
            place[i] = values[i]
    else:
        for at in range(samples.chosen_ptr[k], samples.chosen_ptr[k + 1]):
            samples.values[begin + samples.column[at]] = values[samples.chosen[at]]
    samples.size[k] += 1


@leaf
def note(log, time, population, index, times):
    """Append one spike if its population is wanted."""
    if log.wanted[population]:
        at = log.size[0]
        log.time[at], log.population[at], log.neuron[at], log.times[at] = time, population, index, times
        log.size[0] = at + 1
