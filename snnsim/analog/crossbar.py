"""One crossbar with its converters as layers of an integer program: whole weights in finer units, and a staircase that is the ADC."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from snnsim.analog.device import AnalogDevice, Draws, lognormal
from snnsim.analog.tiles import Tile
from snnsim.errors import ConversionError
from snnsim.graph.integer import DenseEdge, FiltersEdge, Layer, PointEdge
from snnsim.graph.nodes import Shape
from snnsim.models.integer_input import IntegerInput
from snnsim.models.staircase import Staircase

#: what sums of a crossbar may reach: half of an accumulator, the other half is for noise and offsets
_ROOM = 2**30
#: steps of noise in one step of an ADC; deviations past which it is cut
_GRAIN, _FAR = 64, 8


@final
@dataclass(frozen=True, eq=False)
class Crossbar:
    """One tile of weights and its converters.

    name : str       population of the converters
    layer : str      population that reads them; source : that which drives the rows
    shift : int      2^shift accumulator units for one step of the weight
    step : float     what one step of the converter stands for, in steps of weight times steps of input
    worth : int      accumulator units of the layer for one step of the converter
    theta : int      threshold of a converter without error
    bound : int      what the sum of a column can reach
    noise : str      population of the noise, or empty
    sends : int      how often an input is sent for one result, where the gain of the device is fixed
    """

    name: str
    layer: str
    source: str
    tile: Tile
    shift: int
    step: float
    worth: int
    theta: int
    bound: int
    noise: str = ""
    sends: int = 1

    def converter(self, device: AnalogDevice, theta: np.ndarray, bias: np.ndarray) -> Staircase:
        """Return the converters with these thresholds and offsets, int64[width] each: limited to the bits of the ADC, if it has any."""
        if device.adc_bits is not None:
            half = 2 ** (device.adc_bits - 1)
            return Staircase(theta=theta, s_min=-half, s_max=half - 1, bias=bias)
        reach = (self.bound + int(np.abs(bias).max(initial=0))) // int(theta.min()) + 1
        return Staircase(theta=theta, s_min=-reach, s_max=reach, bias=bias)


def step_of(device: AnalogDevice, gain: int, reach: float, unit: float) -> tuple[float, int, int]:
    """Return (step, worth, sends) of a converter; see `Crossbar`.

    gain : of the edge, accumulator units for one step of the weight times one of the input
    reach : largest sum in the calibration data; unit : steps of the network in one weight step times input step of the device
    """
    if device.adc_bits is None:
        return 1.0, gain, 1
    needed, sends = reach / (2 ** (device.adc_bits - 1) - 1), 1
    if device.gain is None:
        worth = max(1, math.ceil(abs(gain) * needed))
    else:
        largest = unit / device.gain
        sends = max(1, math.floor(largest / needed)) if needed else 1
        worth = max(1, round(abs(gain) * largest / sends))
    return worth / abs(gain), worth if gain > 0 else -worth, sends


def shift_of(layer: str, weight: np.ndarray, largest: int) -> int:
    """Return the finest unit of weights that fits int16 and keeps sums of inputs up to `largest` within an accumulator.

    Raises ConversionError naming the layer when not even steps of 1 fit.
    """
    peak = max(float(np.abs(weight).max(initial=0.0)), 1.0)
    total = max(float(np.abs(weight).reshape(-1, weight.shape[-1]).sum(axis=0).max(initial=0.0)) * largest, 1.0)
    shift = math.floor(min(math.log2(32766.0 / peak), math.log2(_ROOM / total)))
    if shift < 0:
        raise ConversionError(
            f"Layer {layer!r}: its analog weights reach {peak:.0f} and its sums {total:.3g}, but 16-bit weights and half of a 32-bit "
            f"accumulator hold 32766 and {_ROOM}. Convert with fewer weight_bits or activation_bits, or choose smaller tiles."
        )
    return shift


def whole(weight: np.ndarray, shift: int) -> np.ndarray:
    """Return weights in units of 2^-shift, int16, read-only."""
    array = np.ascontiguousarray(np.rint(weight * 2.0**shift), dtype=np.int16)
    array.flags.writeable = False
    return array


@dataclass(frozen=True)
class Site:
    """Where a crossbar is put: names of its populations, the one it reads, and what a level of that is worth and can reach."""

    name: str
    layer: str
    shape: Shape
    source: str
    reads: str
    level: float
    largest: int


#: a crossbar, and the layers that make it
Built = tuple[Crossbar, list[Layer]]


def build(device: AnalogDevice, site: Site, tile: Tile, weight: np.ndarray, digital: float, draws: Draws, reach: float) -> Built:
    """Return (Crossbar, layers to insert) of one tile.

    weight : float64   what the crossbar holds, in steps of the network; digital : largest magnitude that was to be written
    reach : largest sum in the calibration data
    """
    edge, shift = tile.edge, shift_of(site.layer, weight, site.largest)
    unit = site.level * (digital / (2**device.weight_bits - 1) if device.weight_bits is not None else 1.0)
    step, worth, sends = step_of(device, edge.gain, reach, unit)
    theta = max(1, round(step * 2.0**shift / site.level))
    held = whole(weight, shift)
    bound = int(np.abs(held.astype(np.int64)).reshape(-1, held.shape[-1]).sum(axis=0).max(initial=0)) * site.largest
    edges: list[Any] = [_reading(edge, site.reads, held)]
    inserted, noise = list[Layer](), ""
    if device.read_noise:
        noise = f"{site.name}.noise"
        grain, most = max(1, theta // _GRAIN), math.ceil(_FAR * device.read_noise * theta / max(1, theta // _GRAIN))
        inserted.append(Layer(noise, site.shape, IntegerInput(s_min=-most, s_max=most), (), 1.0))
        edges.append(PointEdge(noise, np.array(grain, dtype=np.int32)))
        bound += grain * most
    crossbar = Crossbar(site.name, site.layer, site.source, tile, shift, step, worth, theta, bound, noise, sends)
    thetas, offsets = _errors(device, theta, site.shape[-1], draws)
    inserted.append(Layer(site.name, site.shape, crossbar.converter(device, thetas, offsets), tuple(edges), 1.0))
    return crossbar, inserted


def _reading(edge: DenseEdge | FiltersEdge, source: str, weight: np.ndarray) -> DenseEdge | FiltersEdge:
    return replace(edge, source=source, weight=weight, gain=1)


def _errors(device: AnalogDevice, theta: int, width: int, draws: Draws) -> tuple[np.ndarray, np.ndarray]:
    """Return thresholds and offsets of the converters, int64[width]."""
    thetas, offsets = np.full(width, theta, dtype=np.int64), np.zeros(width, dtype=np.int64)
    if device.converter_gain:
        factors = lognormal(device.converter_gain, (width,), draws("converter gain"))
        thetas = np.maximum(np.rint(theta / factors), 1).astype(np.int64)
    if device.converter_offset:
        offsets = np.rint(device.converter_offset * theta * draws("converter offset").standard_normal(width)).astype(np.int64)
    return thetas, offsets


def noise_of(crossbars: tuple[Crossbar, ...], device: AnalogDevice) -> Mapping[str, float]:
    """Return the standard deviation of each population of noise, in what it emits."""
    return {bar.noise: device.read_noise * bar.theta / max(1, bar.theta // _GRAIN) for bar in crossbars if bar.noise}
