"""A network as a chain of layers with matrices, which torch modules are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsim.adapters.imported import Imported
from snnsim.compiler.spiking import CompiledProjection, CompiledSpiking, compile_spiking
from snnsim.conversion.spiking_model import SpikingModel
from snnsim.errors import ConversionError
from snnsim.models.integer import IntegerUnit
from snnsim.models.rate_neuron import RateNeuron
from snnsim.network import Network

_MOST = 1 << 28  # weights of one matrix: 2 GiB in doubles


@dataclass(frozen=True, eq=False)
class Stage:
    """One population behind another.

    weight : float64[n, n_pre]        without delay
    recurrent : float64[n, n] or None  of the next step
    parameters of the model are read with `value`: one number, or float64[n]
    """

    name: str
    model: Any
    weight: np.ndarray
    recurrent: np.ndarray | None

    def value(self, parameter: str) -> float | np.ndarray:
        """Return a parameter of the model as one number, or float64[n]."""
        value = getattr(self.model, parameter)
        return value.ravel() if isinstance(value, np.ndarray) else value


@dataclass(frozen=True, eq=False)
class Chain:
    """n_in : neurons of the input; flat : whether it has a single axis; stages : in the order of the signal"""

    n_in: int
    flat: bool
    stages: tuple[Stage, ...]


def chain_of(where: str, network: Network | Imported, models: Mapping[type, str], *, dt: float, seed: int) -> Chain:
    """Return `network` as a chain. models : those that the framework has, and what they are called there

    Raises ConversionError, naming the part, for anything but one source and populations one behind the other.
    """
    net = network.network if isinstance(network, Imported) else network
    _refuse_converted(where, net)
    if not isinstance(net, Network):
        raise ConversionError(f"{where}.network = {network!r} must be a Network, or what an adapter returned.")
    sources = [population for population in net.populations.values() if population.model.is_source]
    if len(sources) != 1:
        raise ConversionError(f"{where}: the network has {len(sources)} sources, which must be one: the input of the module. Join them.")
    if net.currents:
        raise ConversionError(f"{where}: {net.currents[0]!r} has no counterpart in a module. Give a constant one as i_ext.")
    for population in net.populations.values():
        if not population.model.is_source and type(population.model) not in models:
            known = ", ".join(model.__name__ for model in models)
            raise ConversionError(
                f"{where}: Population({population.name!r}) has the model {type(population.model).__name__}, which must be one of {known}."
            )
    compiled = compile_spiking(net, seed=seed, dt=dt)
    stages, at = [], list(net.populations).index(sources[0].name)
    while True:
        following = [part for part in compiled.projections if part.pre == at != part.post]
        if not following:
            break
        stages.append(_stage(where, compiled, following, dt))
        at = following[0].post
        if len(stages) > len(compiled.populations):
            raise ConversionError(f"{where}: projections lead in a circle. Recurrence must stay within a population.")
    if not stages or len(stages) + 1 < len(compiled.populations):
        raise ConversionError(f"{where}: the populations must follow the source one behind the other. Take out the others.")
    return Chain(sources[0].size, len(sources[0].shape) == 1, tuple(stages))


def _refuse_converted(where: str, net: Any) -> None:
    """Refuse what `convert` made, and what `convert_rate` made without its model."""
    models = [population.model for population in net.populations.values()] if isinstance(net, Network) else []
    if isinstance(net, SpikingModel) or any(isinstance(model, IntegerUnit) for model in models):
        raise ConversionError(
            f"{where}.network = {net!r} must not be of integer units: sim.convert made them exact, and they have no surrogate gradient. "
            "Train the float model with its bits by sim.fine_tune and convert it again, or give the RateModel that sim.convert_rate makes "
            "of it."
        )
    if any(isinstance(model, RateNeuron) for model in models):
        raise ConversionError(
            f"{where}.network = {net!r} must be the RateModel that it belongs to: in its network convolutions are lists of synapses, which "
            "could not be trained as what they are. Give the model that sim.convert_rate returned."
        )


def _stage(where: str, compiled: CompiledSpiking, following: list[CompiledProjection], dt: float) -> Stage:
    if len(following) > 1:
        names = ", ".join(part.name for part in following)
        raise ConversionError(f"{where}: projections {names} leave one population, which must feed one other. Make a chain.")
    post = following[0].post
    into = [part for part in compiled.projections if part.post == post]
    recurrent = [part for part in into if part.pre == post]
    for part in into:
        if part not in following and part not in recurrent:
            raise ConversionError(f"{where}: Projection({part.name}) is a second input of its population. Make a chain.")
        wanted = dt if part in recurrent else 0.0
        if len(part.delay) != 1 or part.delay[0] != wanted:
            raise ConversionError(
                f"{where}: Projection({part.name}).delay = {part.delay[-1]:g} ms must be {wanted:g} ms: in a module a spike passes all "
                "layers in one step, and comes back in the next. Set it so."
            )
        if part.plasticity is not None:
            raise ConversionError(f"{where}: Projection({part.name}).plasticity has no counterpart in a module. Leave it out.")
    population = compiled.populations[post]
    back = sum((_matrix(where, compiled, part) for part in recurrent), start=np.zeros(())) if recurrent else None
    return Stage(population.name, population.model, _matrix(where, compiled, following[0]), back)


def _matrix(where: str, compiled: CompiledSpiking, part: CompiledProjection) -> np.ndarray:
    """Return the weights of a projection, float64[n_post, n_pre]; several synapses of a pair add up."""
    n_pre, n_post = compiled.populations[part.pre].size, compiled.populations[part.post].size
    if n_pre * n_post > _MOST:
        raise ConversionError(f"{where}: Projection({part.name}) is a matrix of {n_pre * n_post} weights, which must be <= {_MOST}.")
    out = np.zeros((n_post, n_pre))
    np.add.at(out, (part.target.astype(np.int64), np.repeat(np.arange(n_pre), part.fan_out)), part.weight.astype(np.float64))
    return out


def tensor(value: float | np.ndarray, dtype: Any) -> Any:
    """Return a parameter as a tensor."""
    import torch

    return torch.tensor(value, dtype=dtype)


def linear(stage: Stage, dtype: Any) -> Any:
    """Return a Linear module with the weights onto a stage, and its i_ext as bias."""
    import torch

    n, n_pre = stage.weight.shape
    module = torch.nn.Linear(n_pre, n, dtype=dtype)
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(stage.weight))
        module.bias.copy_(torch.from_numpy(np.broadcast_to(stage.value("i_ext"), n).copy()))
    return module
