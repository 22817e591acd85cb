"""What a run shall write down of one population."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from snnsim.errors import ParameterError
from snnsim.units import as_integers, check_number


@final
@dataclass(frozen=True, eq=False)
class Record:
    """Spikes or one state of chosen neurons, over a chosen time: an entry of ``simulate(record={"exc": [...]})``.

    Parameters
    ----------
    what : str                'spikes' or the name of a state; or 'weight', for ``{"pre -> post": Record("weight", every=10.0)}`` of a
                              plastic projection, whose `neurons` are then synapses in order of source, then target
    neurons : int[k], slice, bool[n], View or None
        which neurons, as places in the flattened population, none twice; a `View` such as ``exc[10:50]``; None: all of them.
        Columns of the recording, and the indices of the spikes, count along this list; it comes back as ``neurons``
    every : float or None     ms between samples, a multiple of dt; None: dt. Samples are taken at its multiples, counted from
                              0 ms: a run in pieces takes those of the whole run. Not for spikes
    start, stop : float       ms; what happens in (start, stop] is recorded, in simulated time. stop None: to the end

    A state of a population is recorded in one way: two entries for it that differ are refused.

    Raises ParameterError for values out of their domain; whether neurons and times fit is checked when the run begins.
    """

    what: str
    neurons: Any = None
    every: float | None = None
    start: float = 0.0
    stop: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.what, str) or not self.what:
            raise ParameterError(f"Record.what = {self.what!r} must be 'spikes' or the name of a state. Give a text.")
        if self.every is not None:
            if self.what == "spikes":
                raise ParameterError(f"Record.every = {self.every!r} does not apply to spikes, which are all written down. Leave it out.")
            object.__setattr__(self, "every", _time("every", self.every, gt=0.0))
        object.__setattr__(self, "start", _time("start", self.start, ge=0.0))
        if self.stop is not None:
            object.__setattr__(self, "stop", _time("stop", self.stop, ge=0.0))
            if not self.start < self.stop:
                raise ParameterError(f"Record.stop = {self.stop:g} ms must be > start = {self.start:g} ms. Exchange or move them.")

    def places(self, population: Any) -> np.ndarray | None:
        """Return the chosen places in `population`, int64[k], or None for all. Raises ParameterError when they do not fit."""
        owner = f"Record({self.what!r}).neurons"
        chosen = self.neurons
        if chosen is None:
            return None
        if hasattr(chosen, "population") and hasattr(chosen, "indices"):
            if chosen.population is not population:
                raise ParameterError(
                    f"{owner} = {chosen!r} must be a view of {population.name!r}, whose record it is. Index that population."
                )
            return np.array(chosen.indices)
        if isinstance(chosen, slice):
            places = np.arange(population.size)[chosen]
        elif isinstance(chosen, (list, tuple, np.ndarray, range)) and np.asarray(chosen).dtype == bool:
            if np.size(chosen) != population.size:
                raise ParameterError(
                    f"{owner} is a mask of {np.size(chosen)} but must hold one truth value per neuron, {population.size}. Correct it."
                )
            places = np.flatnonzero(chosen)
        else:
            places = np.atleast_1d(as_integers(owner, chosen, low=0, high=population.size - 1)).ravel()
        if not places.size:
            raise ParameterError(f"{owner} = {chosen!r} must pick a neuron: it picks none of {population.size}. Widen it.")
        number, times = np.unique(places, return_counts=True)
        if times.max() > 1:
            raise ParameterError(f"{owner} holds {number[times > 1][0]} twice: a neuron is recorded once. Remove the repeats.")
        return places.astype(np.int64)


def _time(name: str, value: Any, **bounds: float) -> float:
    number = check_number(f"Record.{name}", value, unit="ms", **bounds)
    if isinstance(number, np.ndarray):
        raise ParameterError(f"Record.{name} = {value!r} must be one number in ms. Give a float.")
    return number


def window_length(start: float, stop: float, began: float, end: float) -> float:
    """Return how many ms of a run from `began` to `end` lie in (start, stop]."""
    return max(0.0, min(stop, end) - max(start, began))
