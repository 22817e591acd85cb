"""Parameters of a layered network of leaky neurons, its weights and input, and the same network in our own terms."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from snnsim.network import Network

DT = 1.0  # ms
GRAIN = 1024  # weights are multiples of 1 / GRAIN: sums of them are exact in single precision, in whatever order they are added


@dataclass(frozen=True, kw_only=True)
class Perceptron:
    """Layers one behind the other, every neuron to every neuron of the next, without delay.

    sizes : of the input and the layers;   steps : of a sample;   activity, busy : chance of an input to fire in a step
    beta : share of the potential left after a step;   gain : standard deviation of the weights times the root of the inputs
    """

    sizes: tuple[int, ...] = (784, 1024, 1024, 10)
    steps: int = 100
    activity: float = 0.02
    busy: float = 0.1
    beta: float = 0.9
    gain: float = 2.5

    def weights(self, seed: int) -> list[np.ndarray]:
        """Return float64[n, n_pre] for each layer."""
        random = np.random.default_rng(seed)
        scale = [self.gain / np.sqrt(n_pre) for n_pre in self.sizes]
        return [
            np.rint(GRAIN * by * random.normal(size=(n, n_pre))) / GRAIN
            for by, (n_pre, n) in zip(scale, pairwise(self.sizes), strict=False)
        ]

    def inputs(self, activity: float, seed: int) -> np.ndarray:
        """Return bool[steps, n_in]."""
        return np.random.default_rng(seed).random((self.steps, self.sizes[0])) < activity

    def network(self, weights: list[np.ndarray], inputs: np.ndarray, kind: str) -> Network:
        """Return the network as a snnsim description. kind : 'snntorch' for its Leaky, 'norse' for its LIFBox"""
        from snnsim.connect import AllToAll
        from snnsim.models.spike_array import SpikeArray
        from snnsim.network import Network, Population, Projection

        step, index = np.nonzero(inputs)
        cells = [Population("input", self.sizes[0], SpikeArray(times=DT * (step + 1.0), indices=index))]
        cells += [Population(name, n, self.model(kind)) for name, n in zip(self.names, self.sizes[1:], strict=True)]
        return Network(
            *(
                Projection(pre, post, AllToAll(), weight=self.factor(kind) * matrix.T.ravel(), delay=0.0)
                for (pre, post), matrix in zip(pairwise(cells), weights, strict=True)
            )
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Populations of neurons."""
        return tuple(f"layer{k}" for k in range(1, len(self.sizes)))

    def factor(self, kind: str) -> float:
        """Return the factor of the weights: LIFBox multiplies its input by dt / tau_m, here about 1 - beta; 8 keeps sums exact."""
        return 8.0 if kind == "norse" else 1.0

    def model(self, kind: str) -> Any:
        """Return the model of all neurons."""
        from snnsim.models.norse_lif_box import NorseLIFBox
        from snnsim.models.snntorch_leaky import Leaky

        return NorseLIFBox(tau_m=10.0, reset_mechanism="subtract") if kind == "norse" else Leaky(beta=self.beta)
