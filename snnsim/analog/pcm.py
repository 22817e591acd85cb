"""Phase-change memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.analog.device import AnalogDevice, Draws
from snnsim.errors import ParameterError
from snnsim.units import finite_number, param

_FORMS = {3: "coefficients of 1, g and g^2", 4: "a slope, a value, and bounds 0 <= low <= high"}
_LEAST = 1e-7  # share of g_max below which a device counts as this, where its logarithm is taken


@final
@dataclass(frozen=True, kw_only=True)
class PCM(AnalogDevice):
    r"""Phase-change memory: programming noise, drift and 1/f noise, each a function of the conductance g, a share of g_max.

    .. math:: g_{prog} = g + \sigma_{prog}(g) \xi_1, \quad g(t) = g_{prog} (t / t_0)^{-|\nu|}\,(1 + \sigma_{read} \xi_2), \quad
              \nu \sim N(\mu_\nu(g), \sigma_\nu(g))

    and nothing below 0. Devices come in pairs, and the one that is not written is noisy too. The 1/f noise is slow: it is
    drawn once for a chip at its time, not for every input.

    Parameters
    ----------
    programming, drift, flicker : float   scales of the three, >= 0
    polynomial : three float              programming noise: coefficients of 1, g, g^2, uS
    exponent, spread : four float         mean and deviation of nu: slope along ln g, value at g = 1, least and largest value
    t_read : float                        time one reading takes, s, > 0
    others : see `AnalogDevice`; converters and tiles are by default those of aihwkit's I/O preset, 8 bit with sign, tiles of 512,
        without its noise, which is given for a fixed range

    Source: Nandakumar et al. (2019), fitted to a million devices; coefficients as in aihwkit, `inference/noise/pcm.py`.
    """

    pair: ClassVar[bool] = True
    #: largest conductance, uS, for which the polynomial was fitted
    g_max: ClassVar[float] = 25.0

    programming: float = param(1.0, ge=0.0, doc="scale of the programming noise")
    drift: float = param(1.0, ge=0.0, doc="scale of the drift exponents")
    flicker: float = param(1.0, ge=0.0, doc="scale of the 1/f noise")
    dac_bits: int | None = 7
    adc_bits: int | None = 8
    tile: int | None = 512
    t_0: float = param(20.0, gt=0.0, unit="s", doc="first reading after the devices were written")
    t_read: float = param(250e-9, gt=0.0, unit="s", doc="time one reading takes")
    polynomial: tuple[float, ...] = (0.26348, 1.9650, -1.1731)
    exponent: tuple[float, ...] = (-0.0155, 0.0244, 0.049, 0.1)
    spread: tuple[float, ...] = (-0.0125, -0.0059, 0.008, 0.045)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, n in (("polynomial", 3), ("exponent", 4), ("spread", 4)):
            values = np.asarray(finite_number(f"PCM.{name}", getattr(self, name)))
            if values.shape != (n,) or (n == 4 and not 0.0 <= values[2] <= values[3]):
                raise ParameterError(f"PCM.{name} = {getattr(self, name)!r} must be {_FORMS[n]}. Give {n} numbers.")
            object.__setattr__(self, name, tuple(values.tolist()))

    def programming_noise(self, g: np.ndarray) -> np.ndarray:
        """Return the standard deviation after writing, uS: by default 0.26348 + 1.9650 g - 1.1731 g^2, at least 0."""
        return np.maximum(np.polynomial.polynomial.polyval(g, self.polynomial), 0.0)

    def drift_exponent(self, g: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of the drift exponent nu."""
        log = np.log(np.maximum(g, _LEAST))
        mean, deviation = (np.clip(slope * log + level, low, high) for slope, level, low, high in (self.exponent, self.spread))
        return mean, deviation

    def read_noise_of(self, g: np.ndarray, time: float) -> np.ndarray:
        """Return the standard deviation of 1/f noise at `time` s over the conductance: q sqrt(ln((t + t_read) / (2 t_read)))."""
        q = np.minimum(0.0088 / np.maximum(g**0.65, 1e-3), 0.2)
        return q * math.sqrt(math.log((time + self.t_read) / (2.0 * self.t_read)))

    def aged(self, g: np.ndarray, draws: Draws, time: float) -> np.ndarray:
        written = g + self.programming * self.programming_noise(g) / self.g_max * draws("programming").standard_normal(g.shape)
        written = np.maximum(written, 0.0)
        mean, deviation = self.drift_exponent(g)
        nu = self.drift * np.abs(mean + deviation * draws("drift").standard_normal(g.shape))
        held = written * (time / self.t_0) ** -nu
        held *= 1.0 + self.flicker * self.read_noise_of(written, time) * draws("flicker").standard_normal(g.shape)
        return np.maximum(held, 0.0)
