"""Random networks of spiking models for property tests: every kind of source, connector, weight, delay and view."""

from __future__ import annotations

import numpy as np

from snnsim.connect import AllToAll, FixedInDegree, FixedProbability, FixedTotalNumber, FromArrays, OneToOne
from snnsim.distributions import Normal, Uniform
from snnsim.models.adex import AdEx
from snnsim.models.alif import ALIF
from snnsim.models.homeostatic_lif import HomeostaticLIF
from snnsim.models.integrate_fire import IF
from snnsim.models.izhikevich import Izhikevich
from snnsim.models.lif import LIF
from snnsim.models.lif_alpha import LIFAlpha
from snnsim.models.lif_cond_exp import LIFCondExp
from snnsim.models.lif_exp import LIFExp
from snnsim.models.norse_lif import NorseLIF
from snnsim.models.poisson import PoissonSource
from snnsim.models.regular import RegularSource
from snnsim.models.snntorch_leaky import Leaky
from snnsim.models.snntorch_synaptic import Synaptic
from snnsim.models.spike_array import SpikeArray
from snnsim.models.varying_poisson import VaryingPoissonSource
from snnsim.network import Network, Population, Projection
from snnsim.plasticity.inhibitory_stdp import InhibitorySTDP
from snnsim.plasticity.pair_stdp import PairSTDP
from snnsim.plasticity.power_law_stdp import PowerLawSTDP
from snnsim.plasticity.triplet_stdp import TripletSTDP
from snnsim.plasticity.tsodyks_markram import TsodyksMarkram

DT = 0.125  # ms: a power of two, so that a drawn delay is on the grid exactly

#: model -> weight that a few spikes of which make a neuron fire
CONTINUOUS = {
    LIF: 4.3,
    LIFExp: 417.3,
    LIFAlpha: 401.7,
    LIFCondExp: 6.1,
    IF: 4.1,
    AdEx: 8.0,
    Izhikevich: 8.0,
    ALIF: 4.0,
    HomeostaticLIF: 4.0,
}
DISCRETE = {Leaky: 0.45, Synaptic: 0.37, NorseLIF: 1.0}


def random_model(random, choices, n, rest):
    """Return a model, at times with parameters per neuron: an array, or drawn. rest : least t_ref, ms"""
    model = choices[random.integers(len(choices))]
    more = random.integers(4)
    if model in (LIF, LIFExp, LIFAlpha, LIFCondExp, IF, ALIF, HomeostaticLIF):
        given = {"t_ref": max(rest, float(random.choice([0.0, DT, 1.0, 2.0])))}
        if model is HomeostaticLIF:
            # The lowest threshold drawn may fall no further than to v_reset.
            given["theta_min"] = -8.0
        if more == 1:
            return model(v_th=random.uniform(-56.0, -50.0, n), **given)
        if more == 2:
            return model(v_th=Uniform(low=-56.0, high=-50.0), v_init=Normal(mean=-62.0, std=2.0, high=-57.0), **given)
        return model(**given)
    return model()


def random_source(random, n, duration):
    """Return a source, rare or dense."""
    kind = random.integers(6)
    if kind == 0:
        return PoissonSource(rate=float(random.choice([40.0, 300.0])))
    if kind == 1:
        return PoissonSource(rate=float(random.choice([900.0, 4000.0])))
    if kind == 2:
        return PoissonSource(rate=random.uniform(0.0, 600.0, n))
    if kind == 3:
        return VaryingPoissonSource(times=[0.0, 7.3], rates=random.uniform(0.0, 900.0, (2, n) if random.integers(2) else 2))
    if kind == 4:
        return RegularSource(rate=random.uniform(20.0, 300.0), phase=random.uniform(0.1, 1.0, n))
    m = int(random.integers(0, 40))
    return SpikeArray(times=random.integers(1, int(duration / DT), m) * DT, indices=random.integers(n, size=m))


