"""Rows sorted by delay (kernels/timed.py), laid out for every thread from the synapses as they were drawn."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking, outgoing
from snnsim.engines.fabric import Plan, Woven
from snnsim.kernels.layout import TIMED, Cells
from snnsim.kernels.timed import BATCH, Timed, lay_rows

_BORROWED = ("begin", "end", "target", "weights", "which")


def lay_out(compiled: CompiledSpiking, chosen: Plan, cells: Sequence[Cells], woven: Sequence[Woven], *, spare: bool) -> list[Timed]:
    """Return the rows of every thread. cells, woven : one each per thread

    spare : bool   nobody else needs the synapses: `compiled` lets go of them as they are copied, and they never lie in memory twice
    """
    bundles = _bundles(compiled, chosen)
    tables = [_empty(compiled, chosen, bundles, one) for one in woven]
    first = [0] * len(tables)

    def fill(thread: int, bundle: int) -> None:
        first[thread] = _fill(chosen, bundles[bundle], bundle, first[thread], cells[thread], woven[thread], tables[thread])

    with ThreadPoolExecutor(len(tables)) as pool:
        for bundle, members in enumerate(bundles):
            list(pool.map(fill, range(len(tables)), [bundle] * len(tables)))
            for one in woven:
                for name in _BORROWED:
                    one.fabric.strand[name][members] = 0
                for q in members:
                    one.bounds[q] = None
            if spare:
                compiled.release(members)
    return tables


def _bundles(compiled: CompiledSpiking, chosen: Plan) -> list[list[int]]:
    """Return the projections that lie in rows by delay, by population of sources."""
    timed = [q for q, how in enumerate(chosen.kind) if how == TIMED]
    ptr, items = outgoing(len(compiled.populations), [compiled.projections[q].pre for q in timed])
    return [[timed[k] for k in items[a:b]] for a, b in pairwise(ptr.tolist()) if b > a]


def _delays(chosen: Plan, members: list[int]) -> np.ndarray:
    return np.unique(np.concatenate([chosen.steps[q] for q in members]))


def _empty(compiled: CompiledSpiking, chosen: Plan, bundles: list[list[int]], woven: Woven) -> Timed:
    """Return the tables of one thread with room for its synapses. Pages that nobody has written to take no memory."""
    delays = [_delays(chosen, members) for members in bundles]
    due = [(-int(delay), bundle, k) for bundle, some in enumerate(delays) for k, delay in enumerate(some)]
    pre = [compiled.projections[members[0]].pre for members in bundles]
    sources = [compiled.populations[p].size for p in pre]
    widths = [n * (len(some) + 1) for n, some in zip(sources, delays, strict=True)]
    every = [q for members in bundles for q in members]
    n = sum(int((end - begin).sum()) for begin, end in (woven.bounds[q] for q in every))
    single = all(_is_single(compiled.projections[q].weight) for q in every)
    return Timed(
        due=np.array(sorted(due), dtype=np.int64).reshape(-1, 3) * np.array([-1, 1, 1]),
        pre=np.array(pre, dtype=np.int64),
        n_delays=np.array([len(some) for some in delays], dtype=np.int64),
        row_first=np.cumsum([0, *sources])[:-1].astype(np.int64),
        run_first=np.cumsum([0, *widths])[:-1].astype(np.int64),
        start=np.empty(sum(sources), dtype=np.int64),
        run=np.empty(sum(widths), dtype=np.uint32),
        column=np.empty(n, dtype=np.uint32),
        weight=np.empty(n, dtype=np.float32 if single else np.float64),
        batch=np.empty((3, BATCH), dtype=np.int64),
    )


def _is_single(weight: np.ndarray) -> bool:
    if weight.dtype == np.float32:
        return True
    with np.errstate(over="ignore"):
        return len(weight) == 1 and bool(weight.astype(np.float32)[0] == weight[0])


def _fill(chosen: Plan, members: list[int], bundle: int, first: int, cells: Cells, woven: Woven, table: Timed) -> int:
    """Write the rows of one bundle for one thread, from synapse `first` on. Returns where the next begins."""
    delays = _delays(chosen, members)
    position = [np.searchsorted(delays, chosen.steps[q]) for q in members]
    strand = woven.fabric.strand
    return lay_rows(
        strand,
        np.array(members, dtype=np.int64),
        np.concatenate(position).astype(np.int64),
        np.cumsum([0, *map(len, position)]).astype(np.int64),
        cells.input_first[strand["post"][members]].astype(np.uint64),
        bundle,
        first,
        table,
    )
