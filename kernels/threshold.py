"""What clock steps share: counting the neurons that had input, resetting those at threshold, holding the refractory ones."""

from __future__ import annotations

from snnsim.kernels._jit import leaf_inline

#: Neurons tested together: one at threshold in a block is rare, and a block lies in the first-level cache.
BLOCK = 256

#: Marks in the first place of a `held` row: nobody has listed the refractory neurons yet; the list ends here.
UNKNOWN, LAST = -2.0, -1.0


@leaf_inline
def count_driven(inputs, tally):
    """Add the neurons with input on any channel to tally[0], the others to tally[1]."""
    driven = 0
    for i in range(inputs.shape[1]):
        some = False
        for channel in range(inputs.shape[0]):
            some |= inputs[channel, i] != 0.0
        driven += some
    tally[0] += driven
    tally[1] += inputs.shape[1] - driven


@leaf_inline
def fire(v, left, limits, events):
    """Reset the neurons at or above threshold and list them. A refractory one must be held below it. Returns their number.

    limits : v_th, v_reset, refractory updates   float[3, 1 or n]
    """
    per_neuron = limits.shape[1] > 1
    n_spiking = 0
    for first in range(0, v.size, BLOCK):
        some = v[first : first + BLOCK]
        over = 0
        if per_neuron:
            v_th = limits[0, first : first + BLOCK]
            for i in range(some.size):
                over += some[i] >= v_th[i]
        else:
            for i in range(some.size):
                over += some[i] >= limits[0, 0]
        if over == 0:
            continue
        for i in range(first, first + some.size):
            c = i if per_neuron else 0
            if v[i] >= limits[0, c]:
                v[i], left[i] = limits[1, c], limits[2, c]
                events[0, n_spiking], events[1, n_spiking] = i, 1
                n_spiking += 1
    return n_spiking


@leaf_inline
def release(v, left, held, limits):
    """Put the refractory neurons back to v_reset, count one update off each, and let go of those that are done.

    A step may then update every v alike, without a test. held : float[n]   the refractory neurons, up to a mark
    Returns their number. O(refractory neurons), and O(n) when `held` is not known.
    """
    n_held = 0
    if held[0] == UNKNOWN:
        for i in range(left.size):
            if left[i] > 0.0:
                held[n_held] = i
                n_held += 1
        if n_held < held.size:
            held[n_held] = LAST
    n_kept, k = 0, 0
    while k < held.size and held[k] >= 0.0:
        i = int(held[k])
        v[i] = limits[1, i if limits.shape[1] > 1 else 0]
        left[i] -= 1.0
        if left[i] > 0.0:
            held[n_kept] = i
            n_kept += 1
        k += 1
    return n_kept


@leaf_inline
def hold(left, held, n_held, events, n_spiking):
    """Add the neurons that fired to the refractory ones, and mark the end of their list."""
    for k in range(n_spiking):
        if left[events[0, k]] > 0.0:
            held[n_held] = events[0, k]
            n_held += 1
    if n_held < held.size:
        held[n_held] = LAST
