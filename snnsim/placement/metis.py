"""METIS, through pymetis: clusters into as many parts as cores, so that little is said between parts.

Source: Karypis & Kumar (1998), A fast and high quality multilevel scheme for partitioning irregular graphs, SIAM J. Sci. Comput. 20:359.
"""

from __future__ import annotations

import importlib.util
from math import ceil

import numpy as np

from snnsim.errors import ParameterError
from snnsim.placement.packing import Graph, in_order, packets_of, repaired

_UNITS = 10_000  # that the weight of a cluster is rounded up to: a full core
_MOST = 2**30  # that all weights of edges may add up to; METIS counts in 32 bits
_FILL = (1.0, 0.9)  # how full the parts shall be; fuller ones overflow, emptier ones take more cores
_MANY = 3_000  # clusters from which on one try has to do
_HOPELESS = 4.0  # times the cores that there are
_SPARE = 1.1  # cores a smaller cut may cost, of those the frugal way needs


def check_installed() -> None:
    """Raise ParameterError where pymetis is missing."""
    if importlib.util.find_spec("pymetis") is None:
        raise ParameterError(
            "place.partitioner = 'metis' needs pymetis, which is not installed. Run: pip install 'snnsim[placement]'. "
            "Or choose partitioner='order', which fills cores one after another."
        )


def partitioned(graph: Graph, seed: int, there: float) -> np.ndarray:
    """Return the core of each cluster: of several partitions, the one of fewest packets among those of few cores.

    there : float   cores of the largest system: where in order it takes many times as many, no partition is tried
    """
    tries = [in_order(graph)]
    if tries[0].max(initial=-1) + 1 > _HOPELESS * there:
        return tries[0]
    weight = np.ceil((graph.load / graph.room).max(axis=1, initial=0.0) * _UNITS).astype(np.int64)
    few_tries = graph.n > _MANY
    for fill in _FILL[few_tries:]:
        # Where sources are scarcer than room, cores in order tell better how many it takes.
        parts = max(1, ceil(int(weight.sum()) / (fill * _UNITS)), ceil(0.9 * (int(tries[0].max(initial=0)) + 1) / fill))
        if parts < graph.n and len(graph.near):
            tries.append(repaired(graph, _part(graph, parts, np.maximum(weight, 1), seed), passes=1 if few_tries else 2))
    tries.append(repaired(graph, tries[0], passes=1 if few_tries else 2))
    few = _SPARE * min(int(each.max(initial=-1)) + 1 for each in tries)
    return min(
        (each for each in tries if each.max(initial=-1) + 1 <= few), key=lambda each: (packets_of(graph, each), each.max(initial=-1))
    )


def _part(graph: Graph, parts: int, weight: np.ndarray, seed: int) -> np.ndarray:
    if parts == 1:
        return np.zeros(graph.n, np.int64)
    import pymetis

    scale = min(1.0, _MOST / max(1, int(graph.traffic.sum())))
    edges = np.maximum(np.ceil(graph.traffic * scale), 1).astype(np.int32)
    found = pymetis.part_graph(
        parts,
        pymetis.CSRAdjacency(graph.ptr.astype(np.int32), graph.near.astype(np.int32)),
        vweights=weight.astype(np.int32),
        eweights=edges,
        options=pymetis.Options(seed=seed % (2**31 - 1)),
    )
    return np.asarray(found[1], dtype=np.int64)
