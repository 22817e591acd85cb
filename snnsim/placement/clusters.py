"""Populations cut into clusters that fit a core, and the graph of what the clusters say to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from snnsim.errors import PlacementError
from snnsim.hardware.profile import Profile
from snnsim.network import Network, Population
from snnsim.placement.blocks import Blocks, by_label, offsets, summed
from snnsim.placement.demand import LINEAR, Demand, in_rows

_OUTSIDE = 256  # units of a cluster that lies on no core: it only helps to tell apart who listens to whom


class Clusters(NamedTuple):
    """Slices of populations. The first `n` lie on cores; the others hold what is outside.

    label : int64[n_units]        cluster of each unit
    n : int
    size : int64[n_all]           units
    load : int64[n, 3]            what a cluster takes of the limits `LINEAR`, alone on a core
    population : int64[n_all]     which population it is cut from
    """

    label: np.ndarray
    n: int
    size: np.ndarray
    load: np.ndarray
    population: np.ndarray


class Reach(NamedTuple):
    """Who reaches what, each pair of a unit and a label once, in order of both. synapses : of the network, between them"""

    unit: np.ndarray
    label: np.ndarray
    synapses: np.ndarray


def cut(
    network: Network, demand: Demand, profile: Profile, outside: Mapping[str, str], grain: int, pieces: Mapping[int, int] | None = None
) -> Clusters:
    """Cut populations into slices that take at most 1 / grain of a core, at ends of rows where that costs no slice.

    pieces : population -> int   into how many pieces each of its slices is cut once more, so that it hears less; default 1
    """
    first = offsets(network)
    label = np.empty(sum(population.size for population in network.populations.values()), np.int64)
    n, loads, of = 0, [], []
    for p, (name, population) in enumerate(network.populations.items()):
        if name in outside:
            continue
        order, ends, load = _slices(population, demand, room_of(profile), grain, (pieces or {}).get(p, 1), first[name])
        label[first[name] + order] = n + np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
        n += len(ends)
        loads.append(load)
        of += [p] * len(ends)
    inside = n
    for p, (name, population) in enumerate(network.populations.items()):
        if name in outside:
            label[first[name] : first[name] + population.size] = n + np.arange(population.size) // _OUTSIDE
            more = -(-population.size // _OUTSIDE)
            n += more
            of += [p] * more
    load = np.concatenate(loads) if loads else np.zeros((0, len(LINEAR)), np.int64)
    return Clusters(label, inside, np.bincount(label, minlength=n), load, np.array(of, np.int64))


def room_of(profile: Profile) -> np.ndarray:
    """Return the limits `LINEAR` of a core, float64[3]; infinite where there is none."""
    return np.array([profile.limits.get(name, np.inf) for name in LINEAR])


def _slices(population: Population, demand: Demand, core: np.ndarray, grain: int, pieces: int, first: int) -> tuple:
    """Return (units in the order they are cut, end of each slice, loads of the slices)."""
    column, size, width = demand.column[population.name], population.size, population.shape[-1]
    order = np.arange(size)
    row, atom = width, width if in_rows(population) else 1
    if column and atom == 1:  # a channel at many positions shares its weights: positions vary fastest, in blocks that hear few sources
        positions = size // width
        row = next(n for n in range(max(1, positions // pieces), 0, -1) if positions % n == 0)
        order, pieces = order.reshape(-1, row, width).transpose(0, 2, 1).ravel(), max(1, pieces // positions)
    own = demand.own[first + order].reshape(-1, atom).sum(axis=1)
    shared = np.zeros(len(own), np.int64)
    if column:
        shared[:: row if atom == 1 else 1] = column * atom
    neurons, rows = np.full(len(own), atom, np.int64), max(1, row // atom)
    total = np.zeros((3, len(own) + 1), np.int64)
    np.cumsum([neurons, own + shared, (own + shared) * demand.bits], axis=1, out=total[:, 1:])
    room = np.maximum(np.floor(core / (grain * pieces)), 1)
    if column and pieces == 1:  # to divide the positions of a channel would store its weights twice
        room = np.maximum(room, np.minimum(core, total[:, rows]))
    most = np.where(np.isfinite(room), room, 2**62).astype(np.int64)
    ends, loads, begin = [], [], 0
    while begin < len(own):
        # A slice that begins within a channel needs the weights of that channel too.
        again = column if column and atom == 1 and begin % rows else 0
        extra = np.array([0, again, again * demand.bits])
        end = min(int(np.searchsorted(total[k], total[k, begin] + most[k] - extra[k], side="right")) - 1 for k in range(3))
        end = min(max(end, begin + 1), len(own))
        if end // rows * rows > begin:
            end = end // rows * rows if end < len(own) else end
        elif end < len(own):  # a long row, in pieces of one size
            rest = min((begin // rows + 1) * rows, len(own)) - begin
            end = begin + -(-rest // -(-rest // (end - begin)))
        load = total[:, end] - total[:, begin] + extra
        ends.append(end * atom)
        loads.append(load)
        begin = end
    return order, np.array(ends), np.array(loads)


def reach_of(blocks: Sequence[Blocks], label: np.ndarray, n_labels: int) -> Reach:
    """Return which units reach which labels. label : int64[n_units]"""
    parts = [by_label(part, label, n_labels) for part in blocks if len(part.target)]
    if not parts:
        return Reach(*(np.zeros(0, np.int64) for _ in range(3)))
    if len(parts) == 1:
        return Reach(*parts[0])
    unit, reached, synapses = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Reach(*summed(unit, reached, synapses, n_labels))


def axons(reach: Reach, clusters: Clusters, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return (from, to, sources, traffic) of every pair of clusters that speak: distinct sources, and the sum of their rates.

    What is outside hears nothing here. rates : float64[n_units]
    """
    n = len(clusters.size)
    on = reach.label < clusters.n
    pair = clusters.label[reach.unit[on]] * n + reach.label[on]
    key, sources = np.unique(pair, return_counts=True)
    if len(rates) and (rates == rates[0]).all():
        return key // n, key % n, sources, sources * rates[0]
    return key // n, key % n, sources, np.bincount(np.searchsorted(key, pair), rates[reach.unit[on]], len(key))


