"""Resistive memory (metal oxide)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from snnsim.analog.device import AnalogDevice, Draws
from snnsim.errors import ParameterError
from snnsim.units import param

#: seconds since writing -> coefficients of 1, g, g^2, g^3, g^4, uS
_MEASURED = {
    1.0: (0.348, 16.030, -43.853, 45.393, -16.815),
    86_400.0: (0.701, 22.086, -50.773, 47.095, -16.458),
    172_800.0: (0.782, 20.274, -43.507, 37.062, -11.934),
}


@final
@dataclass(frozen=True, kw_only=True)
class RRAM(AnalogDevice):
    r"""Resistive memory after write-verify: conductances relax away from what was written, more so with time.

    .. math:: g(t) = \max(0, g + \sigma(g, t)\, \xi / g_{max}), \quad \sigma(g, t) = \sum_{i=0}^{4} c_i(t)\, g^i

    The polynomials are those of 1 s, one day and two days; between them the standard deviation is interpolated along ln t, and later
    times are refused. A device keeps its :math:`\xi`, so that chips age along one path.

    Parameters
    ----------
    relaxation : float   scale of the noise, >= 0
    others : see `AnalogDevice`; converters and tiles as those of `PCM`. Stuck devices are left out: their share depends on the process

    Source: Wan et al. (2022), a compute-in-memory chip; fourth-order fit to its figures by aihwkit, `inference/noise/reram.py`.
    """

    pair: ClassVar[bool] = True
    #: largest conductance, uS
    g_max: ClassVar[float] = 40.0

    relaxation: float = param(1.0, ge=0.0, doc="scale of the relaxation")
    dac_bits: int | None = 7
    adc_bits: int | None = 8
    tile: int | None = 512
    t_0: float = param(1.0, ge=1.0, unit="s", doc="first reading after the devices were written")

    def check_time(self, time: float) -> None:
        super().check_time(time)
        last = max(_MEASURED)
        if time > last:
            raise ParameterError(
                f"fabricate.time = {time:g} s must be <= {last:g} s for RRAM: nothing later was measured. Choose a time up to two days."
            )

    def relaxation_noise(self, g: np.ndarray, time: float) -> np.ndarray:
        """Return the standard deviation at `time` s after writing, uS."""
        known = np.array([np.polynomial.polynomial.polyval(g, c) for c in _MEASURED.values()])
        at = np.interp(math.log(time), np.log(list(_MEASURED)), np.arange(len(known)))
        before = min(int(at), len(known) - 2)
        return known[before] + (at - before) * (known[before + 1] - known[before])

    def aged(self, g: np.ndarray, draws: Draws, time: float) -> np.ndarray:
        noise = self.relaxation * self.relaxation_noise(g, time) / self.g_max
        return np.maximum(g + noise * draws("relaxation").standard_normal(g.shape), 0.0)
