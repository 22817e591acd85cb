"""What a run writes down: spikes and sampled states, into buffers that Python empties between chunks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsim.kernels._jit import leaf


class Log(NamedTuple):
    """Spikes of the wanted populations."""

    wanted: np.ndarray  # bool[P]
    time: np.ndarray  # float64[capacity]  ms, or the number of the step
    population: np.ndarray  # int32[capacity]
    neuron: np.ndarray  # int32[capacity]
    times: np.ndarray  # int32[capacity]  spikes of this neuron in this step
    size: np.ndarray  # int64[1]


class Samples(NamedTuple):
    """Sampled states: one row per grid time, one block of columns per recorded state."""

    population: np.ndarray  # int64[R]
    row: np.ndarray  # int64[R]  row of the state matrix
    column: np.ndarray  # int64[R]  first column of the block
    values: np.ndarray  # float64[capacity, width]
    size: np.ndarray  # int64[1]


@leaf
def write_sample(samples, k, values):
    """Write the k-th recorded state of this grid time. values : float64[n]."""
    # A loop, for a copy of one slice into another allocates in case they overlap.
    place = samples.values[samples.size[0], samples.column[k] : samples.column[k] + values.size]
    for i in range(values.size):
        place[i] = values[i]


@leaf
def note(log, time, population, index, times):
    """Append one spike if its population is wanted."""
    if log.wanted[population]:
        at = log.size[0]
        log.time[at], log.population[at], log.neuron[at], log.times[at] = time, population, index, times
        log.size[0] = at + 1
