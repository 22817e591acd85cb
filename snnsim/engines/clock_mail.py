"""Input of a clock run that arrives later, as it is saved: what is not zero, whatever the number of threads.

The ring it waits in has a place per neuron and step, as far ahead as the longest delay: mostly zeros.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from snnsim.kernels.mail import clear as empty
from snnsim.kernels.mail import spill


def saved(machine: Any) -> dict[str, np.ndarray]:
    """Return what arrives from the next step on, in order of step, then column.

    each : int64[n_slots]   columns that receive something in each step, beginning with the next
    column : uint32[k]      population, channel, neuron, of the populations that have mail
    amount : float[k]       their sums, none of them zero
    """
    parts, rings = machine.parts, _rings(machine)
    slots = _slots(machine, int(parts[0].position[0]))
    each, columns, amounts = np.zeros(len(slots), dtype=np.int64), [np.empty(0, np.uint32)], [np.empty(0, parts[0].mail.ring.dtype)]
    for step, slot in enumerate(slots.tolist()):
        for part in parts:
            spill(part.mail, slot)
        if not any(part.mail.used[slot] for part in parts):
            continue
        row = np.concatenate([np.concatenate([ring[slot] for ring in pieces], axis=1).ravel() for pieces in rings.values()])
        columns.append(np.flatnonzero(row).astype(np.uint32))
        amounts.append(row[columns[-1]])
        each[step] = len(columns[-1])
    return {"each": each, "column": np.concatenate(columns), "amount": np.concatenate(amounts)}


def restore(machine: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Put what `saved` returned back into the rings, which are zero."""
    each, column, amount = (arrays[f"mail.{name}"] for name in ("each", "column", "amount"))
    slot, first = np.repeat(_slots(machine, int(arrays["position"][0])), each), 0
    for p, pieces in _rings(machine).items():
        channels, n = pieces[0].shape[1], int(machine.low[-1, p])
        mine = (column >= first) & (column < first + channels * n)
        at, (channel, neuron), values = slot[mine], divmod(column[mine].astype(np.int64) - first, n), amount[mine]
        first += channels * n
        for k, (part, ring) in enumerate(zip(machine.parts, pieces, strict=True)):
            low, high = machine.low[k : k + 2, p].tolist()
            here = (neuron >= low) & (neuron < high)
            ring[at[here], channel[here], neuron[here] - low] = values[here]
            part.mail.used[at[here]] = True


def clear(machine: Any) -> None:
    """Throw away all input that arrives later."""
    if machine.plan.mailed.any():
        for part in machine.parts:
            empty(part.mail)


def _slots(machine: Any, step: int) -> np.ndarray:
    """Return the row of the ring for `step`, the one after it, and so on."""
    n_slots = len(machine.parts[0].mail.ring)
    return (step + np.arange(n_slots)) & (n_slots - 1)


def _rings(machine: Any) -> dict[int, list[np.ndarray]]:
    """Return views of the rings of the populations that have mail, one per thread, float[n_slots, channels, n]."""
    return {int(p): [_ring(part, p) for part in machine.parts] for p in np.flatnonzero(machine.plan.mailed)}


def _ring(part: Any, p: Any) -> np.ndarray:
    cells, ring = part.cells, part.mail.ring
    n, channels, first = int(cells.size[p]), int(cells.channels[p]), int(cells.input_first[p])
    # A view, not a copy: restoring writes through it.
    row, item = ring.strides
    return np.lib.stride_tricks.as_strided(ring[:, first:], (len(ring), channels, n), (row, n * item, item))