def clusters_for(
    network: Network,
    blocks: Sequence[Blocks],
    demand: Demand,
    profile: Profile,
    outside: Mapping[str, str],
    grain: int,
    pieces: dict[int, int],
) -> tuple[Clusters, Reach]:
    """Return clusters none of which listens to more sources than a core may, and what units reach them.

    pieces : as in `cut`, modified in place

    Raises PlacementError where one neuron alone listens to too many.
    """
    names, most = list(network.populations), profile.limits.get("axons_in")
    while True:
        clusters = cut(network, demand, profile, outside, grain, pieces)
        reach = reach_of(blocks, clusters.label, len(clusters.size))
        if most is None:
            return clusters, reach
        heard = reach.label[clusters.label[reach.unit] != reach.label]
        listens = np.bincount(heard, minlength=len(clusters.size))[: clusters.n]
        if (listens <= most).all():
            return clusters, reach
        for p in np.unique(clusters.population[: clusters.n][listens > most]):
            mine = np.flatnonzero((clusters.population[: clusters.n] == p) & (listens > most))
            width = network.populations[names[p]].shape[-1] if in_rows(network.populations[names[p]]) else 1
            if clusters.size[mine].max() <= width:
                raise PlacementError(
                    f"Population({names[p]!r}): {'a row' if width > 1 else 'a neuron'} listens to {listens[mine].max():,} sources, "
                    f"{listens[mine].max() - most:,} more than axons_in = {most:,} of {profile.name}. Divide the inputs over several "
                    "neurons, or choose other hardware."
                )
            pieces[int(p)] = max(2, -(-int(listens[mine].max()) // most)) * pieces.get(int(p), 1)
