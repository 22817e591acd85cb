"""What a run refuses: delays that no memory spans, numbers that single precision cannot hold, states that are none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking
from snnsim.engines.available import total_bytes
from snnsim.errors import ParameterError, SimulationError
from snnsim.models.spiking import ClockForm

_LARGEST = float(np.finfo(np.float32).max)


def check_delays(what: str, n_bytes: int) -> None:
    """Raise ParameterError when what the longest delay makes a run remember would not fit into the memory this process may ever have."""
    most = total_bytes()
    if most is not None and n_bytes > most:
        raise ParameterError(
            f"simulate: {what} would take {n_bytes / 2**30:.3g} GiB but must fit in the {most / 2**30:.3g} GiB "
            'of this machine or container. Shorten the longest delay, raise dt, or use engine="event".'
        )


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
