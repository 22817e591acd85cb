"""A converted model on one analog chip."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple, final

import numpy as np

from snnsim.analog.coding import NoisyCoding
from snnsim.analog.crossbar import noise_of
from snnsim.analog.design import Program, fresh, ideal, program
from snnsim.analog.device import AnalogDevice
from snnsim.analog.presets import device_of
from snnsim.analog.recover import RECOVERIES
from snnsim.analog.tiles import across
from snnsim.conversion.coding import Coding
from snnsim.conversion.spiking_model import SpikingModel
from snnsim.counts import OperationCounts
from snnsim.errors import ParameterError
from snnsim.graph.integer import Settled
from snnsim.results import Result
from snnsim.units import check_integer, check_scalar, one_of

_CALIBRATION = 2**32 - 1  # number of the reading in which a chip measures itself; those of a user come before


class _Names(NamedTuple):
    """Layers in `Result.counts`: the devices of a crossbar, its ADCs and its DACs."""

    crossbar: str
    adc: str
    dac: str


@final
class AnalogChip(SpikingModel):
    """A converted model on one analog chip, as `fabricate` makes it: called, certified and streamed as a `SpikingModel`.

    It is exact in the same sense: a run equals the chip's own integer program, in every layer.

    Attributes
    ----------
    device : AnalogDevice; seed : int; time : float   which chip it is, and how many seconds after it was written
    crossbars : tuple of Crossbar                     tiles of weights and their converters
    original : SpikingModel                           the model that it was made of
    """

    def __init__(self, model: SpikingModel, coding: Coding, made: Program, device: AnalogDevice, seed: int, time: float) -> None:
        super().__init__(coding, made.graph, samples=model._samples)
        self._original, self.device, self.seed, self.time = model, device, seed, time
        self.crossbars, self._dacs = made.crossbars, made.dacs

    def __call__(self, inputs: Any, **settings: Any) -> Result:
        """Run as a `SpikingModel` is run; `Result.counts` are those of the chip, see `hardware`."""
        result = super().__call__(inputs, **settings)
        return dataclasses.replace(result, counts=self.hardware(result.counts, len(next(iter(result.values.values())))))

    @property
    def original(self) -> SpikingModel:
        return self._original

    def analog(self, inferences: int = 1) -> OperationCounts:
        """Return the work of crossbars and converters: each crossbar is read once for every vector of an inference.

        A weight is one multiply-accumulate per reading, whether one device holds it or two, and whatever the input is. Rows and columns
        have a converter each; crossbars side by side have rows of their own. Where inputs are sent several times (`Crossbar.sends`), so
        often do rows and devices work for one result. Conversions carry the bits of the device as precision.
        """
        n = check_integer("AnalogChip.analog.inferences", inferences, low=1)
        layers: dict[str, dict[str, int]] = {}
        roles: dict[str, str] = {}
        precisions: dict[str, str] = {}
        for bar, names in zip(self.crossbars, self._names, strict=True):
            tile, beside = bar.tile, across(bar.tile.width, self.device.tile)
            results, reads = n * tile.reads, n * tile.reads * bar.sends
            layers |= {
                names.crossbar: {"macs": reads * tile.height * tile.width, "crossbar_reads": reads * beside},
                names.adc: {"adc_conversions": results * tile.width},
                names.dac: {"dac_conversions": reads * tile.height * beside},
            }
            roles |= {names.crossbar: "crossbar", names.adc: "converter", names.dac: "converter"}
            for name, bits in ((names.adc, self.device.adc_bits), (names.dac, self.device.dac_bits)):
                if bits is not None:
                    precisions[name] = f"int{bits}"
        return OperationCounts(layers, roles, precisions)

    def hardware(self, counts: OperationCounts, inferences: int) -> OperationCounts:
        """Return what the chip does in a run of its network that counted `counts`, or as an ANN (`ann_operations` of its program).

        The populations that stand for converters and noise, and the synapses that stand for devices, give way to `analog(inferences)`.
        """
        layers = {name: kinds for name, kinds in counts.layers.items() if name not in self._stand_ins}
        roles = {name: role for name, role in counts.roles.items() if name in layers}
        precisions = {name: precision for name, precision in counts.precisions.items() if name in layers}
        return OperationCounts(layers, roles, precisions) + self.analog(inferences)

    @cached_property
    def _stand_ins(self) -> frozenset[str]:
        """Names of the populations and projections that stand for crossbars, converters and noise."""
        inner = {bar.name for bar in self.crossbars} | set(self._dacs)
        noise = {bar.noise for bar in self.crossbars if bar.noise}
        paths = {key for key, p in self.network.projections.items() if p.post.name in inner}
        return frozenset(inner | noise | paths)

    @cached_property
    def _names(self) -> tuple[_Names, ...]:
        """Names in counts of the parts of each crossbar; no population of the network has them, but those of the ADC."""
        taken = set(self.network.populations) | set(self.network.projections)
        return tuple(_Names(fresh(f"{bar.name}.devices", taken), bar.name, fresh(f"{bar.name}.drivers", taken)) for bar in self.crossbars)

    def __repr__(self) -> str:
        return f"AnalogChip({type(self.device).__name__}, seed={self.seed}, time={self.time:g}, {self.network!r})"


class Design:
    """What the chips of one model and device have in common: ranges of the converters, and what they are calibrated against."""

    def __init__(self, model: SpikingModel, device: str | AnalogDevice, calibration: Any, recover: str | None) -> None:
        if not isinstance(model, SpikingModel) or isinstance(model, AnalogChip):
            raise ParameterError(f"fabricate.model = {type(model).__name__} must be a SpikingModel. Give what sim.convert returned.")
        self.model, self.device = model, device_of(device)
        self.recover = None if recover is None else one_of("fabricate.recover", recover, RECOVERIES)
        if recover is not None and calibration is None:
            raise ParameterError(f"fabricate.recover = {recover!r} needs inputs to measure the chip on. Give calibration=inputs.")
        self.given = model._samples if calibration is None else model.coding.checked(calibration)
        self.reach: dict[str, float] = {}
        self.ideal: Mapping[str, Settled] = {}
        if self.device.adc_bits is None and recover is None:
            return
        if self.given is None:
            raise ParameterError("fabricate.calibration is missing: an ADC has a range, and a loaded model no data to set it. Give inputs.")
        exact = ideal(model.integer_graph, self.device)
        self.ideal = exact.graph.evaluate(model.coding.encode(self.given)[0])
        self.reach = {bar.name: float(np.abs(self.ideal[bar.name].s).max()) for bar in exact.crossbars}

    def chip(self, seed: int, time: float | None, reading: int = 0) -> AnalogChip:
        """Return one chip; see `fabricate`."""
        seed = check_integer("fabricate.seed", seed, low=0, high=2**63 - 1)
        reading = check_integer("fabricate.reading", reading, low=0, high=_CALIBRATION - 1)
        at = self.device.t_0 if time is None else check_scalar("fabricate.time", time, unit="s")
        self.device.check_time(at)
        made = program(self.model.integer_graph, self.device, seed=seed, time=at, reach=self.reach)
        if self.recover is not None:
            inputs = self._coding(made, seed, _CALIBRATION).encode(self.given)[0]
            graph = RECOVERIES[self.recover](made.graph, made.crossbars, self.device, inputs, self.ideal)
            made = made._replace(graph=graph)
        return AnalogChip(self.model, self._coding(made, seed, reading), made, self.device, seed, at)

    def _coding(self, made: Program, seed: int, reading: int) -> Coding:
        deviations = noise_of(made.crossbars, self.device)
        if not deviations:
            return self.model.coding
        layers = made.graph.layers
        noise = {name: (layers[name].shape, d, layers[name].unit.bounds()[1]) for name, d in deviations.items()}
        plain = {field.name: getattr(self.model.coding, field.name) for field in dataclasses.fields(Coding)}
        return NoisyCoding(**plain, noise=noise, seed=seed, reading=reading)


def fabricate(
    model: SpikingModel,
    device: str | AnalogDevice = "mismatch",
    *,
    seed: int = 0,
    time: float | None = None,
    calibration: Any = None,
    recover: str | None = None,
    reading: int = 0,
) -> AnalogChip:
    """Put a converted model on one analog chip: its dense and convolving weights become devices, drawn from `seed`.

    Norms, softmax, products of two populations, residual sums and thresholds stay digital. The same seed at a later time is the
    same chip, older.

    Parameters
    ----------
    model : SpikingModel         what `convert` returned
    device : str or AnalogDevice "ideal", "mismatch", "subthreshold", "brainscales2", "rram", "pcm", or one with parameters of yours
    seed : int                   which chip
    time : float                 s since its devices were written, >= their t_0, the default; devices without drift do not age
    calibration : inputs         as for a call of the model: they set the ranges of the ADCs, and are what `recover` measures on.
                                 Default: the first 16 samples of the calibration data of `convert`, for the ranges alone. A device
                                 without an ADC, not recovered, needs none: they are checked, and change nothing
    recover : str                "channels": gain and offset of every converter; "drift": one gain per crossbar;
                                 "homeostasis": units move their own thresholds. Default: nothing
    reading : int                another number draws other noise of readings for the same chip

    Raises
    ------
    ParameterError    for an unknown device, a time before the first reading, inputs of another shape, and the like
    ConversionError   naming the layer, where analog weights or their sums have no room in 16 and 32 bits
    CompileError      naming the population, where an accumulator could overflow
    """
    return Design(model, device, calibration, recover).chip(seed, time, reading)
