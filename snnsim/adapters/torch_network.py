"""From the calls a torch network makes to populations and projections; what a module of neurons is, its framework's file says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from snnsim.adapters.imported import Imported, silent
from snnsim.adapters.torch_affine import Affine
from snnsim.adapters.torch_trace import INPUT, Call, Tracer, followed, trace
from snnsim.connect import OneToOne
from snnsim.errors import ConversionError, ParameterError
from snnsim.models.spiking import NeuronModel
from snnsim.network import Network, Population, Projection


@dataclass(frozen=True)
class Neurons:
    """What a framework's file says of one module of neurons.

    model : (shape, i_ext) -> NeuronModel   i_ext: 0.0, or one number per neuron
    before : Linear or None                 a matrix of its own through which its input goes
    recurrent : module or None              from its spikes to its own input of the next step
    each : float64[...] or None             weight of every neuron onto itself instead
    scale : float or array                  factor of its input
    """

    model: Callable[[tuple[int, ...], Any], NeuronModel]
    before: Any = None
    recurrent: Any = None
    each: np.ndarray | None = None
    scale: float | np.ndarray = 1.0


@dataclass(frozen=True)
class Framework:
    """How one framework's modules are read.

    neurons : is a module one of neurons?       timed : does it loop over time itself?
    describe : (where, call, shape) -> Neurons  readout : what holds the output of a linear module that nothing follows
    """

    neurons: Callable[[Any], bool]
    timed: Callable[[Any], bool]
    describe: Callable[[str, Call, tuple[int, ...]], Neurons]
    readout: Neurons


def import_torch(where: str, module: Any, sample: Any, framework: Framework, dt: float) -> Imported:
    """Return the network that `module` is. Raises ConversionError for what has no counterpart, naming the module."""
    import torch

    if not isinstance(module, torch.nn.Module):
        raise ConversionError(f"{where}.module = {module!r} must be a torch.nn.Module. Give the trained network itself.")
    sample = _sample(where, module, sample, framework)
    tracer = Tracer(where, framework.neurons, framework.timed)
    trace(where, module, sample, tracer)
    return _Builder(where, tracer.calls, framework, dt).build()


def _sample(where: str, module: Any, sample: Any, framework: Framework) -> Any:
    """Return the given sample, or zeros as wide as the first module that tells its width."""
    import torch

    if sample is not None:
        given = torch.as_tensor(sample)
        if not given.is_floating_point():
            given = given.to(_dtype(module))
        return given
    for _, part in followed(module, framework.neurons):
        width = getattr(part, "in_features", None) or getattr(part, "linear_features", None) or getattr(part, "input_size", None)
        if width is not None:
            lead = (1, 1) if any(framework.timed(each) for each in module.modules()) else (1,)
            return torch.zeros(*lead, int(width), dtype=_dtype(module))
        if framework.neurons(part) or type(part).__name__ not in ("Flatten", "Dropout", "Identity"):
            break
    raise ConversionError(
        f"{where}.sample is missing: the first module does not tell the shape of its input. Give sample=, a tensor that "
        "module(sample) takes."
    )


def _dtype(module: Any) -> Any:
    import torch

    kinds = [each.dtype for each in (*module.parameters(), *module.buffers()) if each.is_floating_point() and each.numel()]
    return kinds[0] if kinds else torch.get_default_dtype()


class _Builder:
    def __init__(self, where: str, calls: dict[str, Call], framework: Framework, dt: float) -> None:
        self.where, self.calls, self.framework, self.dt = where, calls, framework, dt
        self.layers = {name: call for name, call in calls.items() if framework.neurons(call.module)}
        if not self.layers:
            raise ConversionError(
                f"{where}: no module of neurons was called. Give a network with spiking neurons, such as Leaky or LIFCell."
            )

    def build(self) -> Imported:
        fed = {call.source for call in self.calls.values()}
        ends = [call for name, call in self.calls.items() if name not in fed]
        readouts = {call.name: call for call in ends if call.name not in self.layers}
        name, shape = self._input()
        self.shapes = {INPUT: shape} | {call.name: self._shape(call) for call in (*self.layers.values(), *readouts.values())}
        self.populations = {INPUT: silent(name, shape)}
        parts: list[Projection] = []
        for call in (*self.layers.values(), *readouts.values()):
            parts += self._layer(call, call.name in readouts)
        network = Network(*self.populations.values(), *parts)
        outputs = tuple(call.name for call in ends)
        return Imported(network, name, outputs, self.dt, {layer: layer for layer in self.layers})

    def _input(self) -> tuple[str, tuple[int, ...]]:
        """Return a name that no module has, and the shape of the input."""
        shapes = [self._without_batch(call, call.shape_in) for call in self.calls.values() if call.source == INPUT]
        if len({prod(shape) for shape in shapes}) != 1:
            raise ConversionError(f"{self.where}: modules take inputs of shapes {shapes}, which must be of one size. Give each all of it.")
        name = "input"
        while name in self.calls:
            name += "_"
        return name, max(shapes, key=len)

    def _without_batch(self, call: Call, shape: tuple[int, ...]) -> tuple[int, ...]:
        lead = 2 if self.framework.timed(call.module) else 1
        if self.framework.neurons(call.module) or not any(self.framework.timed(each.module) for each in self.layers.values()):
            return shape[min(lead, len(shape) - 1) :]
        # A linear module among those that loop over time sees the axis of time or, lifted, does not.
        return shape[min(1 if len(shape) == 4 and type(call.module).__name__.endswith("2d") else 2, len(shape) - 1) :]

    def _shape(self, call: Call) -> tuple[int, ...]:
        return self._without_batch(call, call.shape_out)

    def _chain(self, call: Call) -> tuple[str, list[Call]]:
        """Return whose spikes reach a call, and the linear modules on the way."""
        chain: list[Call] = []
        source = call.source
        while source != INPUT and source not in self.layers:
            chain.insert(0, self.calls[source])
            source = self.calls[source].source
        return source, chain

    def _layer(self, call: Call, is_readout: bool) -> Iterable[Projection]:
        shape = self.shapes[call.name]
        kind = self.framework.readout if is_readout else self.framework.describe(self.where, call, shape)
        source, chain = self._chain(call)
        if is_readout:
            chain.append(call)
        if kind.before is not None:
            chain.append(Call(call.name, kind.before, source, (1, kind.before.in_features), (1, kind.before.out_features)))
        affine = Affine(self.where, chain, self.shapes[source], shape)
        constant = affine.bias * np.ravel(kind.scale)
        back = None
        if kind.recurrent is not None:
            inner = Call(f"{call.name}.recurrent", kind.recurrent, call.name, (1, *shape), (1, *shape))
            back = Affine(self.where, [inner], shape, shape)
            constant = constant + back.bias
        i_ext = constant.reshape(shape) if np.any(constant != 0.0) else 0.0
        try:
            population = Population(call.name, shape, kind.model(shape, i_ext))
        except ParameterError as error:
            raise ConversionError(f"{self.where}: module {call.name!r} cannot be taken over: {error}") from None
        self.populations[call.name] = population
        connector, weight = affine.wiring(kind.scale)
        yield Projection(self.populations[source], population, connector, weight=weight, delay=0.0)
        if back is not None:
            connector, weight = back.wiring()
            yield Projection(population, population, connector, weight=weight, delay=self.dt)
        elif kind.each is not None and np.any(kind.each != 0.0):
            weight = np.broadcast_to(kind.each, shape).ravel() if kind.each.size > 1 else float(kind.each.ravel()[0])
            yield Projection(population, population, OneToOne(), weight=weight, delay=self.dt)


def numbers(tensor: Any, shape: tuple[int, ...]) -> Any:
    """Return a parameter as one number, or as one per neuron of `shape`: float or float64[*shape]."""
    import torch

    array = torch.as_tensor(tensor).detach().double().cpu().numpy()
    return float(array.ravel()[0]) if array.size == 1 else np.broadcast_to(array, shape).copy()
