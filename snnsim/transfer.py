"""How a neuron answers: measured transfer functions."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from snnsim.errors import ParameterError
from snnsim.models.drawn import distributions
from snnsim.models.spiking import NeuronModel
from snnsim.network import Network, Population
from snnsim.simulation import simulate
from snnsim.units import check_number, finite_number


def f_i_curve(
    model: NeuronModel,
    currents: np.ndarray,
    duration: float = 1_000.0,
    *,
    transient: float = 0.0,
    engine: str | None = None,
    dt: float | None = None,
) -> np.ndarray:
    r"""Return the firing rate of `model` for constant currents: one run of one neuron per current.

    .. math:: f = (n - 1) / (t_n - t_1) \text{ over the } n \text{ spikes after the transient}

    Measured between spikes, the rate of a regular neuron does not depend on where the run ends.

    Parameters
    ----------
    model : NeuronModel     with a parameter i_ext, which is replaced; its other parameters are one number each
    currents : float[n]     in the unit of i_ext, for most models pA
    duration : float        ms, > 0; with fewer than two spikes the rate is 0, so rates below about 1000 / duration Hz are not seen
    transient : float       ms, 0 <= transient < duration; spikes up to then do not count. For neurons that adapt
    engine, dt              as in `simulate`; the event engine finds exact spike times

    Returns
    -------
    rates : float64[n]      Hz, >= 0

    Raises
    ------
    ParameterError   for a model without i_ext or with a drawn parameter, no currents, or times out of their domain
    WiringError      for a model with a parameter per neuron
    CompileError     for a model the engine cannot run

    Source: Gerstner, Kistler, Naud & Paninski (2014), Neuronal Dynamics, section 1.3.
    """
    units = {field.name: field.metadata.get("unit", "") for field in dataclasses.fields(model)} if isinstance(model, NeuronModel) else {}  # type: ignore[arg-type]
    if "i_ext" not in units:
        raise ParameterError(f"f_i_curve.model = {model!r} must be a spiking model with a current i_ext, such as LIF().")
    drive: Any = np.atleast_1d(np.asarray(finite_number("f_i_curve.currents", currents, units["i_ext"])))
    if drive.ndim != 1 or not len(drive):
        raise ParameterError(
            f"f_i_curve.currents has shape {drive.shape} but must list at least one current. Give np.linspace(0, 500, 26)."
        )
    varied = [name for name in distributions(model) if name != "i_ext"]
    if varied:
        raise ParameterError(f"f_i_curve.model.{varied[0]} = {getattr(model, varied[0])!r} must be one number: a curve is of one neuron.")
    duration = float(check_number("f_i_curve.duration", duration, unit="ms", gt=0.0))
    transient = float(check_number("f_i_curve.transient", transient, unit="ms", ge=0.0, lt=duration))
    neurons = Population("neurons", len(drive), dataclasses.replace(model, i_ext=drive))  # type: ignore[type-var]
    trains = simulate(Network(neurons), duration, engine=engine, dt=dt).spikes["neurons"]
    late = trains.times > transient
    times, indices = trains.times[late], trains.indices[late]
    count = np.bincount(indices, minlength=len(drive))
    first, last = np.full(len(drive), np.inf), np.full(len(drive), -np.inf)
    np.minimum.at(first, indices, times)
    np.maximum.at(last, indices, times)
    spread = np.where(count >= 2, last - first, np.inf)
    return np.maximum(count - 1, 0) / (spread * 1e-3)
