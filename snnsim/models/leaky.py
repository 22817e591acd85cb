"""What the leaky integrate-and-fire neurons share: their membrane and their refractory period."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnsim.errors import ParameterError
from snnsim.models.limits import check_below, refractory_steps
from snnsim.models.spiking import Inflow, NeuronModel
from snnsim.units import param


@dataclass(frozen=True, kw_only=True, eq=False)
class LeakyNeuron(NeuronModel):
    r"""Base of the leaky integrate-and-fire neurons; their synapses are up to them.

    .. math:: \tau_m \dot v = v_{rest} - v + r_m i, \qquad r_m = \tau_m / c_m
    """

    tau_m: float = param(20.0, unit="ms", gt=0.0, doc="membrane time constant")
    v_rest: float = param(-65.0, unit="mV", doc="resting potential")
    v_th: float = param(-50.0, unit="mV", doc="firing threshold")
    v_reset: float = param(-65.0, unit="mV", doc="potential after a spike")
    t_ref: float = param(2.0, unit="ms", ge=0.0, doc="refractory period; 0 or a multiple of dt on the clock")
    c_m: float = param(200.0, unit="pF", gt=0.0, doc="membrane capacitance")
    i_ext: float = param(0.0, unit="pA", doc="constant input current")
    v_init: float | None = param(None, unit="mV", doc="potential at the start; None means v_rest")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_drive()
        check_below(self, "v_reset", "v_th", "a neuron reset above threshold would fire forever")
        if self.v_init is not None:
            check_below(self, "v_init", "v_th", "a run starts below threshold")

    def _check_drive(self) -> None:
        try:
            with np.errstate(over="ignore"):
                finite = np.isfinite(self.v_inf)
        except ValueError:
            return  # Arrays of different shape: check_shape reports them by name.
        if not np.all(finite):
            raise ParameterError(
                f"{type(self).__name__}: i_ext * tau_m / c_m must be finite, in mV: a run would turn to NaN. Lower i_ext or tau_m."
            )

    @property
    def v_inf(self) -> float | np.ndarray:
        """Potential approached without spikes, mV."""
        return self.v_rest + self.i_ext * (self.tau_m / self.c_m)

    @property
    def inflow(self) -> Inflow:
        """Where a current enters steps and flights whose first coefficient is `v_inf`."""
        return ((0, self.tau_m / self.c_m),)

    @property
    def v_start(self) -> float | np.ndarray:
        """Potential at the start of a run, mV."""
        return self.v_rest if self.v_init is None else self.v_init

    def refractory_steps(self, dt: float) -> float | np.ndarray:
        """Return t_ref in whole steps of `dt` ms. Raises ParameterError when it is no multiple of dt."""
        return refractory_steps(self, dt)

    def check_step(self, dt: float) -> None:
        """Refuse a step that does not divide t_ref."""
        refractory_steps(self, dt)
