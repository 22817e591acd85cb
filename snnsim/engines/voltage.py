"""The potentials that learning rules listen to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from snnsim.compiler.spiking import CompiledProjection, CompiledSpiking
from snnsim.errors import CompileError
from snnsim.models.spiking import whole_steps
from snnsim.plasticity.base import SynapseForm


def row_of_v(compiled: CompiledSpiking, part: CompiledProjection) -> int:
    """Return the row of the state of a post population that holds v. Raises CompileError when there is none."""
    model, rules = compiled.models[part.post], part.plasticity
    if "v" not in model.states:
        name = type(rules.spikes).__name__ if rules is not None else ""
        raise CompileError(
            f"Projection({part.name}).plasticity = {name} follows the potential v, which {type(model).__name__} does not have: its states "
            f"are {', '.join(model.states)}. Use another rule, such as PairSTDP, or another model."
        )
    return model.states.index("v")


def potential(compiled: CompiledSpiking, cells: Any) -> Callable[[CompiledProjection], np.ndarray]:
    """Return a function that tells v of the targets of a projection on one thread, float64[n]."""

    def of(part: CompiledProjection) -> np.ndarray:
        n, p = int(cells.size[part.post]), part.post
        first = int(cells.state_ptr[p]) + row_of_v(compiled, part) * n
        return cells.state[first : first + n].astype(np.float64)

    return of


def coefficients(part: CompiledProjection, form: SynapseForm, dt: float) -> np.ndarray:
    """Return those of kernels/voltage.py."""
    heard = form.voltage
    if heard is None:
        return np.empty(0)
    owner = f"Projection({part.name}).plasticity: t_spike"
    points = 0.0 if heard.v_spike is None else float(whole_steps(owner, heard.t_spike, dt, least=1)[0])
    left = np.exp(-dt / heard.tau_minus), np.exp(-dt / heard.tau_plus)
    return np.array([*left, heard.theta_minus, heard.theta_plus, heard.gain * dt, heard.v_spike or 0.0, points])
