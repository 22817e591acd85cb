"""Checks that models with a reset share: a refractory period on the grid, one potential below another."""

from __future__ import annotations

import numpy as np

from snnsim.errors import ParameterError
from snnsim.models.base import Model
from snnsim.models.spiking import whole_steps
from snnsim.units import show


def refractory_steps(model: Model, dt: float) -> float | np.ndarray:
    """Return `model.t_ref` in whole steps of `dt` ms. Raises ParameterError when it is no multiple of dt."""
    t_ref = model.t_ref  # type: ignore[attr-defined]
    steps = whole_steps(f"{type(model).__name__}.t_ref", t_ref, dt, least=0)
    return steps if isinstance(t_ref, np.ndarray) else float(steps[0])


def check_below(model: Model, field: str, limit: str, why: str, unit: str = "mV") -> None:
    """Refuse a `field` of `model` that is not below its field `limit`, for one neuron at least."""
    low, high = np.asarray(getattr(model, field)), np.asarray(getattr(model, limit))
    try:
        bad = low >= high
    except ValueError:
        return  # Arrays of different shape: check_shape reports them by name.
    if np.any(bad):
        suffix = f" {unit}" if unit else ""
        value, bound = (float(np.broadcast_to(x, bad.shape)[bad].ravel()[0]) for x in (low, high))
        raise ParameterError(
            f"{type(model).__name__}.{field} = {show(value)}{suffix} must be < {limit} = {show(bound)}{suffix}: {why}. "
            f"Lower {field} or raise {limit}."
        )
