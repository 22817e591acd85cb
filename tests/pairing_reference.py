"""Learning rules from their definitions, for one synapse: every spike beside every other, O(n^2); and networks that play spikes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsim.connect import FromArrays, OneToOne
from snnsim.models.lif import LIF
from snnsim.models.poisson import PoissonSource
from snnsim.models.spike_array import SpikeArray
from snnsim.network import Network, Population, Projection
from snnsim.plasticity.inhibitory_stdp import InhibitorySTDP
from snnsim.plasticity.pair_stdp import PairSTDP
from snnsim.plasticity.power_law_stdp import PowerLawSTDP
from snnsim.plasticity.triplet_stdp import TripletSTDP


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


def busy(rule, *, weight, delay=1.5, seed=0):
    """Return a network of busy and silent neurons, of sources that fire several times a step, and three plastic projections."""
    random = np.random.default_rng(seed)
    n_pre, n_post, m = 12, 15, 70
    rates = random.choice([0.0, 3.0, 40.0, 300.0, 3000.0], n_pre)
    noise = Population("noise", n_post, PoissonSource(rate=random.choice([0.0, 300.0, 2500.0], n_post)))
    pre, cells = Population("pre", n_pre, PoissonSource(rate=rates)), Population("cells", n_post, LIF(t_ref=0.5))
    source, target = random.integers(n_pre, size=m), random.integers(n_post, size=m)
    late = 0.25 * random.integers(1, 24, m)
    return Network(
        Projection(noise, cells, OneToOne(), weight=6.0, delay=0.5),
        Projection(pre, cells, FromArrays(source, target), weight=weight, delay=delay, plasticity=rule),
        Projection(pre, cells, FromArrays(target % n_pre, source), weight=weight, delay=late, plasticity=rule),
        Projection(cells, cells, FromArrays(source, target), weight=weight, delay=delay, plasticity=rule),
    )


class Spike(NamedTuple):
    """A spike at the synapse. pres, posts : times of those that it may pair with; since : of the pre spikes after the last post one"""

    at: float
    is_pre: bool
    pres: list
    posts: list
    since: list


def spikes_at_synapse(pre, post, delay, where, end):
    """Return all spikes at the synapse up to `end` in their order, each with those before it.

    Behind a dendritic delay a post spike comes first of those of its time, and they do not see each other; behind an axonal one
    the pre spike comes first, and the post spike sees it.
    """
    axonal = where == "axonal"
    events = [(t + delay * axonal, not axonal, True) for t in pre] + [(t + delay * (not axonal), axonal, False) for t in post]
    seen, pres, posts, since = [], [], [], []
    for at, _, is_pre in sorted(event for event in events if event[0] <= end):
        seen.append(Spike(at, is_pre, list(pres), [t for t in posts if t < at], list(since)))
        if is_pre:
            pres.append(at)
            since.append(at)
        else:
            posts.append(at)
            since = []
    return seen


def summed(at, times, tau):
    """Return the trace of all spikes at `times`."""
    return sum(np.exp(-(at - t) / tau) for t in times)


def by_pairs(rule, w, spike):
    """Morrison, Diesmann & Gerstner (2008), sect. 4."""
    last = slice(None) if rule.pairing == "all_to_all" else slice(-1, None)
    if spike.is_pre:
        room = max(0.0, (w - rule.w_min) / (rule.w_max - rule.w_min))
        return -rule.a_minus * rule.w_max * room**rule.mu_minus * summed(spike.at, spike.posts[last], rule.tau_minus)
    room = max(0.0, (rule.w_max - w) / (rule.w_max - rule.w_min))
    partners = spike.since if rule.pairing == "nearest_pre_centred" else spike.pres[last]
    return rule.a_plus * rule.w_max * room**rule.mu_plus * summed(spike.at, partners, rule.tau_plus)


def by_triplets(rule, w, spike):
    """Pfister & Gerstner (2006): a pair, and a third spike of the side at hand that came before."""
    if spike.is_pre:
        third = rule.a2_minus + rule.a3_minus * summed(spike.at, spike.pres, rule.tau_x)
        return -rule.w_max * summed(spike.at, spike.posts, rule.tau_minus) * third
    third = rule.a2_plus + rule.a3_plus * summed(spike.at, spike.posts, rule.tau_y)
    return rule.w_max * summed(spike.at, spike.pres, rule.tau_plus) * third


def by_power_law(rule, w, spike):
    """Morrison, Aertsen & Diesmann (2007)."""
    if spike.is_pre:
        return -rule.a_minus * w * summed(spike.at, spike.posts, rule.tau_minus)
    return rule.a_plus * rule.w_0 * (w / rule.w_0) ** rule.mu * summed(spike.at, spike.pres, rule.tau_plus)


def by_inhibition(rule, w, spike):
    """Vogels et al. (2011)."""
    if spike.is_pre:
        return rule.eta * (summed(spike.at, spike.posts, rule.tau) - 2.0 * rule.rho_0 * 1e-3 * rule.tau)
    return rule.eta * summed(spike.at, spike.pres, rule.tau)


_CHANGE = {PairSTDP: by_pairs, TripletSTDP: by_triplets, PowerLawSTDP: by_power_law, InhibitorySTDP: by_inhibition}


def learned(rule, pre, post, weight, delay, end):
    """Return the weight of one synapse at `end`, and how many updates made it."""
    sign, size = (-1.0, -weight) if weight < 0.0 or rule.inhibitory else (1.0, weight)
    spikes = spikes_at_synapse(pre, post, delay, rule.delay, end)
    for spike in spikes:
        size = min(rule.w_max, max(rule.w_min, size + _CHANGE[type(rule)](rule, size, spike)))
    return sign * size, len(spikes)
