"""Clusters onto cores: what a core still has room for, filling in order, and moves that cut less traffic."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

_NEAREST = 4  # cores a cluster speaks most with that it may move to
_CANDIDATES = 16  # emptiest cores that are tried before a new one is opened


class Graph(NamedTuple):
    """Clusters of cores and what they need.

    load : int64[n, k]           what each takes of the limits that add up
    room : float64[k]            of a core
    size : int64[n_all]          units of each cluster, those outside included
    hears : list of lists of (cluster, sources, size, rate)   whom each of them listens to: how many of how many units, and how often
                                 one of these speaks
    axons : (from, to, sources, rate)    the same as columns
    speaks : float64[n]          events of a unit of each, in the mean
    ptr, near, traffic           neighbours in both directions, as rows: whom, and events between them, int64
    axons_in : float             sources outside that a core may listen to
    """

    load: np.ndarray
    room: np.ndarray
    size: np.ndarray
    hears: list[list[tuple[int, int, int, float]]]
    axons: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
    speaks: np.ndarray
    ptr: np.ndarray
    near: np.ndarray
    traffic: np.ndarray
    axons_in: float

    @property
    def n(self) -> int:
        """Clusters."""
        return len(self.load)


def graph_of(
    load: np.ndarray, room: np.ndarray, size: np.ndarray, axons: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], axons_in: float
) -> Graph:
    """Return the graph of clusters. axons : (from, to, sources, traffic), traffic in whole events"""
    pre, post, sources, traffic = axons
    n = len(load)
    order = np.lexsort((pre, post))
    ends = np.searchsorted(post[order], np.arange(1, n))
    rate = traffic / sources
    speaks = np.bincount(pre, traffic, len(size)) / np.maximum(np.bincount(pre, sources, len(size)), 1)
    rows = list(zip(pre[order].tolist(), sources[order].tolist(), size[pre[order]].tolist(), rate[order].tolist(), strict=True))
    bounds = [0, *ends.tolist(), len(rows)]
    hears = [rows[first:last] for first, last in pairwise(bounds)]
    both = (pre < n) & (post < n) & (pre != post) & (traffic > 0)
    key = np.concatenate([pre[both] * n + post[both], post[both] * n + pre[both]])
    key, where = np.unique(key, return_inverse=True)
    weight = np.zeros(len(key), np.int64)
    np.add.at(weight, where.ravel(), np.tile(traffic[both].astype(np.int64), 2))
    ptr = np.searchsorted(key // max(n, 1), np.arange(n + 1))
    return Graph(load, room, size, hears, (pre, post, sources, rate), speaks, ptr, key % max(n, 1), weight, axons_in)


class Cores:
    """Cores as they fill. A bound stands for what a core listens to: sources of a cluster that two of its clusters hear may be the same.

    core : int64[n]   of each cluster; -1 for none yet
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.core = np.full(graph.n, -1, np.int64)
        self.load: list[np.ndarray] = []
        self.heard: list[dict[int, int]] = []  # of each core: cluster -> sources of it, summed over the clusters of the core
        self.listens: list[int] = []  # sources outside that each core listens to, at most
        self.members: list[set[int]] = []
        self.fill: list[float] = []  # how full each core is, by its scarcest room

    def open(self) -> int:
        """Add an empty core and return it."""
        self.load.append(np.zeros(self.graph.load.shape[1]))
        self.heard.append({})
        self.listens.append(0)
        self.members.append(set())
        self.fill.append(0.0)
        return len(self.load) - 1

    def fits(self, cluster: int, core: int) -> bool:
        """Whether a core has room for one more cluster."""
        graph = self.graph
        if (self.load[core] + graph.load[cluster] > graph.room).any():
            return False
        return graph.axons_in == np.inf or self.listens[core] + self.more(cluster, core)[0] <= graph.axons_in

    def more(self, cluster: int, core: int) -> tuple[int, float]:
        """Return by how much a core listens to more sources with one more cluster, at most, and to how many more events."""
        graph, heard, members = self.graph, self.heard[core], self.members[core]
        axons = -min(int(graph.size[cluster]), heard.get(cluster, 0))  # it is no longer outside
        events = axons * graph.speaks[cluster]
        for pre, count, size, rate in graph.hears[cluster]:
            if pre not in members and pre != cluster:
                before = heard.get(pre, 0)
                new = min(size, before + count) - min(size, before)
                axons += new
                events += new * rate
        return axons, events

    def put(self, cluster: int, core: int) -> None:
        """Put a cluster onto a core that has room for it."""
        self.core[cluster] = core
        self._add(core, self.graph.load[cluster])
        self.listens[core] += self.more(cluster, core)[0]
        self._hear(cluster, core, 1)
        self.members[core].add(cluster)

    def take(self, cluster: int) -> None:
        """Take a cluster off its core."""
        core = int(self.core[cluster])
        self.core[cluster] = -1
        self._add(core, -self.graph.load[cluster])
        self.members[core].discard(cluster)
        self._hear(cluster, core, -1)
        self.listens[core] -= self.more(cluster, core)[0]

    def _add(self, core: int, load: np.ndarray) -> None:
        self.load[core] = self.load[core] + load
        self.fill[core] = float((self.load[core] / self.graph.room).max())

    def _hear(self, cluster: int, core: int, sign: int) -> None:
        heard = self.heard[core]
        for pre, count, _, _ in self.graph.hears[cluster]:
            heard[pre] = heard.get(pre, 0) + sign * count
            if not heard[pre]:
                del heard[pre]

    def pull(self, cluster: int) -> dict[int, int]:
        """Return the events between a cluster and each core, the most first."""
        graph = self.graph
        span = slice(graph.ptr[cluster], graph.ptr[cluster + 1])
        there = self.core[graph.near[span]]
        events = np.zeros(len(self.load), np.int64)
        np.add.at(events, there[there >= 0], graph.traffic[span][there >= 0])
        cores = np.flatnonzero(events)
        return {int(core): int(events[core]) for core in cores[np.lexsort((cores, -events[cores]))]}

    def numbered(self) -> np.ndarray:
        """Return the core of each cluster, int64[n], without the cores that are empty."""
        return np.unique(self.core, return_inverse=True)[1].ravel()


