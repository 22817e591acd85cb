"""Delivery of spikes through plastic synapses, read as of the time of the spike."""

from __future__ import annotations

import numpy as np

from snnsim.kernels._jit import leaf
from snnsim.kernels.mail import post
from snnsim.kernels.stdp import on_pre


@leaf
def post_learned(wiring, learning, strand, q, sources, times, step, first, mail):
    """Bring the weights of each source up to date, and post them.

    first : uint64   input column where the population's inputs begin; targets are counted from the first of this thread
    A spike made in `step` is stamped with the end of that step, step + 1; it is at the synapse at once.
    """
    s = strand[q]
    weight, shift, split = wiring.weight, wiring.weight_first[q] - wiring.syn_first[q], s.split
    place, plus, minus = first + s.place, s.plus, s.minus
    for k in range(sources.size):
        row = wiring.row_first[q] + sources[k]
        for run in range(wiring.row_ptr[row], wiring.row_ptr[row + 1]):
            s.updates += on_pre(learning, wiring, weight, q, run, step + 1.0, times[k])
            slot = (step + wiring.delay[run]) & (mail.first.size - 1)
            for syn in range(wiring.run_ptr[run], wiring.run_ptr[run + 1]):
                w, at = weight[shift + syn], place + np.uint64(wiring.target[syn])
                if w < 0.0:
                    at, w = at + split, minus * w
                else:
                    w = plus * w
                post(mail, slot, at, w * times[k])
