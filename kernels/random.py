"""Counter-based random numbers: a pure function of (seed, stream, neuron, step), never of the order of calls.

Two rounds of the SplitMix64 finaliser over a Weyl sequence.
Source: Steele, Lea & Flood (2014), Fast splittable pseudorandom number generators, OOPSLA.
"""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import kernel_with, leaf, leaf_inline
from snnsim.kernels.layout import CLOCK_STEP, DENSE, DUE, EVENT_ADVANCE, EVENT_PEEK

_WEYL = np.uint64(0x9E3779B97F4A7C15)
_STEP = np.uint64(0xD1B54A32D192ED03)
_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)
_ONE = np.uint64(1)
_S11, _S27, _S30, _S31 = np.uint64(11), np.uint64(27), np.uint64(30), np.uint64(31)

#: Largest mean drawn by one inversion; exp(-mean) stays far from underflow. Larger means are sums of such draws.
_MEAN_MAX = 16.0

#: Probability of a single count at which the search for it ends.
_TAIL = 2.0**-60

#: A guide table has 2^11 entries: 16 KB, and at most one entry in a hundred is undecided.
GUIDE_BITS = 11
_GUIDE_SHIFT = np.uint64(64 - GUIDE_BITS)


@leaf_inline
def mix(z):
    """Return the SplitMix64 finaliser of z, uint64: a bijection in which every bit of z reaches every bit."""
    z = (z ^ (z >> _S30)) * _MIX_A
    z = (z ^ (z >> _S27)) * _MIX_B
    return z ^ (z >> _S31)


@leaf
def stream_key(seed, stream):
    """Return the uint64 key of a random stream. seed, stream : uint64."""
    return mix(mix(seed + _WEYL) + (stream + _ONE) * _STEP)


@leaf_inline
def draw(key, neuron, step):
    """Return 64 random bits for one neuron and step (or spike number). neuron, step : int64 >= 0."""
    return mix(mix(key + np.uint64(neuron + 1) * _WEYL) + np.uint64(step + 1) * _STEP)


#: `draw(key + k * NEURON_STRIDE, i, step)` is `draw(key, i + k, step)`.
NEURON_STRIDE = _WEYL


@leaf_inline
def uniform(bits):
    """Return a double in [0, 1) from the upper 53 of 64 random bits."""
    return np.float64(bits >> _S11) * (1.0 / 9007199254740992.0)


@leaf_inline
def exponential(key, neuron, number):
    """Return an exponential number of mean 1, finite and >= 0."""
    return -np.log1p(-uniform(draw(key, neuron, number)))


@leaf
def poisson(bits, mean):
    """Return a Poisson count of any finite `mean`, by inversion of at most 16 at a time. O(1 + mean)."""
    count = 0
    while mean > 0.0:
        part = min(mean, _MEAN_MAX)
        mean -= part
        u = uniform(bits)
        bits = mix(bits + _WEYL)
        p, k = np.exp(-part), 0
        # A uniform number has 53 bits: in the tail beyond, rounding alone would be searched.
        while u >= p and p > _TAIL:
            u -= p
            k += 1
            p *= part / k
        count += k
    return count


#: Counts that a guide knows: with a mean of 16, less than 2**-53 lies beyond.
_COUNTS = 96
_TABLE = 2 + _COUNTS


def guide(mean: float) -> np.ndarray:
    """Return what draws Poisson counts by looking up: [mean, exp(-mean), 96 edges, 2^GUIDE_BITS entries], float64.

    Edge k is the least uniform number at which `poisson` finds more than k. An entry stands for one of the equal parts of
    the unit interval: the count found anywhere in it; or -1 - k where the count goes up from k inside. No draw is changed.
    Means past one inversion have no edges, and entries of -1.
    Source: Chen & Asau (1974), guide tables, AIIE Trans. 6:163.
    """
    edges, entries = np.full(_COUNTS, 2.0), np.full(1 << GUIDE_BITS, -1.0)
    if mean <= _MEAN_MAX:
        parts = np.arange((1 << GUIDE_BITS) + 1, dtype=np.uint64) << np.uint64(64 - GUIDE_BITS)
        low, high = (np.array([poisson(bits, mean) for bits in ends]) for ends in (parts[:-1], parts[1:] - _ONE))
        entries = np.where(low == high, low, -1.0 - low)
        for k in range(int(high.max())):
            edges[k] = _edge(mean, k)
    return np.concatenate([[mean, np.exp(-mean)], edges, entries])


