"""What clock steps share: counting the neurons that had input, resetting those at threshold."""

from __future__ import annotations

from snnsim.kernels._jit import leaf_inline


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

    limits : v_th, v_reset, refractory updates   float64[3, 1 or n]
    """
    per_neuron = limits.shape[1] > 1
    n_spiking = 0
    for i in range(v.size):
        c = i if per_neuron else 0
        if v[i] >= limits[0, c]:
            v[i], left[i] = limits[1, c], limits[2, c]
            events[0, n_spiking], events[1, n_spiking] = i, 1
            n_spiking += 1
    return n_spiking
