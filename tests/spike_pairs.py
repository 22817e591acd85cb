"""Spike trains through one plastic projection, and the few lines that say what its weights must be."""

from __future__ import annotations

import numpy as np

from snnsim.connect import FromArrays, OneToOne
from snnsim.models.lif import LIF
from snnsim.models.spike_array import SpikeArray
from snnsim.network import Network, Population, Projection


def scripted(n_pre, n_post, pre, post, source, target, weight, delay, rule):
    """Sources fire at `pre`; deaf neurons fire at `post`, lifted over a far threshold 1 ms after their drive."""
    (pre_times, pre_index), (post_times, post_index) = pre, post
    drive = Population("drive", n_post, SpikeArray(times=np.asarray(post_times) - 1.0, indices=post_index))
    sources = Population("pre", n_pre, SpikeArray(times=pre_times, indices=pre_index))
    cells = Population("post", n_post, LIF(t_ref=0.0, v_th=1e5))
    return Network(
        Projection(drive, cells, OneToOne(), weight=1e6, delay=1.0),
        Projection(sources, cells, FromArrays(source, target), weight=weight, delay=delay, plasticity=rule),
    )


def trace(spikes, tau, at, tie=False):
    """Return what a trace is at `at`: 1 per earlier spike, fading; `tie`: one at the same time counts."""
    return sum(np.exp(-(at - t) / tau) for t in spikes if t < at or (tie and t == at))


def learned(rule, on_pre, on_post, pre, post, weight, delay, end):
    """Return the weight of one synapse at `end`, spike by spike as they reach it, each trace summed anew.

    on_pre, on_post : (w, x, y) -> w; x, y : tau -> trace
    """
    axonal = rule.delay == "axonal"
    pre, post = [t + delay * axonal for t in pre], [t + delay * (not axonal) for t in post]
    # An axonal spike has caused a postsynaptic one of its time; behind a dendritic delay the two do not count.
    events = sorted([(t, not axonal, True) for t in pre if t <= end] + [(t, axonal, False) for t in post if t <= end])
    for at, _, is_pre in events:
        change = on_pre if is_pre else on_post
        weight = change(weight, lambda tau, at=at: trace(pre, tau, at, axonal), lambda tau, at=at: trace(post, tau, at))
        weight = min(rule.w_max, max(rule.w_min, weight))
    return weight
