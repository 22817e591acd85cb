"""Analog CMOS: accelerated above threshold, and subthreshold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from snnsim.analog.device import AnalogDevice
from snnsim.units import check_number, param


@final
@dataclass(frozen=True, kw_only=True)
class BrainScaleS2(AnalogDevice):
    """A chip like BrainScaleS-2 in its matrix mode: 6-bit weights, 5-bit inputs, 8-bit results, 2 LSB of noise in each of them.

    One step of the weight times one of the input adds 0.002 steps to a result. Inputs are sent several times where a sum is small:
    as often as the range of the ADC allows on the calibration data. A row of 256 synapses gives 128 signed weights.

    Sources: bits and size, Weis et al. (2020), arXiv 2006.13177; gain and noise, the mock-up mode of hxtorch (`MockParameter`).
    `mismatch` is a stand-in (grade R): below 10 % is what Koke (2017), doi:10.11588/heidok.00022742, finds for the synapses of its
    predecessor in simulations of the transistors; hxtorch's mock-up has none.
    """

    mismatch: float = param(0.1, ge=0.0, doc="standard deviation over mean of a device")
    weight_bits: int | None = 6
    dac_bits: int | None = 5
    adc_bits: int | None = 8
    tile: int | None = 128
    read_noise: float = param(2.0, ge=0.0, unit="LSB", doc="noise of a result")
    gain: float | None = param(0.002, gt=0.0, unit="LSB", doc="result of one weight step times one input step")


def subthreshold_mismatch(sigma_vt: float = 5.0, kappa: float = 0.7, u_t: float = 25.85) -> float:
    r"""Return the mismatch of currents that are exponential in a threshold voltage, standard deviation over mean.

    .. math:: I = I_0\, e^{\kappa V / U_T}, \quad s = \kappa\, \sigma_{V_T} / U_T, \quad mismatch = \sqrt{e^{s^2} - 1}

    sigma_vt : float   standard deviation of the threshold voltage, mV, >= 0; of 1 um^2 in 180 nm by default (grade R, not verified)
    kappa : float      coupling of the gate, 0 .. 1; u_t : thermal voltage, mV, > 0 (25.85 mV at 300 K)
    """
    check_number("subthreshold_mismatch.sigma_vt", sigma_vt, unit="mV", ge=0.0)
    check_number("subthreshold_mismatch.kappa", kappa, gt=0.0, le=1.0)
    check_number("subthreshold_mismatch.u_t", u_t, unit="mV", gt=0.0)
    return math.sqrt(math.expm1((kappa * sigma_vt / u_t) ** 2))


@final
@dataclass(frozen=True, kw_only=True)
class SubthresholdCMOS(AnalogDevice):
    """Synapses and neurons of transistors below threshold, whose currents are exponential in their threshold voltages.

    `mismatch` of every weight and `converter_gain` of every neuron are those of `subthreshold_mismatch`: 13.6 %.

    Sources: the exponential law is exact; the default of 5 mV is a stand-in (grade R): no source could be read for it. Measured
    figures belong here where you have them.
    """

    mismatch: float = param(subthreshold_mismatch(), ge=0.0, doc="standard deviation over mean of a device")
    converter_gain: float = param(subthreshold_mismatch(), ge=0.0, doc="standard deviation of the gain of converters")
