"""What an adapter hands back: a network, and which of its populations are the input and the output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from types import MappingProxyType
from typing import Any, final

import numpy as np

from snnsim.connect import FromArrays, OneToOne
from snnsim.currents import Current, SampledCurrent
from snnsim.errors import ParameterError
from snnsim.models.spike_array import SpikeArray
from snnsim.network import Network, Population, Projection
from snnsim.results import Result
from snnsim.units import finite_number, show


@final
@dataclass(frozen=True, eq=False)
class Imported:
    """A network made from a module of another framework.

    network : Network            for ``simulate(network, steps * dt, dt=dt, engine="clock")``; its input is silent until `fed`
    input : str                  population whose spikes are the input of the module; step k of the module is the time (k + 1) dt
    outputs : tuple of str       populations that make what the module returns
    dt : float                   ms, one step of the module
    layers : mapping of str      population of every module of neurons, by its name in the module
    """

    network: Network
    input: str
    outputs: tuple[str, ...]
    dt: float
    layers: Mapping[str, str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", MappingProxyType(dict(self.layers)))

    def fed(self, values: Any) -> Imported:
        """Return the same with this input.

        values : array[steps, *shape]   for each step what the module would be called with, without an axis of batches. Whole
                                        numbers >= 0 are numbers of spikes; any others flow in as currents of each step

        Raises ParameterError for an array of another shape, or not of finite numbers.
        """
        source = self.network.populations[self.input]
        array = np.asarray(finite_number("Imported.fed.values", np.asarray(values, dtype=np.float64)))
        if array.ndim < 2 or prod(array.shape[1:]) != source.size:
            raise ParameterError(
                f"Imported.fed.values = {show(array)} must have shape (steps, {', '.join(map(str, source.shape))}): one row for each step. "
                "Reshape it, without an axis of batches."
            )
        flat = array.reshape(len(array), -1)
        if np.all((flat >= 0.0) & (flat == np.rint(flat))):
            step, index = np.nonzero(flat)
            times = np.repeat(step + 1, flat[step, index].astype(np.int64))
            spikes = SpikeArray(times=times * self.dt, indices=np.repeat(index, flat[step, index].astype(np.int64)))
            return replace(self, network=_with_source(self.network, Population(source.name, source.shape, spikes)))
        quiet = _with_source(self.network, Population(source.name, source.shape, _silent()))
        currents = []
        for part in quiet.projections.values():
            if part.pre is quiet.populations[self.input]:
                samples = _arriving(part, flat).reshape(len(flat), *part.post.shape)
                currents.append(Current(part.post, SampledCurrent(values=samples, interval=self.dt)))
        return replace(self, network=Network(*quiet.populations.values(), *quiet.projections.values(), *currents))

    def raster(self, result: Result, population: str | None = None) -> np.ndarray:
        """Return the spikes that `result` recorded of one population, bool[steps, *shape]: row k is what step k of the module returns.

        population : str   None: the only output
        """
        if population is None and len(self.outputs) > 1:
            raise ParameterError(
                f"Imported.raster.population = None must be named: there are outputs {', '.join(self.outputs)}. Choose one."
            )
        name = self.outputs[0] if population is None else population
        trains, shape = result.spikes[name], self.network.population(name).shape
        out = np.zeros((round(result.duration / self.dt), prod(shape)), dtype=bool)
        out[np.rint(trains.times / self.dt).astype(np.int64) - 1, trains.indices] = True
        return out.reshape(-1, *shape)


def _arriving(projection: Projection, values: np.ndarray) -> np.ndarray:
    """Return what values[steps, n_pre], sent through a projection, are at its targets: float64[steps, n_post]."""
    connector, weight = projection.connector, projection.weight
    if isinstance(connector, OneToOne):
        return values * weight
    if isinstance(connector, FromArrays):
        rows = [np.bincount(connector.target, weight * row[connector.source], projection.post.size) for row in values]
        return np.array(rows)
    return values @ np.reshape(weight, (projection.pre.size, projection.post.size))


def _silent() -> SpikeArray:
    return SpikeArray(times=np.empty(0))


def silent(name: str, shape: tuple[int, ...]) -> Population:
    """Return a source that never fires."""
    return Population(name, shape, _silent())


def _with_source(network: Network, source: Population) -> Network:
    """Return the network with the source of that name replaced, without currents."""
    swap = {**network.populations, source.name: source}
    parts = [
        Projection(
            swap[part.pre.name], swap[part.post.name], part.connector, weight=part.weight, delay=part.delay, plasticity=part.plasticity
        )
        for part in network.projections.values()
    ]
    return Network(*swap.values(), *parts)
