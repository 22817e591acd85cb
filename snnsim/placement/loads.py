"""What the cores in use hold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsim.network import Network
from snnsim.placement.blocks import offsets
from snnsim.placement.demand import Demand
from snnsim.placement.mesh import Mesh
from snnsim.placement.routes import Routes


class CoreLoad(NamedTuple):
    """One core in use.

    core, chip : int             numbers of the core and its chip
    x, y : int                   tile, in the plane of all chips
    neurons : int
    synapses, synapse_bits : int  of the hardware: a weight wider than a synapse takes several
    axons_in : int               neurons on other cores, and outside, that it listens to
    axons_out : int              (neuron, core) pairs that it sends to; the host counts as a core
    populations : tuple of str   which have neurons here
    """

    core: int
    chip: int
    x: int
    y: int
    neurons: int
    synapses: int
    synapse_bits: int
    axons_in: int
    axons_out: int
    populations: tuple[str, ...]


def loads_of(network: Network, mesh: Mesh, core: np.ndarray, routes: Routes, demand: Demand) -> tuple[CoreLoad, ...]:
    """Return the loads of the cores in use, in order. core : int64[n_units], -1 outside"""
    on = core >= 0
    used, place = np.unique(core[on], return_inverse=True)
    place, n = place.ravel(), len(used)
    slot = np.full(len(core), -1, np.int64)
    slot[on] = place
    synapses = np.zeros(n, np.int64)
    np.add.at(synapses, place, demand.own[on])
    names: list[list[str]] = [[] for _ in range(n)]
    for name, population in network.populations.items():
        first, width = offsets(network)[name], population.shape[-1]
        mine = slot[first : first + population.size]
        if mine[0] < 0:
            continue
        for k in np.unique(mine):
            names[k].append(name)
        if demand.column[name]:  # a core stores the kernel of a channel once, however many positions it serves
            channels = np.unique(mine * width + np.arange(population.size) % width) // width
            synapses += demand.column[name] * np.bincount(channels, minlength=n)
    go = routes.travels()
    heard, sender = routes.core[go], routes.own[routes.unit[go]]
    axons_in = np.bincount(np.searchsorted(used, heard[heard >= 0]), minlength=n)
    axons_out = np.bincount(np.searchsorted(used, sender[sender >= 0]), minlength=n)
    x, y = mesh.tiles(used)
    neurons = np.bincount(place, minlength=n)
    columns = (used, used // mesh.per_chip, x, y, neurons, synapses, synapses * demand.bits, axons_in, axons_out)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return tuple(CoreLoad(*row, populations=tuple(names[k])) for k, row in enumerate(rows))  # type: ignore[misc, call-arg]
