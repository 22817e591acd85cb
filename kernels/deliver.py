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
    if wiring.identity[q]:
        return _deliver_one_to_one(wiring, q, events, n_spiking, step, ring)
    row_ptr, run_ptr = wiring.row_ptr, wiring.run_ptr
    first_row, uniform = wiring.row_first[q], wiring.weight_stride[q] == 0
    column, split, n_slots = wiring.column[q], wiring.split[q], ring.shape[0]
    shift = wiring.weight_first[q] - wiring.syn_first[q]
    synops = 0
    # Serial on purpose: two sources may share a target, so a parallel loop would lose additions.
    for k in range(n_spiking):
        row, times = first_row + events[0, k], events[1, k]
        for run in range(row_ptr[row], row_ptr[row + 1]):
            inputs = ring[(step + wiring.delay[run]) % n_slots]
            first, last = run_ptr[run], run_ptr[run + 1]
            # Targets are unsigned and looped over as a slice: no test for a negative index in the innermost loop.
            if uniform:
                w = wiring.weight[wiring.weight_first[q]] * times
                mine = inputs[column + (split if w < 0.0 else 0) :]
                for target in wiring.target[first:last]:
                    mine[target] += w
            else:
                mine = inputs[column:]
                weights = wiring.weight[shift + first : shift + last]
                targets = wiring.target[first:last]
                for i in range(targets.size):
                    w = weights[i] * times
                    mine[(split if w < 0.0 else 0) + targets[i]] += w
            synops += (last - first) * times
    return synops


@leaf
def _deliver_one_to_one(wiring, q, events, n_spiking, step, ring):
    """The same where neuron i projects to neuron i alone, with one weight and one delay."""
    weight = wiring.weight[wiring.weight_first[q]]
    delay = wiring.delay[wiring.row_ptr[wiring.row_first[q]]]
    column = wiring.column[q] + (wiring.split[q] if weight < 0.0 else 0)
    inputs = ring[(step + delay) % ring.shape[0], column:]
    synops = 0
    for k in range(n_spiking):
        inputs[events[0, k]] += weight * events[1, k]
        synops += events[1, k]
    return synops
