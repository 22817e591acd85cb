"""Parameters of a circuit of many populations, and the same circuit as a snnsim description.

As in networks.py the parameters are plain numbers, which travel to the peers' scripts as JSON. Matrices are indexed by target, then
by source, in the order of `names`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.networks import DT

if TYPE_CHECKING:
    from snnsim.network import Network


@dataclass(frozen=True, kw_only=True)
class Circuit:
    """LIF neurons with exponential currents (`snnsim.LIFExp`), joined by a given number of synapses per pair of populations.

    synapses : int[target][source]       drawn with replacement among all pairs of neurons, a neuron with itself included
    weight : float[target][source]       pA, mean; single ones are normal and keep their sign
    delay : float[source]                ms, mean; single ones are normal, rounded to steps and at least one step
    weight_spread, delay_spread : float  standard deviation / mean
    v_mean, v_sd : float[population]     mV; potentials at the start are normal, drawn again from v_th on
    i_ext, drive_rate : float[population]    pA, and Hz of the Poisson input that every neuron has for itself
    drive_weight, drive_delay : float        pA, ms; of that input
    start, duration : float              ms before rates are counted, and while they are
    reference : float[population]        Hz; published rates
    tolerance : float                    relative difference of mean rates up to which two simulators run the same circuit
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    synapses: tuple[tuple[int, ...], ...]
    weight: tuple[tuple[float, ...], ...]
    delay: tuple[float, ...]
    weight_spread: float
    delay_spread: float
    v_mean: tuple[float, ...]
    v_sd: tuple[float, ...]
    i_ext: tuple[float, ...]
    drive_rate: tuple[float, ...]
    drive_weight: float
    drive_delay: float
    tau_m: float
    c_m: float
    v_rest: float
    v_th: float
    v_reset: float
    t_ref: float
    tau_syn: float
    start: float
    duration: float
    reference: tuple[float, ...]
    tolerance: float

    @property
    def size(self) -> int:
        """Neurons of all populations."""
        return sum(self.sizes)

    def network(self, seed: int) -> Network:
        """Return the circuit as a snnsim description. seed : of the potentials at the start"""
        import numpy as np

        from snnsim.connect import FixedTotalNumber, Normal, OneToOne
        from snnsim.models.lif_exp import LIFExp
        from snnsim.models.poisson import PoissonSource
        from snnsim.network import Network, Population, Projection

        random = np.random.default_rng(seed)
        membrane = {name: getattr(self, name) for name in ("tau_m", "c_m", "v_rest", "v_th", "v_reset", "t_ref")}
        membrane |= {"tau_syn_exc": self.tau_syn, "tau_syn_inh": self.tau_syn}
        cells = []
        for name, size, mean, sd, current in zip(self.names, self.sizes, self.v_mean, self.v_sd, self.i_ext, strict=True):
            v_init = random.normal(mean, sd, size)
            while np.any(high := v_init >= self.v_th):
                v_init[high] = random.normal(mean, sd, int(high.sum()))
            cells.append(Population(name, size, LIFExp(**membrane, i_ext=current, v_init=v_init)))
        parts = []
        for post, numbers, weights, rate in zip(cells, self.synapses, self.weight, self.drive_rate, strict=True):
            for pre, number, mean, delay in zip(cells, numbers, weights, self.delay, strict=True):
                if number:
                    side = {"low": 0.0} if mean > 0.0 else {"high": 0.0}
                    weight = Normal(mean=mean, std=self.weight_spread * abs(mean), **side)
                    wait = Normal(mean=delay, std=self.delay_spread * delay, low=DT, step=DT)
                    some = FixedTotalNumber(number, autapses=True, multapses=True)
                    parts.append(Projection(pre, post, some, weight=weight, delay=wait))
            noise = Population(f"noise_{post.name}", post.size, PoissonSource(rate=rate))
            parts.append(Projection(noise, post, OneToOne(), weight=self.drive_weight, delay=self.drive_delay))
        return Network(*parts)
