"""What a run refuses: delays no memory spans, rules no kernel holds, numbers beyond single precision, states that are none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking
from snnsim.engines.available import total_bytes
from snnsim.errors import CompileError, ParameterError, SimulationError
from snnsim.models.spiking import ClockForm
from snnsim.network import Network
from snnsim.plasticity.base import SynapseForm, rules_of

_LARGEST = float(np.finfo(np.float32).max)


_TRACES = 2  # on either side of a synapse (kernels/lessons.py)


def check_forms(network: Network, learns: Iterable[int]) -> None:
    """Raise CompileError when a rule of spikes that learns has more coefficients or traces than a kernel holds."""
    projections = list(network.projections.items())
    for q in learns:
        name, projection = projections[q]
        rules = rules_of(f"Projection({name})", projection.plasticity)
        if rules is not None and rules.spikes is not None:
            _check_form(f"Projection({name}).plasticity: {type(rules.spikes).__name__}.form()", rules.spikes.form())


def _check_form(owner: str, form: SynapseForm) -> None:
    from snnsim.kernels.lessons import N_COEF  # numba is loaded when something runs

    if len(form.coef) > N_COEF:
        raise CompileError(
            f"{owner}.coef has {len(form.coef)} coefficients but must have at most {N_COEF}: a kernel keeps them in registers. "
            "Work out in form() what depends on several parameters, and pass the result."
        )
    if len(form.coef) < 2:
        raise CompileError(
            f"{owner}.coef has {len(form.coef)} coefficients but must have at least 2: first come the bounds. Begin with w_min and w_max."
        )
    for side in ("tau_pre", "tau_post"):
        given = len(getattr(form, side))
        if given > _TRACES:
            raise CompileError(
                f"{owner}.{side} has {given} time constants but must have at most {_TRACES}: a synapse sees as many traces of either side. "
                "Leave one out, or keep what it does in the variable of the synapse, own."
            )


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
