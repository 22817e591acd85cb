"""Delivery of spikes through plastic synapses, read as of the time of the spike."""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import leaf_inline
from snnsim.kernels.stdp import on_pre


@leaf_inline
def deliver_learned(wiring, learning, fabric, q, sources, times, step, column, ring, flat):
    """Bring the weights of each source up to date, and write them into the ring.

    column : uint64         place of target 0 in a row of the ring; flat : the ring as one row
    A spike made in `step` is stamped with the end of that step, step + 1; it is at the synapse at once.
    """
    weight, narrow, split = wiring.weight, wiring.weight_first[q] - wiring.syn_first[q], fabric.split[q]
    plus, minus = fabric.gain[q, 0], fabric.gain[q, 1]
    slots, width = ring.shape
    for k in range(sources.size):
        row = wiring.row_first[q] + sources[k]
        for run in range(wiring.row_ptr[row], wiring.row_ptr[row + 1]):
            fabric.tally[q, 1] += on_pre(learning, wiring, weight, q, run, step + 1.0, times[k])
            first, last = wiring.run_ptr[run], wiring.run_ptr[run + 1]
            place = np.uint64(((step + wiring.delay[run]) & (slots - 1)) * width) + column
            for syn in range(first, last):
                w, at = weight[narrow + syn], place + np.uint64(wiring.target[syn])
                if w < 0.0:
                    flat[at + split] += minus * w * times[k]
                else:
                    flat[at] += plus * w * times[k]
