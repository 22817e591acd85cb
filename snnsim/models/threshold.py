"""NIR's threshold, and the sum it looks at: units without memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

from snnsim.models.box import SILENT, BoxNeuron
from snnsim.models.spiking import ClockForm, filled, rows
from snnsim.units import param


@dataclass(frozen=True, kw_only=True, eq=False)
class Memoryless(BoxNeuron):
    r"""Base of units whose potential is the input of the step: :math:`v = i_{ext} + \sum w`."""

    states: ClassVar[tuple[str, ...]] = ("v",)
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "clock": {"adds": 3, "multiplies": 2, "state_reads": 2, "state_writes": 2},
    }

    def sum_form(self, n: int, limits: tuple[Any, Any, float]) -> ClockForm:
        """Return steps of any length. limits : v_th, v_reset, mode of reset"""
        from snnsim.kernels.box import step_box  # numba is loaded when something runs, not by import snnsim

        return ClockForm(step_box, filled(n, 0.0), rows(n, 0.0, self.i_ext, 1.0, *limits), current=((1, 1.0),))


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Threshold(Memoryless):
    r"""Fires in every step whose input exceeds the threshold: :math:`i_{ext} + \sum w > v_{th}`.

    Parameters: also `BoxNeuron`; its two schemes are one here.

    Source: Pedersen et al. (2024), Nat. Commun. 15:8122, NIR's Threshold.
    """

    v_th: float = param(1.0, doc="threshold, to be exceeded")

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return steps of `dt`."""
        return self.sum_form(n, (self.v_th, 0.0, 2.0))


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class InputSum(Memoryless):
    r"""Never fires; its potential is the input of the step, :math:`v = i_{ext} + \sum w`: what a linear read-out gives out.

    Parameters: `BoxNeuron`; its two schemes are one here.

    Source: the value that arrives at an Output of NIR, Pedersen et al. (2024), Nat. Commun. 15:8122.
    """

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return steps of `dt`."""
        return self.sum_form(n, SILENT)
