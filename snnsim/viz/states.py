"""Figures of recorded states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from snnsim.errors import ParameterError
from snnsim.results import Recording, SpikeTrains
from snnsim.units import as_integers, finite_number
from snnsim.viz.style import CYCLE, GREY, legend_above, new_axes, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def traces(
    recording: Recording,
    ax: Axes | None = None,
    *,
    neurons: int | Sequence[int] = 0,
    v_th: float | None = None,
    spikes: SpikeTrains | None = None,
    label: str = "membrane potential (mV)",
) -> Axes:
    """Draw a recorded state over time, one line per neuron. Returns the Axes.

    recording : Recording         such as ``result.recordings["exc"]["v"]``
    neurons : int or list of int  which columns
    v_th : float or None          mV, drawn as a dashed line
    spikes : SpikeTrains or None  of the same population: each spike is a vertical stroke above the trace
    label : str                   name and unit of the state
    Raises ParameterError for anything but a Recording, an empty one, or neurons it does not hold.
    """
    if not isinstance(recording, Recording):
        raise ParameterError(f"traces.recording = {type(recording).__name__} must be a Recording. Give result.recordings[name][state].")
    if not recording.values.size:
        raise ParameterError("traces.recording holds no samples. Record the state, and simulate for at least one dt.")
    if spikes is not None and not isinstance(spikes, SpikeTrains):
        raise ParameterError(f"traces.spikes = {type(spikes).__name__} must be SpikeTrains. Give result.spikes[name].")
    columns = np.atleast_1d(as_integers("traces.neurons", neurons, low=0, high=recording.values.shape[1] - 1)).tolist()
    if not columns:
        raise ParameterError("traces.neurons is empty. Give at least one neuron.")
    ax = ax or new_axes(7.0, 2.8)
    shown = recording.values[:, columns]
    high = float(shown.max()) if v_th is None else max(float(finite_number("traces.v_th", v_th, "mV")), float(shown.max()))
    height = 0.35 * max(high - float(shown.min()), 1e-9)
    for k, neuron in enumerate(columns):
        shade = CYCLE[k % len(CYCLE)]
        ax.plot(recording.times, recording.values[:, neuron], color=shade, linewidth=1.2, label=f"neuron {_place(recording, neuron)}")
        if spikes is not None:
            ax.vlines(spikes.of(neuron), high, high + height, colors=shade, linewidth=1.2)
    if v_th is not None:
        ax.axhline(v_th, color=GREY, linestyle=(0, (5, 3)), linewidth=1.0, zorder=0, label="threshold")
    ax.set(xlabel="time (ms)", ylabel=label)
    ax.set_xlim(2 * recording.times[0] - recording.times[min(1, len(recording.times) - 1)] - 1e-9, recording.times[-1])
    if len(columns) > 1 or v_th is not None:
        legend_above(ax, len(columns) + (v_th is not None))
    plain(ax)
    return ax


def _place(recording: Recording, column: int) -> int:
    """Return which neuron of the population a column belongs to."""
    return column if recording.neurons is None else int(recording.neurons[column])
