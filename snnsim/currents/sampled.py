"""A current given by its samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from snnsim.currents.base import single
from snnsim.currents.step import Steps, check_rows
from snnsim.errors import ParameterError
from snnsim.units import check_number, param


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class SampledCurrent(Steps):
    r"""Any waveform: each sample is held for one interval. Before the first and after the last the current is 0.

    .. math:: I(t) = values_k \quad \text{for} \quad start + k \, interval \le t < start + (k + 1) \, interval

    Parameters
    ----------
    values : float[m] or float[m, *shape]  pA: for all neurons, or for each
    interval : float                       ms, > 0
    start : float                          ms, >= 0
    """

    values: np.ndarray
    interval: float = param(unit="ms", gt=0.0, doc="time from sample to sample")
    start: float = param(0.0, unit="ms", ge=0.0, doc="time of the first sample")

    def __post_init__(self) -> None:
        super().__post_init__()
        values = np.array(np.atleast_1d(check_number("SampledCurrent.values", self.values, unit="pA")))
        if not values.size:
            raise ParameterError(f"SampledCurrent.values has shape {values.shape} but must hold at least one sample.")
        values.flags.writeable = False
        object.__setattr__(self, "values", values)
        single(self, "interval")
        single(self, "start")

    @property
    def alike(self) -> bool:
        """Whether all neurons get the same current."""
        return self.values.ndim == 1

    def check_shape(self, where: str, shape: tuple[int, ...]) -> None:
        """Refuse values of neurons that are not there."""
        check_rows(self, where, shape)

    def in_pieces(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the samples, and a last piece without current."""
        rows = self.values.reshape(len(self.values), -1)
        times = self.start + self.interval * np.arange(len(rows) + 1)
        return times, np.concatenate([rows, np.zeros((1, rows.shape[1]))])
