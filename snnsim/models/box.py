"""What the neurons of the Neuromorphic Intermediate Representation share: an input that is held for one step, and a scheme."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snnsim.errors import ParameterError
from snnsim.models.limits import check_below
from snnsim.models.spiking import NeuronModel
from snnsim.units import one_of, param, show

SCHEMES = ("exact", "euler")
RESETS = ("value", "subtract", "none")  # in the order of kernels.box.VALUE, SUBTRACT, NONE
_ROUNDING = 1e-9  # a share of a step that is rounding


@dataclass(frozen=True, kw_only=True, eq=False)
class BoxNeuron(NeuronModel):
    """Base of neurons whose input is a current: a spike of weight w adds w to it for the step in which it arrives.

    Potentials and currents have no unit, as in NIR; times are in ms. It runs on the clock alone.

    scheme : 'exact' solves the equation over the step, 'euler' takes one forward Euler step, as Norse and snnTorch do
    """

    scheme: str = "exact"
    i_ext: float = param(0.0, doc="constant input, added to that of the synapses")

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(f"{type(self).__name__}.scheme", self.scheme, SCHEMES)

    def decay(self, tau: float | np.ndarray, dt: float) -> float | np.ndarray:
        """Return the share of a variable with time constant `tau` that is left after a step of `dt`, ms."""
        ratio = dt / np.asarray(tau)
        return np.exp(-ratio) if self.scheme == "exact" else 1.0 - ratio

    def approach(self, tau: float | np.ndarray, dt: float) -> float | np.ndarray:
        """Return the share of the way to its equilibrium that such a variable takes in a step: 1 - `decay`, without rounding."""
        ratio = dt / np.asarray(tau)
        return -np.expm1(-ratio) if self.scheme == "exact" else ratio

    def check_step(self, dt: float) -> None:
        """Refuse forward Euler steps longer than a time constant, after which a decay would change its sign."""
        for name in ("tau_m", "tau_syn") if self.scheme == "euler" else ():
            tau = np.min(getattr(self, name, np.inf))
            if dt > tau * (1.0 + _ROUNDING):
                raise ParameterError(
                    f"simulate.dt = {dt:g} ms must be <= {type(self).__name__}.{name} = {show(float(tau))} ms: a forward Euler step would "
                    'turn what decays to its other side. Shorten dt, or use scheme="exact".'
                )


@dataclass(frozen=True, kw_only=True, eq=False)
class SpikingBox(BoxNeuron):
    """Base of those that fire, when v > v_th.

    reset : 'value' sets v to v_reset, 'subtract' lowers it by v_th, 'none' leaves it, so that it fires in every step above v_th
    """

    v_th: float = param(1.0, doc="threshold, to be exceeded")
    v_reset: float = param(0.0, doc="potential after a spike")
    reset: str = "value"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(f"{type(self).__name__}.reset", self.reset, RESETS)
        if self.reset == "value":
            check_below(self, "v_reset", "v_th", "a neuron reset above threshold would fire forever", unit="")
        elif self.reset == "subtract" and np.any(np.asarray(self.v_th) <= 0.0):
            worst = float(np.min(self.v_th))
            raise ParameterError(
                f"{type(self).__name__}.v_th = {worst:g} must be > 0: reset='subtract' lowers v by it. Raise it, or use reset='value'."
            )

    @property
    def limits(self) -> tuple[float | np.ndarray, float | np.ndarray, float]:
        """Threshold, potential after a spike and mode of reset, as the kernels take them."""
        return self.v_th, self.v_reset, float(RESETS.index(self.reset))


#: The same of neurons that never fire.
SILENT = (np.inf, 0.0, 2.0)
