"""Delivery of spikes into the inputs of their targets, through synapses stored by source."""

from __future__ import annotations

from snnsim.kernels._jit import leaf


@leaf
def deliver_spikes(wiring, q, events, n_spiking, step, ring):
    """Add the outgoing weights of the sources that fired at `step` to the delay ring.

    events : int32[2, >= n_spiking]     sources, and how often each fired
    ring : float64[n_slots, width]      modified in place; delays lie in 1 .. n_slots - 1 steps
    Returns the synaptic operations performed. O(synapses of the spiking sources).
    """
    # One call for all spikes: passing the table costs a reference count for each of its arrays.
    row_ptr, run_ptr, delay, target, weight = wiring.row_ptr, wiring.run_ptr, wiring.delay, wiring.target, wiring.weight
    first_row, uniform = wiring.row_first[q], wiring.weight_stride[q] == 0
    column, split, n_slots = wiring.column[q], wiring.split[q], ring.shape[0]
    shift = wiring.weight_first[q] - wiring.syn_first[q]
    synops = 0
    # Serial on purpose: two sources may share a target, so a parallel loop would lose additions.
    for k in range(n_spiking):
        row, times = first_row + events[0, k], events[1, k]
        for run in range(row_ptr[row], row_ptr[row + 1]):
            slot = (step + delay[run]) % n_slots
            first, last = run_ptr[run], run_ptr[run + 1]
            if uniform:
                w = weight[wiring.weight_first[q]] * times
                base = column + (split if w < 0.0 else 0)
                for syn in range(first, last):
                    ring[slot, base + target[syn]] += w
            else:
                for syn in range(first, last):
                    w = weight[shift + syn] * times
                    ring[slot, column + (split if w < 0.0 else 0) + target[syn]] += w
            synops += (last - first) * times
    return synops
