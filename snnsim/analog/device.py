"""What an analog chip is made of: devices that hold weights, and the converters around them."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from snnsim.errors import ParameterError
from snnsim.units import check_fields, check_integer, param

#: purpose -> generator of its own, so that one imperfection more changes no other draw
Draws = Callable[[str], np.random.Generator]


def draws_of(seed: int, place: str) -> Draws:
    """Return the generators of one crossbar (or converter) of the chip `seed`."""
    return lambda purpose: np.random.default_rng([seed, zlib.crc32(place.encode()), zlib.crc32(purpose.encode())])


@dataclass(frozen=True, kw_only=True)
class AnalogDevice:
    r"""Devices with mismatch alone, and the base of all others. Everything is off by default: an ideal chip.

    A weight is a conductance `g`, a share of the largest one of its crossbar. Mismatch is lognormal with mean 1,

    .. math:: g' = g \exp(s \xi - s^2 / 2), \quad s^2 = \ln(1 + mismatch^2), \quad \xi \sim N(0, 1)

    so that `mismatch` is the standard deviation over the mean, whatever its size.

    Parameters
    ----------
    mismatch : float          per device, >= 0; the default of the preset "mismatch" is 0.1
    weight_bits : int         of the magnitude of a weight, 1 .. 15; the sign has a device or line of its own. Default: any value
    dac_bits : int            of the magnitude of an input, 1 .. 15; a second line carries negative ones. Default: as the network has it
    adc_bits : int            of a result, with its sign, 2 .. 16. Default: every value exactly
    tile : int                rows and columns of a crossbar; each has converters of its own. Default: as large as needed
    stuck_off, stuck_on : float   shares of devices that hold 0, or the largest conductance, whatever is written to them
    read_noise : float        standard deviation of a result, drawn for every reading, steps of the ADC
    converter_gain : float    mismatch of the converters: standard deviation of their gain over its mean
    converter_offset : float  standard deviation of their offsets, steps of the ADC
    gain : float              steps of the ADC for one step of the weight times one of the input. Default: what the range needs
    t_0 : float               first reading, s since the devices were written; what they hold is known from then on

    For a device of your own, derive from this class and override `aged`.

    Source: lognormal mismatch of 30 % at 3 sigma is the default of Rockpool, `transform.mismatch_generator`.
    """

    #: a weight is the difference of two devices, one of which is written
    pair: ClassVar[bool] = False

    mismatch: float = param(0.0, ge=0.0, le=1e6, doc="standard deviation over mean of a device")
    weight_bits: int | None = None
    dac_bits: int | None = None
    adc_bits: int | None = None
    tile: int | None = None
    stuck_off: float = param(0.0, ge=0.0, le=1.0, doc="share of devices stuck at 0")
    stuck_on: float = param(0.0, ge=0.0, le=1.0, doc="share of devices stuck at the largest conductance")
    read_noise: float = param(0.0, ge=0.0, le=1e6, unit="LSB", doc="noise of a result")
    converter_gain: float = param(0.0, ge=0.0, le=100.0, doc="standard deviation of the gain of converters")
    converter_offset: float = param(0.0, ge=0.0, le=1e6, unit="LSB", doc="standard deviation of the offset of converters")
    gain: float | None = param(None, gt=0.0, le=1e6, unit="LSB", doc="result of one weight step times one input step")
    t_0: float = param(0.0, ge=0.0, unit="s", doc="first reading after the devices were written")

    def __post_init__(self) -> None:
        check_fields(self)
        owner = type(self).__name__
        for field in fields(self):
            if isinstance(getattr(self, field.name), np.ndarray):
                raise ParameterError(f"{owner}.{field.name} must be one number: all devices of a chip share it. Give a float.")
        for name, low, high in (("weight_bits", 1, 15), ("dac_bits", 1, 15), ("adc_bits", 2, 16), ("tile", 1, 2**20)):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, check_integer(f"{owner}.{name}", value, low=low, high=high))
        if self.stuck_off + self.stuck_on > 1.0:
            raise ParameterError(
                f"{owner}.stuck_off + stuck_on = {self.stuck_off + self.stuck_on:g} must be <= 1: they are shares of all devices. "
                "Lower one."
            )
        for name in ("read_noise", "converter_offset", "gain"):
            if getattr(self, name) and self.adc_bits is None:
                raise ParameterError(f"{owner}.{name} = {getattr(self, name):g} LSB needs adc_bits: it is measured in steps of the ADC.")

    def check_time(self, time: float) -> None:
        """Refuse times, s since the devices were written, for which there is no model. Raises ParameterError."""
        if time < self.t_0:
            raise ParameterError(
                f"fabricate.time = {time:g} s must be >= {type(self).__name__}.t_0 = {self.t_0:g} s: the model begins with the first "
                f"reading after the devices were written. Choose a time >= {self.t_0:g}."
            )

    def aged(self, g: np.ndarray, draws: Draws, time: float) -> np.ndarray:
        """Return what devices written to `g` hold after `time`, shares of the largest conductance; here what was written."""
        return g

    def conductances(self, g: np.ndarray, draws: Draws, time: float) -> np.ndarray:
        """Return what devices written to `g` hold, float64 of the same shape: programmed, aged, mismatched, or stuck."""
        held = self.aged(g, draws, time)
        if self.mismatch:
            held = held * lognormal(self.mismatch, g.shape, draws("mismatch"))
        if self.stuck_off or self.stuck_on:
            fate = draws("stuck").random(g.shape)
            held = np.where(fate < self.stuck_off, 0.0, np.where(fate >= 1.0 - self.stuck_on, 1.0, held))
        return held

    def weights(self, weight: np.ndarray, draws: Draws, time: float) -> np.ndarray:
        """Return the weights that a crossbar holds, float64 in the unit of `weight`: one device, or one pair, for each."""
        largest = float(np.abs(weight.astype(np.float64)).max(initial=0.0))
        if largest == 0.0:
            largest = 1.0  # nothing to scale by; devices that leak or are stuck then weigh one step
        target = weight / largest
        if self.weight_bits is not None:
            steps = 2**self.weight_bits - 1
            target = np.rint(target * steps) / steps
        if self.pair:
            plus = self.conductances(np.maximum(target, 0.0), lambda purpose: draws(purpose + "+"), time)
            minus = self.conductances(np.maximum(-target, 0.0), lambda purpose: draws(purpose + "-"), time)
            return (plus - minus) * largest
        return np.where(target < 0.0, -1.0, 1.0) * self.conductances(np.abs(target), draws, time) * largest


def lognormal(deviation: float, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """Return factors of mean 1 and standard deviation `deviation`, float64[*shape]."""
    s = math.sqrt(math.log1p(deviation**2))
    return np.exp(s * random.standard_normal(shape) - 0.5 * s * s)
