"""Delivery of spikes through plastic synapses, read as of the time of the spike."""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import leaf_inline
from snnsim.kernels.mail import post
from snnsim.kernels.stdp import on_pre

_NOWHERE = np.uint64(0)


@leaf_inline
def post_learned(wiring, learning, fabric, q, sources, times, step, place, mail):
    """Bring the weights of each source up to date, and post them.

    place : uint64   input column of target 0 of this thread
    A spike made in `step` is stamped with the end of that step, step + 1; it is at the synapse at once.
    """
    weight, shift, split = wiring.weight, wiring.weight_first[q] - wiring.syn_first[q], fabric.split[q]
    plus, minus = fabric.gain[q, 0], fabric.gain[q, 1]
    for k in range(sources.size):
        row = wiring.row_first[q] + sources[k]
        for run in range(wiring.row_ptr[row], wiring.row_ptr[row + 1]):
            fabric.tally[q, 1] += on_pre(learning, wiring, weight, q, run, step + 1.0, times[k])
            slot = (step + wiring.delay[run]) & (mail.first.size - 1)
            for syn in range(wiring.run_ptr[run], wiring.run_ptr[run + 1]):
                w, at = weight[shift + syn], place + np.uint64(wiring.target[syn])
                post(mail, slot, at + (split if w < 0.0 else _NOWHERE), (minus if w < 0.0 else plus) * w * times[k])
