"""Trials of equal length within one run: what begins anew with each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from snnsim.errors import ParameterError
from snnsim.units import check_number


@final
@dataclass(frozen=True, eq=False)
class Trials:
    """Trials of one length within one run: ``simulate(trials=350.0)``, or ``simulate(trials=Trials(350.0, keep={"cells": ["theta"]}))``.

    At every multiple of `length` that a run reaches, in simulated time, the network returns to its start: the states of all neurons,
    refractory periods included, the traces, eligibilities and releases of its synapses; spikes under way are lost. Weights stay as
    they are then, with all that has reached the synapses. Sources and currents go on, and what is written down is not touched.

    Parameters
    ----------
    length : float        ms, > 0, a multiple of dt
    keep : mapping of population to list of state names, or None
        which states stay, for populations named here; for others, and None: those that their model counts as slow
        (`NeuronModel.slow`, such as theta of `ALIF` and `HomeostaticLIF`)

    Raises ParameterError for values out of their domain; whether names and grid fit is checked when the run begins.
    """

    length: float
    keep: Mapping[str, Sequence[str]] | None = None

    def __post_init__(self) -> None:
        length = check_number("Trials.length", self.length, unit="ms", gt=0.0)
        if isinstance(length, np.ndarray):
            raise ParameterError(f"Trials.length = {self.length!r} must be one number in ms. Give a float.")
        object.__setattr__(self, "length", length)
        if self.keep is not None and not isinstance(self.keep, Mapping):
            raise ParameterError(
                f'Trials.keep = {self.keep!r} must map population names to lists of states, for example {{"cells": ["theta"]}}.'
            )
        for name, states in (self.keep or {}).items():
            if isinstance(states, str) or not isinstance(states, Sequence) or not all(isinstance(state, str) for state in states):
                raise ParameterError(f"Trials.keep[{name!r}] = {states!r} must be a list of states such as ['theta']; [] keeps none.")
