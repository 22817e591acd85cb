"""`write_nir`: a network becomes a NIR graph, and a file of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from snnsim.adapters.nir_library import library, save
from snnsim.adapters.nir_network import NirNetwork
from snnsim.adapters.nir_writing import Writing
from snnsim.errors import ConversionError, ParameterError, unknown_name
from snnsim.models.box import BoxNeuron, SpikingBox
from snnsim.models.threshold import InputSum, Threshold
from snnsim.network import Network
from snnsim.units import check_number, one_of


def write_nir(
    network: Network | NirNetwork,
    path: str | Path | None = None,
    *,
    dt: float | None = None,
    spike: str | None = None,
    outputs: Iterable[str] | None = None,
) -> Any:
    """Return a network as a NIR graph, and write it to `path` if there is one.

    Sources become Inputs: their spikes are data, and not part of a graph. What NIR cannot express is refused.
    Conventions, and what is not kept: docs/decisions/nir.md.

    Parameters
    ----------
    network : Network or NirNetwork
    path : str, Path or None     file to write, complete or not at all
    dt : float or None           ms, the step the network runs with: needed by models whose input is said per step, such as LIF; default
                                 that of a NirNetwork. Projections that close a loop and take one step get no Delay node
    spike : 'step' or 'delta'    as for `read_nir`; default that of a NirNetwork, else 'step'
    outputs : names of populations that an Output gives out; default those of a NirNetwork, else those that project to no other

    Returns
    -------
    nir.NIRGraph, its numbers in double precision

    Raises
    ------
    ParameterError    for an argument out of its domain
    ConversionError   for what NIR cannot express, or a missing package nir

    Source: Pedersen et al. (2024), Nat. Commun. 15:8122.
    """
    read = network if isinstance(network, NirNetwork) else None
    if not isinstance(network, (Network, NirNetwork)):
        raise ParameterError(f"write_nir.network = {network!r} must be a Network, or what read_nir gives. Give one of them.")
    plain: Network = network.network if isinstance(network, NirNetwork) else network
    if dt is None and read is not None:
        dt = read.dt
    if dt is not None:
        dt = float(check_number("write_nir.dt", dt, unit="ms", gt=0.0))
    spike = one_of("write_nir.spike", (read.spike if read else "step") if spike is None else spike, ("step", "delta"))
    if spike == "delta" and dt is None:
        raise ConversionError("write_nir.dt is missing: spike='delta' makes pulses of what is held for a step. Give dt in ms.")
    library()
    _check(plain)
    graph = Writing(plain, dt, spike, read.links if read else (), _named(plain, read, outputs)).graph()
    if path is not None:
        save(graph, path)
    return graph


def _check(network: Network) -> None:
    """Refuse what NIR has no word for."""
    if network.domain != "spiking":
        raise ConversionError("write_nir: NIR has no integer units. Write the float graph a converted network came from.")
    if network.currents:
        name = network.currents[0].target.name
        raise ConversionError(
            f"Current({name!r}) cannot be written: NIR holds no signals in time. Leave it out; give a constant one as i_ext of the model."
        )
    for name in network.populations:
        if "/" in name:
            raise ConversionError(f"Population({name!r}): a name in NIR must not contain '/', by which HDF5 divides paths. Rename it.")
    for name, projection in network.projections.items():
        if projection.plasticity is not None:
            rules = projection.plasticity if isinstance(projection.plasticity, tuple) else (projection.plasticity,)
            kinds = ", ".join(type(rule).__name__ for rule in rules)
            raise ConversionError(
                f"Projection({name}).plasticity = {kinds} cannot be written: weights in NIR are constant. Leave it out, with the weights "
                "of Result.connections in a FromArrays."
            )
        model = projection.pre.population.model
        if isinstance(model, BoxNeuron) and not isinstance(model, (SpikingBox, Threshold)):
            raise ConversionError(f"Projection({name}): {type(model).__name__} never fires, so nothing is sent. Leave the projection out.")


def _named(network: Network, read: NirNetwork | None, outputs: Iterable[str] | None) -> dict[str, str]:
    """Return name of the Output -> population."""
    if outputs is None and read is not None:
        return dict(read.outputs)
    models = {name: population.model for name, population in network.populations.items() if not population.model.is_source}
    if outputs is None:
        leading = {p.pre.population.name for p in network.projections.values() if p.pre.population is not p.post.population}
        chosen = [name for name in models if name not in leading] or list(models)
    else:
        chosen = list(outputs)
        for name in chosen:
            if name not in models:
                raise ParameterError(unknown_name("write_nir.outputs", name, models))
    chosen += [name for name, model in models.items() if isinstance(model, InputSum) and name not in chosen]
    others = [name for name in chosen if not isinstance(models[name], InputSum)]
    alone = len(others) == 1 and "output" not in network.populations
    return {name if name not in others else "output" if alone else f"{name}_output": name for name in chosen}
