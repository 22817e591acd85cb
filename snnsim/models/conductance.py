"""What the leaky integrate-and-fire neurons with synaptic conductances share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snnsim.errors import ParameterError
from snnsim.models.leaky import LeakyNeuron
from snnsim.models.spiking import Inflow
from snnsim.units import param

_MOST_PIECES = 1000.0  # per step; thousands would look like a run that hangs


@dataclass(frozen=True, kw_only=True, eq=False)
class ConductanceNeuron(LeakyNeuron):
    r"""Base of the leaky neurons whose synapses open conductances; how these decay is up to them.

    .. math:: c_m \dot v = g_{leak} (v_{rest} - v) + g_{exc} (e_{exc} - v) + g_{inh} (e_{inh} - v) + i_{ext}, \qquad g_{leak} = c_m / \tau_m

    Weights >= 0 (nS) open g_exc, weights < 0 open g_inh by their magnitude.
    """

    states: ClassVar[tuple[str, ...]] = ("v", "g_exc", "g_inh")
    channels: ClassVar[int] = 2

    e_rev_exc: float = param(0.0, unit="mV", doc="reversal potential of excitation")
    e_rev_inh: float = param(-80.0, unit="mV", doc="reversal potential of inhibition")
    tau_syn_exc: float = param(5.0, unit="ms", gt=0.0, doc="time constant of the excitatory conductance")
    tau_syn_inh: float = param(10.0, unit="ms", gt=0.0, doc="time constant of the inhibitory conductance")

    @property
    def g_leak(self) -> float | np.ndarray:
        """Conductance of the membrane at rest, nS."""
        return self.c_m / self.tau_m

    def check_step(self, dt: float) -> None:
        """Refuse a step that does not divide t_ref, or that a synapse would cut into too many pieces."""
        super().check_step(dt)
        for field in ("tau_syn_exc", "tau_syn_inh"):
            shortest = float(np.min(getattr(self, field)))
            if shortest < dt / _MOST_PIECES:
                raise ParameterError(
                    f"{type(self).__name__}.{field} = {shortest:g} ms must be >= dt / {_MOST_PIECES:g} = {dt / _MOST_PIECES:g} ms: "
                    f"a step goes in pieces of half of it. Raise {field} or choose a shorter dt."
                )

    def conductance_inflow(self, dt: float) -> Inflow:
        """Return the rows of `conductance_coefficients` that a current enters: as it is, and as it moves v in one piece."""
        return ((0, 1.0), (15, dt / self._pieces(dt) / self.c_m))

    def _pieces(self, dt: float) -> np.ndarray:
        """Return the pieces into which the synapses cut a step; rounding must not make two of one."""
        from snnsim.kernels.magnus import SHARE

        shortest = np.minimum(self.tau_syn_exc, self.tau_syn_inh)
        return np.maximum(np.ceil(dt / (SHARE * shortest) - 1e-9), 1.0)

    def conductance_coefficients(self, dt: float) -> list[float | np.ndarray]:
        """Return the rows of `kernels.conductance.step_cond_exp` for steps of `dt` ms."""
        from snnsim.kernels.magnus import moments  # numba is loaded when something runs, not by import snnsim

        taus, pieces = (np.asarray(self.tau_syn_exc), np.asarray(self.tau_syn_inh)), self._pieces(dt)
        piece, drive = dt / pieces, self.g_leak * self.v_rest + self.i_ext
        gain = piece / self.c_m
        membrane = [drive, self.g_leak, self.v_th, self.v_reset, self.refractory_steps(dt), self.c_m, self.e_rev_exc, self.e_rev_inh]
        fades = [np.exp(-dt / tau) for tau in taus] + [1.0 / tau for tau in taus]
        over = [gain * self.g_leak, gain * drive, gain, *(np.exp(-piece / tau) for tau in taus)]
        factors = [
            scale * row
            for tau in taus
            for scale, row in zip([gain] * 3 + [gain * piece] * 3, np.vectorize(moments)(piece / tau), strict=True)
        ]
        return [*membrane, dt, pieces, *fades, *over, *factors]
