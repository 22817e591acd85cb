"""What both engines share about currents from outside: their tables, and what a continued run needs of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from snnsim.compiler.spiking import CompiledCurrent, CompiledSpiking, end_to_end, outgoing
from snnsim.currents.base import NEVER, SignalForm
from snnsim.errors import CompileError
from snnsim.kernels.current import NOISE, Currents
from snnsim.kernels.layout import Cells
from snnsim.kernels.random import stream_key

#: Random streams of currents begin here; those of populations lie below.
_STREAMS = 1 << 32


def driven(compiled: CompiledSpiking) -> set[int]:
    """Return the populations into which a current flows."""
    return {current.population for current in compiled.currents}


def random_or_smooth(compiled: CompiledSpiking) -> list[str]:
    """Return the names of the signals that have no form between events."""
    return sorted({type(current.signal).__name__ for current in compiled.currents if current.signal.event_form() is None})


def widened(compiled: CompiledSpiking, forms: Sequence[Any]) -> list[Any]:
    """Return the forms, with coefficients per neuron where the neurons of a population get different currents.

    Where all get the same, coefficients stay as they are: one column for all keeps the short loops of the kernels.

    Raises CompileError for a model that does not say how a current enters it.
    """
    out = list(forms)
    for p in driven(compiled):
        if out[p].current is None:
            name = type(compiled.models[p]).__name__
            raise CompileError(
                f"Current({compiled.populations[p].name!r}): {name} takes no current: its form has current=None. Let its clock_form (and "
                "event_form) say which rows of the coefficients i_ext enters."
            )
    for p in {current.population for current in compiled.currents if not _alike(current)}:
        coef = out[p].coef
        out[p] = out[p]._replace(coef=np.ascontiguousarray(np.broadcast_to(coef, (len(coef), compiled.populations[p].size))))
    return out


def build(
    compiled: CompiledSpiking,
    forms: Sequence[Any],
    signals: Sequence[SignalForm],
    cells: Cells,
    low: np.ndarray,
    high: np.ndarray,
    time: type,
) -> Currents:
    """Lay out the currents for the neurons low[p] .. high[p] - 1 of each population p.

    forms : of the populations, as `widened`; signals : by current; time : np.int64, steps, or np.float64, ms
    """
    n, never = len(cells.size), time(NEVER) if time is np.int64 else np.inf
    parts = [_part(current, signal, int(low[current.population]), int(high[current.population])) for current, signal in
             zip(compiled.currents, signals, strict=True)]  # fmt: skip
    widths = np.array([part["table"].shape[1] for part in parts], dtype=np.int64)
    table, table_first = end_to_end([part["table"] for part in parts], np.float64)
    change, change_ptr = end_to_end([signal.change for signal in signals], time)
    target, target_ptr = end_to_end([part["target"] for part in parts], np.int64)
    number, value_first = end_to_end([part["number"] for part in parts], np.int64)
    into_ptr, into = outgoing(n, [current.population for current in compiled.currents])
    rows = [forms[p].current if p in driven(compiled) else () for p in range(n)]
    base, scale = [], []
    for p, held in enumerate(rows):
        for row, factor in held:
            whole = forms[p].coef[row]
            mine = slice(None) if len(whole) == 1 else slice(int(low[p]), int(high[p]))
            base.append(whole[mine])
            scale.append(np.broadcast_to(np.ravel(factor), len(whole))[mine])
    base_flat, row_first = end_to_end(base, np.float64)
    next_change: np.ndarray = np.where(np.diff(into_ptr) > 0, time(0), never).astype(time)
    return Currents(
        next=next_change,
        soonest=np.full(1, next_change.min(), dtype=time),
        into_ptr=into_ptr,
        into=into,
        kind=np.array([signal.kind for signal in signals], dtype=np.int64),
        key=np.array([stream_key(np.uint64(compiled.seed), np.uint64(_STREAMS + c)) for c in range(len(parts))], dtype=np.uint64),
        due=np.zeros(len(parts), dtype=time),
        drawn=np.zeros(len(parts), dtype=np.int64),
        interval=np.array([signal.interval for signal in signals], dtype=np.int64),
        width=widths,
        value_first=value_first[:-1],
        value=np.zeros(int(widths.sum())),
        memory=np.zeros(int(widths.sum())),
        table_first=table_first[:-1],
        table=table,
        change_ptr=change_ptr,
        change=np.append(change, never).astype(time),
        whole=np.array([current.neurons is None for current in compiled.currents], dtype=bool),
        target_ptr=target_ptr,
        target=target,
        number=number,
        row_ptr=np.cumsum([0, *(len(held) for held in rows)]).astype(np.int64),
        row=np.array([row for held in rows for row, _ in held], dtype=np.int64),
        row_first=row_first[:-1],
        base=base_flat,
        scale=end_to_end(scale, np.float64)[0],
        total=np.zeros(int(cells.size.max(initial=1)) + 1),
    )


def saved(compiled: CompiledSpiking, parts: Sequence[Currents]) -> dict[str, np.ndarray]:
    """Return what a continued run needs: how much noise was drawn, and its last numbers, by ascending neuron.

    parts : of all threads
    """
    if not compiled.currents:
        return {}
    drawn = np.array([part.drawn for part in parts])
    # A thread without neurons of the population has drawn nothing.
    busy = drawn.argmax(axis=0)
    memory = [_memory(part, c) for c in _noisy(parts) for part in (parts if _own_numbers(compiled, c) else [parts[busy[c]]])]
    return {"current.drawn": drawn.max(axis=0), "current.memory": np.concatenate([np.empty(0), *memory])}


def restore(compiled: CompiledSpiking, parts: Sequence[Currents], arrays: Mapping[str, np.ndarray]) -> None:
    """Put back what `saved` returned."""
    if not compiled.currents:
        return
    at = 0
    for part in parts:
        part.drawn[:] = arrays["current.drawn"]
    for c in _noisy(parts):
        for part in parts:
            mine = _memory(part, c)
            mine[:] = arrays["current.memory"][at : at + len(mine)]
            at += len(mine) if _own_numbers(compiled, c) else 0
        at += 0 if _own_numbers(compiled, c) else 1


def _part(current: CompiledCurrent, signal: SignalForm, low: int, high: int) -> dict[str, np.ndarray]:
    """Return table, targets and numbers of the neurons of a current that lie in low .. high - 1."""
    if current.neurons is None:
        mine, target, neurons = np.arange(low, high), np.empty(0, np.int64), np.arange(low, high)
    else:
        # Values are in the order of the view; here neurons ascend, so that the parts of all threads are one list.
        mine = np.argsort(current.neurons)
        mine = mine[(current.neurons[mine] >= low) & (current.neurons[mine] < high)]
        neurons = current.neurons[mine]
        target = neurons - low
    if current.signal.alike:
        return {"table": signal.table, "target": target, "number": np.zeros(1, np.int64)}
    table = signal.table[:, mine] if signal.table.shape[1] > 1 else np.broadcast_to(signal.table, (len(signal.table), len(neurons)))
    return {"table": table, "target": target, "number": np.zeros_like(neurons) if signal.shared else neurons}


def _alike(current: CompiledCurrent) -> bool:
    return current.neurons is None and current.signal.alike


def _own_numbers(compiled: CompiledSpiking, c: int) -> bool:
    return not compiled.currents[c].signal.alike


def _noisy(parts: Sequence[Currents]) -> np.ndarray:
    return np.flatnonzero(parts[0].kind == NOISE)


def _memory(part: Currents, c: int) -> np.ndarray:
    return part.memory[part.value_first[c] : part.value_first[c] + part.width[c]]
