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
    hears : list of lists of (cluster, sources, size)   whom each of them listens to: how many of how many units
    ptr, near, traffic           neighbours in both directions, as rows: whom, and events between them, int64
    axons_in : float             sources outside that a core may listen to
    """

    load: np.ndarray
    room: np.ndarray
    size: np.ndarray
    hears: list[list[tuple[int, int, int]]]
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
    rows = list(zip(pre[order].tolist(), sources[order].tolist(), size[pre[order]].tolist(), strict=True))
    bounds = [0, *ends.tolist(), len(rows)]
    hears = [rows[first:last] for first, last in pairwise(bounds)]
    both = (pre < n) & (post < n) & (pre != post) & (traffic > 0)
    key = np.concatenate([pre[both] * n + post[both], post[both] * n + pre[both]])
    key, where = np.unique(key, return_inverse=True)
    weight = np.zeros(len(key), np.int64)
    np.add.at(weight, where.ravel(), np.tile(traffic[both].astype(np.int64), 2))
    ptr = np.searchsorted(key // max(n, 1), np.arange(n + 1))
    return Graph(load, room, size, hears, ptr, key % max(n, 1), weight, axons_in)


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
        return graph.axons_in == np.inf or self.listens[core] + self._more(cluster, core) <= graph.axons_in

    def _more(self, cluster: int, core: int) -> int:
        """Return by how much a core listens to more sources with one more cluster, at most."""
        graph, heard, members = self.graph, self.heard[core], self.members[core]
        more = -min(int(graph.size[cluster]), heard.get(cluster, 0))  # it is no longer outside
        for pre, count, size in graph.hears[cluster]:
            if pre not in members and pre != cluster:
                before = heard.get(pre, 0)
                more += min(size, before + count) - min(size, before)
        return more

    def put(self, cluster: int, core: int) -> None:
        """Put a cluster onto a core that has room for it."""
        self.core[cluster] = core
        self._add(core, self.graph.load[cluster])
        if self.graph.axons_in < np.inf:
            self.listens[core] += self._more(cluster, core)
            self._hear(cluster, core, 1)
        self.members[core].add(cluster)

    def take(self, cluster: int) -> None:
        """Take a cluster off its core."""
        core = int(self.core[cluster])
        self.core[cluster] = -1
        self._add(core, -self.graph.load[cluster])
        self.members[core].discard(cluster)
        if self.graph.axons_in < np.inf:
            self._hear(cluster, core, -1)
            self.listens[core] -= self._more(cluster, core)

    def _add(self, core: int, load: np.ndarray) -> None:
        self.load[core] = self.load[core] + load
        self.fill[core] = float((self.load[core] / self.graph.room).max())

    def _hear(self, cluster: int, core: int, sign: int) -> None:
        heard = self.heard[core]
        for pre, count, _ in self.graph.hears[cluster]:
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
    """Move each cluster to the core it speaks most with, where that cuts less and there is room; return the number of moves."""
    moves = 0
    for cluster in range(cores.graph.n):
        pull, home = cores.pull(cluster), int(cores.core[cluster])
        for core, events in list(pull.items())[:_NEAREST]:
            if events <= pull.get(home, 0):
                break
            if core != home and cores.fits(cluster, core):
                cores.take(cluster)
                cores.put(cluster, core)
                moves += 1
                break
    return moves


def cut_of(graph: Graph, core: np.ndarray) -> int:
    """Return the events between clusters of different cores."""
    row = np.repeat(np.arange(graph.n), np.diff(graph.ptr))
    return int(graph.traffic[core[row] != core[graph.near]].sum()) // 2
