"""Spikes that come from outside while a network runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking
from snnsim.engines.interrupts import Interrupts
from snnsim.engines.recording import Recorder
from snnsim.errors import SimulationError
from snnsim.kernels.layout import DUE, Cells
from snnsim.kernels.spike_list import foresee
from snnsim.models.live_source import LiveSource

_ROUNDING = 1e-9  # of times that are multiples of the interval, relative


class Feed(NamedTuple):
    """What a source gave for (begin, end] ms: times in ascending order, and their neurons."""

    population: int
    begin: float
    end: float
    times: np.ndarray
    indices: np.ndarray


def listeners(compiled: CompiledSpiking) -> list[tuple[int, int]]:
    """Return (listener, population) for all that a network's sources want to hear."""
    names = [population.name for population in compiled.populations]
    return [(p, names.index(heard)) for p, model in enumerate(compiled.models) if isinstance(model, LiveSource) for heard in model.hears]


class Live:
    """Asks the live sources of a network for their spikes, window by window, in a run from `began` to `end` ms."""

    def __init__(self, compiled: CompiledSpiking, began: float, end: float, recorder: Recorder) -> None:
        self._compiled, self._end, self._recorder = compiled, end, recorder
        self._due = {p: began for p, model in enumerate(compiled.models) if isinstance(model, LiveSource)}

    @property
    def next(self) -> float:
        """When a source is asked next, ms; infinity: never."""
        return min(self._due.values(), default=np.inf)

    def ask(self, now: float, interrupts: Interrupts) -> Iterator[Feed]:
        """Yield what the sources give that are due at `now`, ms. What they hear must have been recorded up to then."""
        for p, due in self._due.items():
            if due <= now * (1.0 + _ROUNDING):
                model: Any = self._compiled.models[p]
                begin, end = due, min(self._end, (np.floor(due / model.interval * (1.0 + _ROUNDING)) + 1.0) * model.interval)
                end = float(end if self._end - end > _ROUNDING * end else self._end)
                names = [population.name for population in self._compiled.populations]
                heard = {name: self._recorder.hear(p, names.index(name)) for name in model.hears}
                try:
                    with interrupts.heard():
                        given = model.read(begin, end, heard) if heard else model.read(begin, end)
                except Exception as error:
                    error.add_note(f"in LiveSource.read of population {names[p]!r}, asked for the spikes in ({begin:g}, {end:g}] ms")
                    raise
                population = self._compiled.populations[p]
                yield Feed(p, begin, end, *_checked(f"LiveSource.read of {population.name!r}", population.size, begin, end, given))
                self._due[p] = end if end < self._end else np.inf


def _checked(owner: str, n: int, begin: float, end: float, given: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return times and indices in order of time, then neuron. Raises SimulationError for anything else than spikes in (begin, end]."""
    if given is None:
        return np.empty(0), np.empty(0, np.int64)
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise SimulationError(f"{owner} returned {given!r} but must return (times, indices), or None for no spike. Return both.")
    try:
        times, indices = np.atleast_1d(np.asarray(given[0], dtype=np.float64)), np.atleast_1d(np.asarray(given[1]))
    except (TypeError, ValueError):
        raise SimulationError(f"{owner} returned {given!r} but must return times in ms and neurons, two lists. Return numbers.") from None
    if times.ndim != 1 or times.shape != indices.shape:
        raise SimulationError(f"{owner} returned {times.shape} times and {indices.shape} indices but needs one neuron per spike.")
    if not times.size:
        return np.empty(0), np.empty(0, np.int64)
    if indices.dtype.kind not in "iu":
        raise SimulationError(f"{owner} returned the index {indices[0]!r} but must return whole numbers. Round them first.")
    slack = _ROUNDING * end
    bad = ~((times > begin) & (times <= end + slack))
    if bad.any():
        raise SimulationError(
            f"{owner} returned a spike at {times[bad][0]:g} ms, which must lie in ({begin:g}, {end:g}] ms, the time asked for. "
            "Keep later spikes for a later call; earlier ones are lost."
        )
    bad = (indices < 0) | (indices >= n)
    if bad.any():
        raise SimulationError(f"{owner} returned the index {indices[bad][0]}, which must lie in 0 .. {n - 1}. Correct it.")
    order = np.lexsort((indices, times))
    return np.minimum(times[order], end), indices[order].astype(np.int64)


def play_steps(cells: Cells, feed: Feed, dt: float, high: int) -> Cells:
    """Return the cells of one thread, with neurons up to `high` - 1, where the source plays what was given, by steps of the clock.

    A spike belongs to the step that ends at its time, or to the step that contains it.
    """
    first, last = round(feed.begin / dt), round(feed.end / dt) - 1
    step = np.clip(np.ceil(feed.times / dt * (1.0 - 1e-12) - 1e-9).astype(np.int64) - 1, first, last)
    low = int(cells.low[feed.population])
    mine = (feed.indices >= low) & (feed.indices < high)
    pairs, times = np.unique(np.stack([step[mine], feed.indices[mine] - low]), axis=1, return_counts=True)
    return _with_list(cells, feed.population, np.vstack([pairs, times]))


def play_times(cells: Cells, feed: Feed, clocks: np.ndarray, dues: Any) -> Cells:
    """Return the cells where the source plays what was given, at its exact times."""
    p, n = feed.population, int(cells.size[feed.population])
    order = np.argsort(feed.indices, kind="stable")
    end = np.cumsum(np.bincount(feed.indices, minlength=n))
    begin = end - np.bincount(feed.indices, minlength=n)
    times = np.append(feed.times[order], np.inf)
    cells.state[cells.state_ptr[p] : cells.state_ptr[p + 1]] = np.concatenate([begin, end])
    due = np.where(begin < end, times[begin], np.inf)
    first = int(cells.first[p])
    clocks[3 * first : 3 * (first + n)].reshape(3, n)[DUE] = due
    foresee(dues, first, due)
    return _with_list(cells, p, times[None, :-1])


def _with_list(cells: Cells, p: int, rows: np.ndarray) -> Cells:
    """Return the cells with these coefficients of population p, filled up with infinity; its room doubles when it is too small."""
    begin, end = int(cells.coef_ptr[p]), int(cells.coef_ptr[p + 1])
    room, needed = (end - begin) // len(rows), rows.shape[1]
    if needed > room:
        room = max(needed, 2 * room)
        coef = np.concatenate([cells.coef[:begin], np.empty(room * len(rows), cells.coef.dtype), cells.coef[end:]])
        ptr = cells.coef_ptr.copy()
        ptr[p + 1 :] += len(coef) - len(cells.coef)
        cells = cells._replace(coef=coef, coef_ptr=ptr)
        end = int(ptr[p + 1])
    place = cells.coef[begin:end].reshape(len(rows), room)
    place[0, needed:] = np.inf
    place[:, :needed] = rows
    return cells
