"""The neuron of rate-coded conversions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from snnsim.errors import ParameterError
from snnsim.models.spiking import ClockForm, NeuronModel, filled, rows
from snnsim.units import one_of, param

RESETS = ("subtract", "zero", "none")  # in the order of kernels.rate.SUBTRACT, ZERO, NONE


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class RateNeuron(NeuronModel):
    r"""Integrate-and-fire neuron whose rate stands for an activation: dimensionless, one step of the clock is one time step.

    .. math:: u_k = \beta v_{k-1} + x_k + i_{ext}, \qquad s_k = [u_k \ge v_{th}], \qquad v_k = u_k - s_k v_{th}

    With ``reset="zero"`` :math:`v_k = (1 - s_k) u_k`; with ``reset="none"`` it never fires and adds up its input. An arriving spike
    adds its weight to x. Without leak (beta = 1), under a constant input x with 0 <= x <= v_th and with v_init < v_th, it has fired
    floor((k x + v_init) / v_th) times after k steps, when the reset subtracts.

    Parameters
    ----------
    reset : 'subtract' lowers v by v_th in the step of the spike, 'zero' sets it to 0, 'none' is a neuron that never fires

    Source: Rueckauer et al. (2017), Front. Neurosci. 11:682, section 2.2; v_init after Bu et al. (2022), ICLR.
    """

    states: ClassVar[tuple[str, ...]] = ("v",)
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "clock": {"adds": 3, "multiplies": 1, "state_reads": 2, "state_writes": 2},
    }

    beta: float = param(1.0, ge=0.0, le=1.0, doc="share of v left after a step; 1 has no leak")
    v_th: float = param(1.0, gt=0.0, doc="threshold, met or exceeded")
    v_init: float = param(0.0, doc="potential at the start")
    i_ext: float = param(0.0, doc="constant input of every step")
    reset: str = "subtract"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("RateNeuron.reset", self.reset, RESETS)

    def check_step(self, dt: float) -> None:
        """Refuse any step but 1: the leak is given per step."""
        if dt != 1.0:
            raise ParameterError(
                f"simulate.dt = {dt:g} ms must be 1 ms for RateNeuron: its leak is given per step, and one step counts as 1 ms. Use dt=1.0."
            )

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return the update. Raises ParameterError unless dt is 1."""
        from snnsim.kernels.rate import step_rate  # numba is loaded when something runs, not by import snnsim

        self.check_step(dt)
        coef = rows(n, self.beta, self.v_th, RESETS.index(self.reset), self.i_ext)
        return ClockForm(step_rate, filled(n, self.v_init), coef, current=((3, 1.0),))
