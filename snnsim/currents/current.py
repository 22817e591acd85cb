"""A part of a network: a signal that flows into the neurons of a population, or of a view of it."""

from __future__ import annotations

import dataclasses
from typing import Any, final

from snnsim.connect import View
from snnsim.currents.base import Signal
from snnsim.errors import WiringError
from snnsim.models.base import Model

#: For an error text; any model with a parameter i_ext takes a current.
TAKERS = (
    "ALIF", "AdEx", "CubaLI", "CubaLIF", "HodgkinHuxley", "HomeostaticLIF", "IF", "IFBox", "InputSum", "Integrator", "Izhikevich", "LI",
    "LIF", "LIFAlpha", "LIFBox", "LIFCondAlpha", "LIFCondExp", "LIFExp", "Leaky", "NorseLIF", "NorseLIFBox", "RateNeuron", "Synaptic",
    "Threshold",
)  # fmt: skip


@final
class Current:
    """A current from outside, which adds to i_ext of some neurons. Several currents into one neuron add up.

    Parameters
    ----------
    target : Population or View   of a model with a parameter i_ext
    signal : Signal               such as ``StepCurrent(times=[0, 100], values=[0, 150])``; values per neuron have the shape of
                                  the target

    Raises WiringError for another target or signal, and for values of another shape.
    """

    __slots__ = ("signal", "target")

    target: Any
    signal: Signal

    def __init__(self, target: Any, signal: Signal) -> None:
        # A population is known by its model: network.py, which holds its class, builds on this file.
        model = getattr(getattr(target, "population", None), "model", None)
        if not isinstance(model, Model) or not (isinstance(target, View) or target.population is target):
            raise WiringError(f"Current.target = {target!r} must be a Population, or a View such as exc[10:50].")
        where = f"Current({target.name!r})"
        if isinstance(signal, type) or not isinstance(signal, Signal):
            raise WiringError(f"{where}.signal = {signal!r} must be a signal such as StepCurrent(times=[0, 100], values=[0, 150]).")
        if "i_ext" not in {field.name for field in dataclasses.fields(model)}:  # type: ignore[arg-type]
            raise WiringError(
                f"{where}: {type(model).__name__} takes no current: it has no parameter i_ext. Models that take one: {', '.join(TAKERS)}."
            )
        signal.check_shape(where, target.shape)
        object.__setattr__(self, "target", target)
        object.__setattr__(self, "signal", signal)

    def __setattr__(self, field: str, value: Any) -> None:
        raise AttributeError(f"Current.{field} cannot be changed: a description is immutable. Make a new Current.")

    def __reduce__(self) -> tuple:
        # Made anew by whoever reads a pickle or copies: nothing else can set the fields.
        return Current, (self.target, self.signal)

    def __repr__(self) -> str:
        return f"Current({self.target.name!r}, {type(self.signal).__name__})"