def _edge(mean: float, k: int) -> float:
    """Return the least multiple of 2**-53 at which `poisson` finds more than k."""
    low, high = 0, 1 << 53  # not more than k at low - 1, more at high
    while low < high:
        middle = (low + high) // 2
        if poisson(np.uint64(middle << 11), mean) > k:
            high = middle
        else:
            low = middle + 1
    return low / (1 << 53)


#: Neurons drawn together, so that the undecided ones are found while the block lies in the first-level cache.
_BLOCK = 256

#: From this mean on, a step answers DENSE: listing the spikes would cost more than they do.
DENSE_MEAN = 0.05


@leaf_inline
def _count(bits, mean, nothing):
    return poisson(bits, mean) if uniform(bits) >= nothing else 0


@leaf
def draw_guided(step, coef, key, scratch, count):
    """Write the Poisson counts of one step, all of one mean, through a `guide`.

    scratch : int32[...]   entries, then undecided neurons. In one loop, drawing and looking up would be done one by one.
    """
    mean, nothing, edges, table = coef[0], coef[1], coef[2:_TABLE], coef[_TABLE:]
    for first in range(0, count.size, _BLOCK):
        some, place = count[first : first + _BLOCK], scratch[:_BLOCK]
        shifted = key + np.uint64(first) * _WEYL
        for i in range(some.size):
            place[i] = np.int32(draw(shifted, i, step) >> _GUIDE_SHIFT)
        undecided = 0
        for i in range(some.size):
            found = np.int32(table[np.uint64(place[i])])
            some[i] = found
            place[undecided] = i
            undecided += int(found < 0)
        for neuron in place[:undecided]:
            bits = draw(shifted, neuron, step)
            if mean > _MEAN_MAX:
                some[neuron] = _count(bits, mean, nothing)
            else:
                u, k = uniform(bits), -1 - some[neuron]
                while u >= edges[k]:
                    k += 1
                some[neuron] = k


@kernel_with(CLOCK_STEP)
def step_poisson(step, state, coef, inputs, key, events, tally):
    """Emit the Poisson counts of one step. coef : one row as made by `guide`, or rows of mean and exp(-mean) by neuron."""
    count = events[1]
    if coef.shape[0] == 1:
        draw_guided(step, coef[0], key, events[0], count)
        if coef[0, 0] >= DENSE_MEAN:
            return DENSE
    else:
        for i in range(count.size):
            count[i] = _count(draw(key, i, step), coef[0, i], coef[1, i])
    n_spiking = 0
    for i in range(count.size):
        if count[i] > 0:
            events[0, n_spiking], events[1, n_spiking] = i, count[i]
            n_spiking += 1
    return n_spiking


@kernel_with(EVENT_ADVANCE)
def advance_poisson(t, touched, state, clocks, coef, inputs, key, fired, tally):
    """Emit due spikes and draw the next interval. state : spikes drawn so far; coef : mean interval, ms (inf: silent)."""
    n_fired = 0
    per_neuron = coef.shape[1] > 1
    for i in touched:
        if clocks[DUE, i] == t:
            fired[n_fired] = i
            n_fired += 1
        clocks[DUE, i] = np.inf
        interval = coef[0, i if per_neuron else 0]
        if interval < np.inf:
            clocks[DUE, i] = t + interval * exponential(key, i, np.int64(state[0, i]))
            state[0, i] += 1.0
    return n_fired


@kernel_with(EVENT_PEEK)
def peek_nothing(t, state, clocks, coef, out):
    """A source has no state to look at."""
