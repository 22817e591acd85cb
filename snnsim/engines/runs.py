"""Synapses regrouped for reading by delay: a source owns runs of equal delay, a run owns synapses sorted by target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnsim.compiler.spiking import CompiledProjection


@dataclass(frozen=True, eq=False)
class Runs:
    """Synapses of one projection onto the targets low .. high - 1.

    row_ptr : int64[n_pre + 1]          source -> runs
    run_ptr : int64[n_runs + 1]         run -> synapses
    delay : [n_runs]                    in the unit and type of the engine
    target : [n_synapses]               counted from `low`
    weight : float64[1 or n_synapses]
    place : int64[n_synapses] or None   position of each synapse in order of (source, target); None: the same order
    """

    row_ptr: np.ndarray
    run_ptr: np.ndarray
    delay: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    place: np.ndarray | None

    @property
    def consecutive(self) -> bool:
        """Whether the targets of every run follow each other without a gap."""
        return in_a_row(self.run_ptr[:-1], self.run_ptr[1:], self.target)


def in_a_row(begin: np.ndarray, end: np.ndarray, target: np.ndarray) -> bool:
    """Whether all of target[begin[k] : end[k]], which ascend, follow each other without a gap or a repeat, for every k.

    O(rows) where they do not in the first place: only then is every synapse looked at.
    """
    first, last = begin[end > begin], end[end > begin] - 1
    if np.any(target[last].astype(np.int64) - target[first] != last - first):
        return False
    ones = np.concatenate([[0], np.cumsum(target[1:] == target[:-1] + 1)])
    return bool(np.all(ones[last] - ones[first] == last - first))


def group(part: CompiledProjection, delay: np.ndarray, low: int = 0, high: int | None = None) -> Runs:
    """Group the synapses of `part` by source and delay. delay : its delays in the unit of an engine

    The runs are those of all targets, whatever `low` and `high`: some may then be empty.
    """
    n, target, weight, place = len(part.target), part.target, part.weight, None
    if part.which is None:
        begins = part.row_ptr[:-1][part.fan_out > 0]
        delays = np.full(len(begins), delay[0])
        row_ptr = np.concatenate([[0], np.cumsum(part.fan_out > 0)])
    else:
        source = np.repeat(np.arange(len(part.row_ptr) - 1), part.fan_out)
        place = np.lexsort((part.which, source))  # stable: targets stay in order
        source, which, target = source[place], part.which[place], target[place]
        starts = np.ones(n, dtype=bool)
        starts[1:] = (source[1:] != source[:-1]) | (which[1:] != which[:-1])
        begins = np.flatnonzero(starts)
        delays, row_ptr = delay[which[begins]], np.searchsorted(source[begins], np.arange(len(part.row_ptr)))
        weight = weight[place] if len(weight) == n and n > 1 else weight
    run_ptr = np.append(begins, n)
    if high is not None and (low > 0 or high <= int(target.max(initial=0))):
        mine = (target >= low) & (target < high)
        place = np.flatnonzero(mine) if place is None else place[mine]
        run_ptr = np.concatenate([[0], np.cumsum(mine)])[run_ptr]
        target, weight = target[mine] - target.dtype.type(low), weight[mine] if len(weight) == n and n > 1 else weight
    return Runs(row_ptr.astype(np.int64), run_ptr.astype(np.int64), delays, target, weight.astype(np.float64), place)


def no_runs(n_pre: int) -> Runs:
    """Return the runs of a projection that keeps its synapses elsewhere."""
    return Runs(np.zeros(n_pre + 1, np.int64), np.zeros(1, np.int64), np.empty(0), np.empty(0, np.uint16), np.zeros(1), None)


def to_order(runs: Runs, weight: np.ndarray, out: np.ndarray) -> None:
    """Write stored weights to `out`, in order of source, then target."""
    if runs.place is None:
        out[:] = weight
    else:
        out[runs.place] = weight
