"""`place`: populations onto the cores and chips of a piece of hardware."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.errors import ParameterError, PlacementError
from snnsim.hardware.profile import Profile
from snnsim.network import Network
from snnsim.placement import metis
from snnsim.placement.blocks import Blocks, blocks_of
from snnsim.placement.clusters import Clusters, Reach, axons, clusters_for, room_of
from snnsim.placement.demand import LINEAR, Demand, check_units, demand_of, hardware_of, in_rows, outside_of
from snnsim.placement.mesh import mesh_of, places
from snnsim.placement.packing import graph_of, in_order, split
from snnsim.placement.placed import Placement
from snnsim.placement.rates import given_rates, spikes_of, trains_of, whole
from snnsim.placement.routes import Routes, routes_of
from snnsim.results import Result
from snnsim.units import check_bool, check_integer, one_of

PARTITIONERS = ("metis", "order")
_FINE, _COARSE, _MANY = 16, 4, 2_000  # parts of a core that a cluster takes; coarse ones where fine ones are more than many
_ROUNDS = 20  # divisions of cores that send to too many


def place(
    network: Network,
    hardware: str | Path | Profile,
    *,
    traffic: Result | Mapping[str, Any] | float | None = None,
    partitioner: str = "metis",
    shared_weights: bool = False,
    host: bool = False,
    seed: int | None = None,
) -> Placement:
    r"""Put every neuron of a network onto a core, within the limits of the hardware, so that little is said between cores.

    Populations are cut into clusters that fit a core. The graph of clusters, weighted by events, is partitioned; cores then are laid
    out on the mesh so that :math:`\sum events \times distance` is small. An event goes as one packet to every core that it reaches.

    Parameters
    ----------
    network : Network
    hardware : str or Profile       a profile with [limits], such as 'loihi14'
    traffic : Result, or a number, or numbers and arrays by population      how often units speak; default all alike. Of a Result,
                                    the recorded spikes count
    partitioner : 'metis' or 'order'    METIS, which needs pymetis, or cores filled one after another in the order of populations
    shared_weights : bool           whether a core stores the kernel of a Dense or Filters projection once for all positions it serves
                                    (tokens, pixels). Without, every unit has synapses of its own, whatever the profile
    host : bool                     leave populations that the hardware cannot compute to a host beside the chip, as `estimate_energy` does
    seed : int                      with which a spiking network is simulated: it draws the synapses. Also that of METIS. Default that of
                                    the Result in `traffic`, else 0

    Raises
    ------
    ParameterError    for hardware without limits, a traffic of other shapes, METIS without pymetis
    PlacementError    when the network does not fit: it says which limit, by how much, and for which population
    UnrecordedError   for a Result without the spikes of a population that sends events

    Source: METIS: Karypis & Kumar (1998), SIAM J. Sci. Comput. 20:359.
    """
    if not isinstance(network, Network):
        raise ParameterError(f"place.network = {network!r} must be a Network. Build one from Projections.")
    one_of("place.partitioner", partitioner, PARTITIONERS)
    check_bool("place.shared_weights", shared_weights)
    check_bool("place.host", host)
    if seed is None:
        seed = getattr(traffic.state, "seed", 0) if isinstance(traffic, Result) else 0
    seed = check_integer("place.seed", seed, low=0, high=2**63 - 1)
    profile = hardware_of(hardware)
    if partitioner == "metis":
        metis.check_installed()
    outside = outside_of(network, profile, host)
    if len(outside) == len(network.populations):
        raise PlacementError(f"place: all populations lie outside the chip ({', '.join(outside)}): there is nothing to place.")
    blocks, digest = blocks_of(network, seed)
    rates = _rates(network, traffic, blocks, digest, seed)
    demand = demand_of(network, blocks, profile, shared_weights)
    check_units(network, blocks, demand, profile, outside)
    clusters, core, routes = _placed(network, blocks, demand, profile, outside, rates, partitioner, seed)
    _check_system(network, profile, clusters, int(core.max(initial=-1)) + 1)
    _check_fan_out(network, profile, clusters, routes)
    mesh = mesh_of(profile, int(core.max(initial=-1)) + 1)
    at = places(mesh, routes.between(rates), int(core.max(initial=-1)) + 1)
    unit_core = np.concatenate([at[core], np.full(len(clusters.size) - clusters.n, -1)])[clusters.label]
    return Placement.made(network, profile, mesh, unit_core, routes.renumbered(at), demand, blocks, rates, outside, {
        "partitioner": partitioner, "seed": seed, "shared_weights": shared_weights, "digest": digest,
    })  # fmt: skip


def _rates(network: Network, traffic: Any, blocks: Sequence[Blocks], digest: str, seed: int) -> np.ndarray:
    if not isinstance(traffic, Result):
        return given_rates(network, traffic)
    senders = [name for name in network.populations if any(p.pre.population.name == name for p in network.projections.values())]
    return spikes_of(network, trains_of(network, traffic, digest, seed, senders, "place.traffic")).astype(np.float64)


def _placed(
    network: Network, blocks: Sequence[Blocks], demand: Demand, profile: Profile, outside: Mapping[str, str], rates: np.ndarray,
    partitioner: str, seed: int,
) -> tuple[Clusters, np.ndarray, Routes]:  # fmt: skip
    """Return clusters, the core of each, and who reaches which cores: populations whose clusters send to too many are cut again."""
    pieces: dict[int, int] = {}
    grain = _grain(network, demand, profile, outside)
    while True:
        clusters, reach = clusters_for(network, blocks, demand, profile, outside, grain, pieces)
        if not any(demand.column.values()):  # what clusters take adds up, so that fewer cores cannot do
            _check_system(network, profile, clusters, int(np.ceil((clusters.load.sum(axis=0) / room_of(profile)).max())))
        core, routes, finer = _pack(network, profile, clusters, reach, rates, partitioner, seed)
        if not finer:
            return clusters, core, routes
        for p, factor in finer.items():
            pieces[p] = factor * pieces.get(p, 1)


def _grain(network: Network, demand: Demand, profile: Profile, outside: Mapping[str, str]) -> int:
    """Return which part of a core a cluster takes: a small one, but a larger one where there would be many."""
    inside = np.concatenate([np.full(p.size, name not in outside) for name, p in network.populations.items()])
    kernels = sum(demand.column[name] * p.shape[-1] for name, p in network.populations.items() if name not in outside)
    synapses = int(demand.own[inside].sum()) + kernels
    need = np.array([inside.sum(), synapses, synapses * demand.bits])
    return _FINE if (need / room_of(profile)).max() * _FINE <= _MANY else _COARSE


def _pack(
    network: Network, profile: Profile, clusters: Clusters, reach: Reach, rates: np.ndarray, partitioner: str, seed: int
) -> tuple[np.ndarray, Routes, dict[int, int]]:
    """Return the core of each cluster, who reaches which cores, and populations whose clusters alone send to too many, by how much.

    To how many cores a cluster sends is known only when all lie somewhere: cores that then send to too many are divided.
    """
    limits, inside = profile.limits, clusters.label < clusters.n
    pre, post, sources, events = axons(reach, clusters, rates)
    most = limits.get("axons_out", np.inf)
    speaks = (pre, post, sources, whole(events))
    graph = graph_of(clusters.load, room_of(profile), clusters.size, speaks, limits.get("axons_in", np.inf))
    core = metis.partitioned(graph, seed, _there(profile)) if partitioner == "metis" else in_order(graph)
    for _ in range(_ROUNDS):
        routes = routes_of(clusters, reach, core)
        fan_out = routes.fan_out()
        out = np.bincount(core[clusters.label[inside]], fan_out[inside])
        if (out <= most).all():
            return core, routes, {}
        each = np.bincount(clusters.label, fan_out, len(clusters.size))[: clusters.n]
        if each.max() > most:
            return core, routes, _finer(network, profile, clusters, each)
        core = split(graph, core, np.flatnonzero(out > most), each, most)
    raise PlacementError(
        f"place: a core of {profile.name} would send to {int(out.max()):,} (neuron, core) pairs, {int(out.max() - most):,} more than "
        f"axons_out = {most:,}, however clusters are packed. Fewer targets for each neuron would help, or other hardware."
    )


def _finer(network: Network, profile: Profile, clusters: Clusters, each: np.ndarray) -> dict[int, int]:
    """Return populations -> pieces into which their clusters are to be cut. each : (neuron, core) pairs of each cluster

    Raises PlacementError where a neuron, or a row that stays whole, sends to too many alone.
    """
    most, names, found = profile.limits["axons_out"], list(network.populations), {}
    for p in np.unique(clusters.population[: clusters.n][each > most]):
        mine = each * (clusters.population[: clusters.n] == p)
        population, worst = network.populations[names[p]], int(mine.argmax())
        if clusters.size[worst] <= (population.shape[-1] if in_rows(population) else 1):
            raise PlacementError(
                f"Population({names[p]!r}): {'a row' if in_rows(population) else 'a neuron'} would send to {int(mine.max()):,} "
                f"(neuron, core) pairs, {int(mine.max() - most):,} more than axons_out = {most:,} of {profile.name}. Fewer targets for "
                "each neuron would help, or other hardware."
            )
        found[int(p)] = max(2, -(-int(mine.max()) // most))
    return found


def _check_fan_out(network: Network, profile: Profile, clusters: Clusters, routes: Routes) -> None:
    """Raise PlacementError where a neuron reaches more cores than it may."""
    most, fan_out = profile.limits.get("fan_out", np.inf), np.where(routes.own >= 0, routes.fan_out(), 0)
    unit = int(fan_out.argmax())
    if fan_out[unit] > most:
        name = list(network.populations)[clusters.population[clusters.label[unit]]]
        raise PlacementError(
            f"Population({name!r}): a neuron reaches {fan_out[unit]} other cores, {fan_out[unit] - most} more than fan_out = {most} of "
            f"{profile.name}. Copies of the neuron, one for each core it reaches, would help; they are not made here."
        )


def _there(profile: Profile) -> float:
    """Return the cores of the largest system; infinite where the profile does not tell."""
    return profile.limits["chips"] * profile.limits.get("cores", 1) if "chips" in profile.limits else np.inf


def _check_system(network: Network, profile: Profile, clusters: Clusters, used: int) -> None:
    """Raise PlacementError where the cores are more than the largest system has."""
    if used <= _there(profile):
        return
    names, room = list(network.populations), room_of(profile)
    need = np.array([clusters.load[clusters.population[: clusters.n] == p].sum(axis=0) for p in range(len(names))])
    worst, k = np.unravel_index(int((need / room).argmax()), need.shape)
    why = (
        f"Most need those of Population({names[worst]!r}): {need[worst, k]:,} {tuple(LINEAR.values())[k]} take "
        f"{int(np.ceil(need[worst, k] / room[k])):,} cores of {int(room[k]):,}."
    )
    if used > 1.5 * np.ceil((need.sum(axis=0) / room).max()) and "axons_in" in profile.limits:
        why = (
            f"A core listens to at most axons_in = {profile.limits['axons_in']:,} sources, and so takes "
            f"{need[:, 0].sum() / used:.1f} neurons in the mean."
        )
    raise PlacementError(
        f"place: the network needs {used:,} cores, {int(used - _there(profile)):,} more than the {int(_there(profile)):,} of "
        f"{profile.name}. {why} A smaller network, fewer tokens or shared_weights=True would help, or other hardware."
    )
