"""Which cores the events of a unit go to, and how many synapses they meet there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snnsim.placement.blocks import summed
from snnsim.placement.clusters import Clusters, Reach


class Routes(NamedTuple):
    """Pairs of a unit and a core that it reaches, its own included, in order of both.

    ptr : int64[n_units + 1]    the pairs of a unit
    core : int64[m]             -1 for the host
    synapses : int64[m]         of the network, that an event meets there
    own : int64[n_units]        the core of each unit, -1 for the host
    """

    ptr: np.ndarray
    core: np.ndarray
    synapses: np.ndarray
    own: np.ndarray

    @property
    def unit(self) -> np.ndarray:
        """Unit of each pair."""
        return np.repeat(np.arange(len(self.own)), np.diff(self.ptr))

    def travels(self) -> np.ndarray:
        """Return the pairs along which a packet goes: to another core, or between a core and the host, bool[m]."""
        return self.core != self.own[self.unit]

    def fan_out(self) -> np.ndarray:
        """Return to how many other cores, or the host, each unit sends, int64[n_units]."""
        return np.bincount(self.unit[self.travels()], minlength=len(self.own))

    def per_unit(self, what: np.ndarray) -> np.ndarray:
        """Return the sum over the pairs of each unit, int64[n_units]. what : int64[m]"""
        total = np.concatenate([[0], np.cumsum(what, dtype=np.int64)])
        return total[self.ptr[1:]] - total[self.ptr[:-1]]

    def between(self, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (from, to, events) of every pair of cores that speak, int64 each; -1 is the host."""
        from snnsim.placement.rates import whole

        go, unit = self.travels(), self.unit
        n = int(max(self.core.max(initial=-1), self.own.max(initial=-1))) + 2
        pair = (self.own[unit[go]] + 1) * n + self.core[go] + 1
        key = np.unique(pair)
        return key // n - 1, key % n - 1, whole(np.bincount(np.searchsorted(key, pair), rates[unit[go]], len(key)))

    def renumbered(self, at: np.ndarray) -> Routes:
        """Return the same routes where core k is called at[k], in order of the new names."""
        names = np.append(at, -1)
        order = np.lexsort((names[self.core], self.unit))
        return Routes(self.ptr, names[self.core][order], self.synapses[order], names[self.own])


def routes_of(clusters: Clusters, reach: Reach, core: np.ndarray) -> Routes:
    """Return the routes when cluster k lies on core[k]. core : int64[n]"""
    of = np.concatenate([core, np.full(len(clusters.size) - clusters.n, -1)])
    n = int(core.max(initial=-1)) + 2
    own = of[clusters.label]
    there = (own[reach.unit] >= 0) | (of[reach.label] >= 0)  # what the host tells itself is no matter of the chip
    unit, label, synapses = summed(reach.unit[there], of[reach.label[there]] + 1, reach.synapses[there], n)
    return Routes(np.searchsorted(unit, np.arange(len(own) + 1)), label - 1, synapses, own)