def random_side(random, population):
    """Return the population, or a view of some of it."""
    n, kind = population.size, random.integers(5)
    if kind == 0 and n > 2:
        return population[int(random.integers(n // 2)) : n - int(random.integers(n // 2))]
    if kind == 1 and n > 2:
        return population[list(map(int, random.permutation(n)[: max(1, n // 2)]))]
    return population


def random_rule(random, weight):
    """Return a rule for weights of about this size."""
    rules = [
        PairSTDP(a_plus=0.05, a_minus=0.04, w_max=weight),
        PairSTDP(a_plus=0.05, a_minus=0.04, w_max=weight, mu_plus=0.5, mu_minus=1.0, pairing="nearest_symmetric", delay="axonal"),
        PairSTDP(a_plus=0.05, a_minus=0.04, w_max=weight, pairing="nearest_pre_centred"),
        TripletSTDP(a2_plus=0.01, a3_plus=0.02, a2_minus=0.02, w_max=weight, delay="axonal"),
        PowerLawSTDP(a_minus=0.1, w_0=weight),
        InhibitorySTDP(eta=0.05 * weight, w_max=weight),
    ]
    return rules[random.integers(len(rules))]


def random_projection(random, pre, post, weight, *, now, plastic, dt):
    """Return a projection. now : bool   it may have no delay; weight : its size"""
    pre, post = random_side(random, pre), random_side(random, post)
    dense = pre.size * post.size <= 50_000
    connectors = [
        FixedProbability(float(random.choice([0.0, 0.05, 0.3]))), FixedProbability(0.12),
        FixedInDegree(min(3, pre.size), autapses=True, multapses=bool(random.integers(2))),
        FixedTotalNumber(min(200, pre.size * post.size // 2), multapses=True, autapses=True),
    ]  # fmt: skip
    if dense:
        m = int(random.integers(0, 60))
        connectors += [AllToAll(), FromArrays(random.integers(pre.size, size=m), random.integers(post.size, size=m))]
    if pre.size == post.size:
        connectors += [OneToOne(), OneToOne()]
    connector = connectors[random.integers(len(connectors))]
    longest = 1 if random.integers(2) else 12
    delay = float(dt * random.integers(1, 1 + longest))
    if plastic:
        rule = random_rule(random, weight)
        size = -weight if isinstance(rule, InhibitorySTDP) else weight
        given = Uniform(low=min(0.2 * size, 0.8 * size), high=max(0.2 * size, 0.8 * size)) if random.integers(2) else 0.5 * size
        short = [TsodyksMarkram(U=0.6, tau_rec=30.0, tau_fac=float(random.choice([0.0, 20.0])))] if random.integers(3) == 0 else []
        return Projection(pre, post, connector, weight=given, delay=delay, plasticity=[rule, *short])
    sign = 1.0 if random.random() < 0.7 else -1.0
    size = sign * weight / (1.0 if isinstance(connector, OneToOne) else max(1.0, 0.2 * post.size**0.5))
    kind = random.integers(4)
    given = Normal(mean=size, std=abs(size)) if kind == 0 else size
    if isinstance(connector, FromArrays) and kind == 1:
        given = random.normal(size, abs(size), len(connector.source))
    late = random.integers(4)
    if now:
        delay = 0.0
    elif late == 0:
        delay = Uniform(low=dt, high=9.0 * dt, step=dt)
    elif isinstance(connector, FromArrays) and late == 1:
        delay = dt * random.integers(1, 30, len(connector.source))
    return Projection(pre, post, connector, weight=given, delay=delay)


def random_network(seed, *, models=tuple(CONTINUOUS), large=False, plastic=True, duration=20.0, dt=DT, rest=0.0):
    """Return a network of two to four populations.

    large : bool   one population has 1024 neurons or more, so that rows of bits are used
    rest : float   least refractory period, ms: off the grid a runaway network would never end
    """
    random = np.random.default_rng(seed)
    sizes = [int(random.choice([1, 2, 7, 13, 40, 40])) for _ in range(random.integers(2, 5))]
    if large:
        sizes[-1] = int(random.choice([1024, 1087, 1300]))
        if random.integers(2):
            sizes[0] = sizes[-1]
    n_sources = 1 if len(sizes) < 4 else 2
    populations = [Population(f"s{k}", n, random_source(random, n, duration)) for k, n in enumerate(sizes[:n_sources])]
    populations += [Population(f"c{k}", n, random_model(random, models, n, rest)) for k, n in enumerate(sizes[n_sources:])]
    parts = []
    for k, post in enumerate(populations[n_sources:], n_sources):
        weight = (CONTINUOUS | DISCRETE)[type(post.model)]
        for j, pre in enumerate(populations):
            if j < n_sources or random.random() < 0.6:
                now = j < k and random.random() < 0.25
                learns = plastic and pre.size * post.size < 3000 and not now and random.random() < 0.35
                parts.append(random_projection(random, pre, post, weight, now=now, plastic=learns, dt=dt))
    order = random.permutation(len(parts))
    return Network(*populations, *(parts[k] for k in order))
