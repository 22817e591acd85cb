"""NIR's integrator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from snnsim.models.box import SILENT, BoxNeuron
from snnsim.models.spiking import ClockForm, filled, rows
from snnsim.units import param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Integrator(BoxNeuron):
    r"""Integrator: `IFBox` without a threshold. It never fires; its potential starts at 0.

    .. math:: \dot v = r \, (i_{ext} + \sum w)

    with r per *second*, as in NIR. The two schemes are one here.

    Parameters: also `BoxNeuron`.

    Source: Pedersen et al. (2024), Nat. Commun. 15:8122, NIR's I.
    """

    states: ClassVar[tuple[str, ...]] = ("v",)
    update_operations: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "clock": {"adds": 3, "multiplies": 2, "state_reads": 2, "state_writes": 2},
    }

    r: float = param(1.0, unit="1/s", doc="rise of v per second and unit of current")

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return steps of `dt`."""
        from snnsim.kernels.box import step_box  # numba is loaded when something runs, not by import snnsim

        gain = self.r * (dt * 1e-3)
        coef = rows(n, 1.0, gain * self.i_ext, gain, *SILENT)
        return ClockForm(step_box, filled(n, 0.0), coef, current=((1, gain),))
