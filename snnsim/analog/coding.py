"""The host's part of a chip with noisy readings: it draws the noise."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from snnsim.conversion.coding import Coding
from snnsim.graph.nodes import Shape


@final
@dataclass(frozen=True, eq=False)
class NoisyCoding(Coding):
    """As `Coding`, and one whole number of noise for every result of a crossbar in every trial.

    noise : mapping of population to (shape, standard deviation, largest magnitude); the last is 8 deviations, where it is cut
    seed, reading : int   noise is a function of both, of the population and of the number of the trial
    """

    noise: Mapping[str, tuple[Shape, float, int]]
    seed: int
    reading: int

    def encode(self, inputs: Any) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        encoded, beyond = super().encode(inputs)
        trials = len(next(iter(encoded.values())))
        for name, (shape, deviation, most) in self.noise.items():
            random = np.random.default_rng([self.seed, zlib.crc32(name.encode()), self.reading])
            drawn = np.rint(deviation * random.standard_normal((trials, *shape)))
            encoded[name] = np.clip(drawn, -most, most).astype(np.int64)
        return encoded, beyond
