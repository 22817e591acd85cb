"""What a run refuses: numbers that single precision cannot hold, states that are none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking
from snnsim.errors import ParameterError, SimulationError
from snnsim.models.spiking import ClockForm

_LARGEST = float(np.finfo(np.float32).max)


def check_single(compiled: CompiledSpiking, forms: Sequence[ClockForm]) -> None:
    """Raise ParameterError for a weight, parameter or initial state that single precision would turn to infinity."""
    rule = f'must lie within {_LARGEST:.3g} in single precision: beyond that lies infinity. Lower it, or use precision="double".'
    for part in compiled.projections:
        worst = np.max(np.abs(part.weight), initial=0.0)
        if worst > _LARGEST:
            raise ParameterError(f"Projection({part.name}).weight of size {worst:g} {rule}")
    for population, form in zip(compiled.populations, forms, strict=True):
        for numbers in (form.coef, form.state):
            finite = np.abs(numbers[np.isfinite(numbers)])
            if finite.size and finite.max() > _LARGEST:
                raise ParameterError(f"Population({population.name!r}).model gives a number of size {finite.max():g}, which {rule}")


def check_states(compiled: CompiledSpiking, p: int, states: np.ndarray, now: float) -> None:
    """Raise SimulationError when a state of population p is not a number. states : float[n_states or more, n]; now : ms"""
    population = compiled.populations[p]
    for name, values in zip(population.model.states, states, strict=False):
        bad = np.flatnonzero(np.isnan(values))
        if bad.size:
            raise SimulationError(
                f"Run has lost {name} of neuron {bad[0]} of population {population.name!r}, which is not a number at {now:g} ms: it met "
                "infinity on the way. Lower the weights onto this population, or the parameters of its model."
            )
