"""Counter-based random numbers: a pure function of (seed, stream, neuron, step), never of the order of calls.

Two rounds of the SplitMix64 finaliser over a Weyl sequence.
Source: Steele, Lea & Flood (2014), Fast splittable pseudorandom number generators, OOPSLA.
"""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import kernel_with, leaf
from snnsim.kernels.layout import CLOCK_STEP, DUE, EVENT_ADVANCE, EVENT_PEEK

_WEYL = np.uint64(0x9E3779B97F4A7C15)
_STEP = np.uint64(0xD1B54A32D192ED03)
_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)
_ONE = np.uint64(1)
_S11, _S27, _S30, _S31 = np.uint64(11), np.uint64(27), np.uint64(30), np.uint64(31)

#: Largest mean drawn by one inversion; exp(-mean) stays far from underflow. Larger means are sums of such draws.
_MEAN_MAX = 16.0


@leaf
def mix(z):
    """Return the SplitMix64 finaliser of z, uint64: a bijection in which every bit of z reaches every bit."""
    z = (z ^ (z >> _S30)) * _MIX_A
    z = (z ^ (z >> _S27)) * _MIX_B
    return z ^ (z >> _S31)


@leaf
def stream_key(seed, stream):
    """Return the uint64 key of a random stream. seed, stream : uint64."""
    return mix(mix(seed + _WEYL) + (stream + _ONE) * _STEP)


@leaf
def draw(key, neuron, step):
    """Return 64 random bits for one neuron and step (or spike number). neuron, step : int64 >= 0."""
    return mix(mix(key + np.uint64(neuron + 1) * _WEYL) + np.uint64(step + 1) * _STEP)


@leaf
def uniform(bits):
    """Return a double in [0, 1) from the upper 53 of 64 random bits."""
    return np.float64(bits >> _S11) * (1.0 / 9007199254740992.0)


@leaf
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
        # The tail beyond 2**-53 has no number to reach it; p == 0 ends the search there.
        while u >= p and p > 0.0:
            u -= p
            k += 1
            p *= part / k
        count += k
    return count


@kernel_with(CLOCK_STEP)
def step_poisson(step, state, coef, inputs, key, events, tally):
    """Emit the Poisson counts of one step. coef : mean spikes per step, and exp(-mean)."""
    n_spiking = 0
    per_neuron = coef.shape[1] > 1
    for i in range(inputs.shape[1]):
        c = i if per_neuron else 0
        bits = draw(key, i, step)
        if uniform(bits) >= coef[1, c]:
            count = poisson(bits, coef[0, c])
            if count > 0:
                events[0, n_spiking], events[1, n_spiking] = i, count
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
