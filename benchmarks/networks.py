"""Parameters of a random network of excitatory and inhibitory neurons, and the same network as a snnsim description.

The parameters are plain numbers: they travel to the peers' scripts as JSON, so that everybody runs the same network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snnsim.network import Network
    from snnsim.plasticity.base import Plasticity

DT = 0.1  # ms


@dataclass(frozen=True, kw_only=True)
class RandomNetwork:
    """Two populations, every pair of neurons connected with probability p; membrane as in `snnsim.LIF`.

    synapses : 'delta' (weights in mV), 'current' (pA) or 'conductance' (nS); inhibitory weights are negative
    v_init : (low, high)   mV; potentials at the start are uniform in it
    drive_rate, drive_weight : Poisson input of every neuron, its own, Hz; rate 0 means none
    stdp_rate : lambda of additive pair STDP between excitatory neurons; 0 means that all synapses are static
    stdp_alpha, stdp_tau, stdp_w_max : depression / potentiation; ms, of both traces; upper bound of the weight, the lower one is 0
    duration : ms of the workload
    tolerance : relative difference of mean rates up to which two simulators count as running the same network
    """

    synapses: str
    n_exc: int
    n_inh: int
    p: float
    weight_exc: float
    weight_inh: float
    delay: float
    tau_m: float
    v_rest: float
    v_th: float
    v_reset: float
    t_ref: float
    v_init: tuple[float, float]
    c_m: float = 200.0
    i_ext: float = 0.0
    tau_syn_exc: float = 5.0
    tau_syn_inh: float = 10.0
    e_rev_exc: float = 0.0
    e_rev_inh: float = -80.0
    drive_rate: float = 0.0
    drive_weight: float = 0.0
    stdp_rate: float = 0.0
    stdp_alpha: float = 1.05
    stdp_tau: float = 20.0
    stdp_w_max: float = 0.3
    duration: float = 1000.0
    tolerance: float = 0.05

    @property
    def names(self) -> tuple[str, ...]:
        """Populations of neurons; all others of the description are sources."""
        return ("exc", "inh")

    @property
    def sizes(self) -> tuple[int, ...]:
        """Neurons of each."""
        return (self.n_exc, self.n_inh)

    @property
    def size(self) -> int:
        """Neurons of both populations."""
        return self.n_exc + self.n_inh

    def scaled(self, neurons: int) -> RandomNetwork:
        """Return a network of about `neurons` neurons and the same expected input to each; for tests."""
        factor = neurons / self.size
        return replace(self, n_exc=round(self.n_exc * factor), n_inh=round(self.n_inh * factor), p=min(1.0, self.p / factor))

    def network(self, seed: int) -> Network:
        """Return the network as a snnsim description. seed : of the potentials at the start"""
        import numpy as np

        from snnsim.connect import FixedProbability, OneToOne
        from snnsim.models.poisson import PoissonSource
        from snnsim.network import Network, Population, Projection

        names = ["tau_m", "v_rest", "v_th", "v_reset", "t_ref", "c_m", "i_ext"]
        names += [] if self.synapses == "delta" else ["tau_syn_exc", "tau_syn_inh"]
        names += ["e_rev_exc", "e_rev_inh"] if self.synapses == "conductance" else []
        values: dict[str, Any] = {name: getattr(self, name) for name in names}
        random, model = np.random.default_rng(seed), model_of(self)
        low, high = self.v_init
        cells = [
            Population(name, size, model(**values, v_init=low if low == high else random.uniform(low, high, size)))
            for name, size in zip(self.names, self.sizes, strict=True)
        ]
        rule = self.rule()
        parts = [
            Projection(
                pre, post, FixedProbability(self.p), weight=weight, delay=self.delay, plasticity=rule if pre is post is cells[0] else None
            )
            for pre, weight in zip(cells, (self.weight_exc, self.weight_inh), strict=True)
            for post in cells
        ]
        if self.drive_rate:
            for post in cells:
                noise = Population(f"noise_{post.name}", post.size, PoissonSource(rate=self.drive_rate))
                parts.append(Projection(noise, post, OneToOne(), weight=self.drive_weight, delay=self.delay))
        return Network(*parts)

    def rule(self) -> Plasticity | None:
        """Return the learning rule of the synapses between excitatory neurons, or None where they are static."""
        from snnsim.plasticity.pair_stdp import PairSTDP

        if not self.stdp_rate:
            return None
        return PairSTDP(
            a_plus=self.stdp_rate,
            a_minus=self.stdp_rate * self.stdp_alpha,
            tau_plus=self.stdp_tau,
            tau_minus=self.stdp_tau,
            w_min=0.0,
            w_max=self.stdp_w_max,
        )


def model_of(parameters: RandomNetwork) -> type:
    """Return the neuron model that `parameters` ask for. Raises ImportError where this version of snnsim lacks it."""
    if parameters.synapses == "delta":
        from snnsim.models.lif import LIF as Model
    elif parameters.synapses == "current":
        from snnsim.models.lif_exp import LIFExp as Model
    else:
        from snnsim.models.lif_cond_exp import LIFCondExp as Model
    return Model
