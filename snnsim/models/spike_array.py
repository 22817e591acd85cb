"""Source that replays listed spikes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar, final

import numpy as np

from snnsim.errors import ParameterError, WiringError
from snnsim.models.spiking import ClockForm, EventForm, NeuronModel
from snnsim.units import as_integers, check_number


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class SpikeArray(NeuronModel):
    """Given spikes at given times.

    Parameters
    ----------
    times : float[n_spikes]           ms, > 0, in any order
    indices : int[n_spikes] or None   neuron of each spike, in the flattened population; None means neuron 0

    On the clock a spike belongs to the step that ends at its time, or to the step that contains it.
    """

    is_source: ClassVar[bool] = True
    channels: ClassVar[int] = 0

    times: np.ndarray
    indices: np.ndarray = None  # type: ignore[assignment]  # an array once checked

    def __post_init__(self) -> None:
        times = np.atleast_1d(check_number("SpikeArray.times", self.times, unit="ms", gt=0.0))
        given = np.zeros(times.shape, dtype=np.int64) if self.indices is None else self.indices
        indices = np.atleast_1d(as_integers("SpikeArray.indices", given, low=0, high=2**31 - 1))
        if times.ndim != 1 or indices.shape != times.shape:
            raise ParameterError(f"SpikeArray.indices has shape {indices.shape} but must match times {times.shape}: one neuron per spike.")
        for name, array in (("times", np.array(times)), ("indices", indices)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def check_shape(self, population: str, shape: tuple[int, ...]) -> None:
        """Refuse an index beyond the population."""
        if self.indices.size and self.indices.max() >= prod(shape):
            raise WiringError(
                f"Population({population!r}).model.indices holds {self.indices.max()} but must lie in 0 .. {prod(shape) - 1}. "
                "Correct the index or enlarge the population."
            )

    def clock_form(self, n: int, dt: float) -> ClockForm:
        """Return the spikes by step, repeats merged."""
        from snnsim.kernels.spike_list import step_list  # numba is loaded when something runs, not by import snnsim

        # A time within rounding of a step's end belongs to that step.
        step = np.ceil(self.times / dt * (1.0 - 1e-12) - 1e-9).astype(np.int64) - 1
        order = np.lexsort((self.indices, step))  # two plain sorts; np.unique over pairs would compare records
        pairs = np.stack([step, self.indices])[:, order]
        new = np.flatnonzero(np.append(True, np.any(pairs[:, 1:] != pairs[:, :-1], axis=0))[: len(step)])
        coef = np.ascontiguousarray(np.vstack([pairs[:, new], np.diff(new, append=len(step))]), dtype=np.float64)

        def cut(low: int, high: int) -> np.ndarray:
            mine = coef[:, (coef[1] >= low) & (coef[1] < high)]
            mine[1] -= low
            return mine

        return ClockForm(step_list, np.empty((0, n)), coef, cut=cut)

    def event_form(self, n: int) -> EventForm:
        """Return the times by neuron."""
        from snnsim.kernels.random import peek_nothing
        from snnsim.kernels.spike_list import advance_list

        order = np.lexsort((self.times, self.indices))
        end = np.cumsum(np.bincount(self.indices, minlength=n)).astype(np.float64)
        state = np.ascontiguousarray([np.concatenate([[0.0], end[:-1]]), end])
        return EventForm(advance_list, peek_nothing, state, np.ascontiguousarray(self.times[order][None, :]))

    def expected_rate(self, duration: float) -> float:
        """Return the listed spikes per neuron and second, Hz."""
        n = int(self.indices.max()) + 1 if self.indices.size else 1
        return float(np.sum(self.times <= duration)) / n / (duration * 1e-3)