def in_order(graph: Graph) -> np.ndarray:
    """Return the core of each cluster when cores are filled one after another, in the order of populations."""
    cores = Cores(graph)
    for cluster in range(graph.n):
        if not cores.load or not cores.fits(cluster, len(cores.load) - 1):
            cores.open()
        cores.put(cluster, len(cores.load) - 1)
    return cores.numbered()


def split(graph: Graph, core: np.ndarray, over: np.ndarray, sends: np.ndarray, most: float) -> np.ndarray:
    """Return the cores when those in `over`, which send to too many, share their clusters with new ones.

    sends : int64[n]   (neuron, core) pairs of each cluster, as the cores are now; a core takes clusters of 0.9 `most`, for they may grow
    """
    cores, total = Cores(graph), 0.0
    for _ in range(int(core.max(initial=-1)) + 1):
        cores.open()
    again = np.isin(core, over)
    for cluster in np.flatnonzero(~again):
        cores.put(int(cluster), int(core[cluster]))
    last = -1
    for cluster in np.flatnonzero(again)[np.argsort(core[again], kind="stable")]:
        if last < 0 or total + sends[cluster] > 0.9 * most or not cores.fits(int(cluster), last):
            last, total = cores.open(), 0.0
        cores.put(int(cluster), last)
        total += sends[cluster]
    return cores.numbered()


def repaired(graph: Graph, part: np.ndarray, passes: int = 2) -> np.ndarray:
    """Return a partition that holds the limits: what overflows moves to where it speaks most, then single clusters that gain by a move.

    part : int64[n]   of each cluster, such as METIS finds it
    """
    cores = Cores(graph)
    for _ in range(int(part.max(initial=-1)) + 1):
        cores.open()
    weight = (graph.load / graph.room).max(axis=1)
    spilled = []
    for cluster in np.lexsort((np.arange(graph.n), -weight)):
        if cores.fits(cluster, part[cluster]):
            cores.put(int(cluster), int(part[cluster]))
        else:
            spilled.append(int(cluster))
    for cluster in spilled:
        emptiest = np.argsort(cores.fill, kind="stable")[:_CANDIDATES]
        cores.put(cluster, _first(cores, cluster, [*list(cores.pull(cluster))[:_CANDIDATES], *map(int, emptiest)]))
    for _ in range(passes):
        if not _refine(cores):
            break
    return cores.numbered()


def _first(cores: Cores, cluster: int, candidates: Iterable[int]) -> int:
    """Return the first of these cores that has room, else a new one."""
    for core in candidates:
        if cores.fits(cluster, core):
            return core
    return cores.open()


def _refine(cores: Cores) -> int:
    """Move each cluster to the core where it adds the fewest packets, of those it speaks most with; return the number of moves."""
    moves = 0
    for cluster in range(cores.graph.n):
        near, home = list(cores.pull(cluster))[:_NEAREST], int(cores.core[cluster])
        if not near or near == [home]:
            continue
        cores.take(cluster)
        best, least = home, cores.more(cluster, home)[1]
        for core in near:
            events = cores.more(cluster, core)[1] if core != home else least
            if events < least - 1e-9 * abs(least) and cores.fits(cluster, core):
                best, least = core, events
        cores.put(cluster, best)
        moves += best != home
    return moves


def packets_of(graph: Graph, core: np.ndarray) -> float:
    """Return the packets that go to other cores, at most: sources of a cluster that two clusters of a core hear may be the same."""
    pre, post, sources, rate = graph.axons
    there = np.concatenate([core, np.full(len(graph.size) - graph.n, -1)])
    away = there[pre] != core[post]
    key, where = np.unique(core[post[away]] * len(graph.size) + pre[away], return_inverse=True)
    heard = np.bincount(where.ravel(), sources[away], len(key))
    each = np.bincount(where.ravel(), sources[away] * rate[away], len(key)) / np.maximum(heard, 1)
    return float((np.minimum(heard, graph.size[key % len(graph.size)]) * each).sum())
