"""What the neurons of snnTorch share: a decay per step, a threshold and a way to reset."""

from __future__ import annotations

from dataclasses import dataclass

from snnsim.errors import ParameterError
from snnsim.models.spiking import NeuronModel
from snnsim.units import check_bool, one_of, param

RESETS = ("subtract", "zero", "none", "zero_with_input")  # in the order of kernels.discrete.SUBTRACT, ZERO, NONE, CLEAR


@dataclass(frozen=True, kw_only=True, eq=False)
class DiscreteNeuron(NeuronModel):
    """Base of neurons defined step by step and without units; one step is one step of the clock, ``dt=1.0``.

    reset_mechanism : 'subtract' lowers v by v_th, 'zero' sets it to 0, 'none' leaves it, 'zero_with_input' sets it to 0 after the
                      input of the step was added
    reset_delay : True resets in the step after a spike, False in the step of the spike
    """

    beta: float = param(0.9, ge=0.0, le=1.0, doc="share of v left after a step")
    v_th: float = param(1.0, gt=0.0, doc="threshold, to be exceeded")
    i_ext: float = param(0.0, doc="constant input of every step")
    reset_mechanism: str = "subtract"
    reset_delay: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(f"{type(self).__name__}.reset_mechanism", self.reset_mechanism, RESETS)
        check_bool(f"{type(self).__name__}.reset_delay", self.reset_delay)

    def check_step(self, dt: float) -> None:
        """Refuse any step but 1: the decay is given per step."""
        if dt != 1.0:
            raise ParameterError(
                f"simulate.dt = {dt:g} ms must be 1 ms for {type(self).__name__}: its decay is given per step, and one step counts "
                "as 1 ms. Use dt=1.0, with whole delays."
            )
