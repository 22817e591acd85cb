"""What every statistic asks of its input."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnsim.errors import ParameterError
from snnsim.results import SpikeTrains
from snnsim.units import check_number

Window = tuple[float, float]

_LARGEST = 2**28  # counts in one table: 2 GiB
_ON_GRID = 1e-9  # part of a bin that counts as rounding


def check_trains(owner: str, trains: Any) -> None:
    """Refuse anything but SpikeTrains."""
    if not isinstance(trains, SpikeTrains):
        raise ParameterError(
            f"{owner}.trains = {type(trains).__name__} must be SpikeTrains: one population of a run. Give result.spikes[name]."
        )


def one_number(owner: str, value: Any, unit: str, **bounds: float) -> float:
    """Return `value` as a float. Raises ParameterError when it is an array or breaks its bounds."""
    number = check_number(owner, value, unit=unit, **bounds)
    if isinstance(number, np.ndarray):
        raise ParameterError(f"{owner} = {value!r} must be one number in {unit}. Give a float.")
    return number


def in_window(owner: str, trains: Any, window: Any) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Return times, neurons, start and stop of what lies in `window`, by default the whole run, of a single trial."""
    check_trains(owner, trains)
    if len(trains) and (trains.trials != trains.trials[0]).any():
        raise ParameterError(f"{owner}.trains hold several trials, which share a time axis. Give the spikes of one trial.")
    length = one_number(f"{owner}.trains.duration", trains.duration, "ms", gt=0.0)
    if window is None:
        start, stop = 0.0, length
        if len(trains) and (trains.times.min() < 0.0 or trains.times.max() > stop * (1.0 + _ON_GRID)):
            raise ParameterError(
                f"{owner}.trains has a spike at {trains.times.max():g} ms, outside 0 .. {stop:g} ms: it comes from a run that continued "
                "another. Give window=(start, stop)."
            )
    else:
        if not isinstance(window, (tuple, list)) or len(window) != 2:
            raise ParameterError(f"{owner}.window = {window!r} must be two times in ms. Give (start, stop).")
        start, stop = (one_number(f"{owner}.window", value, "ms", ge=0.0) for value in window)
        if not start < stop or stop - start > length * (1.0 + _ON_GRID):
            raise ParameterError(f"{owner}.window = {window!r} ms must be (start, stop) with 0 < stop - start <= {length:g} ms, the run.")
    slack = _ON_GRID * (stop - start)
    inside = (trains.times >= start - slack) & (trains.times <= stop + slack)
    return trains.times[inside], trains.indices[inside], start, stop


def bin_numbers(owner: str, times: np.ndarray, start: float, stop: float, width: Any, columns: int, least: int) -> tuple[np.ndarray, int]:
    """Return the bin of each time, and how many bins of `width` ms there are. A bin holds its end: the clock stamps a step there.

    Times in the remainder of the window get the number of a bin that does not exist.
    """
    width = one_number(f"{owner}.width", width, "ms", gt=0.0)
    n_bins = int(np.floor((stop - start) / width + _ON_GRID))
    if n_bins < least:
        raise ParameterError(
            f"{owner}.width = {width:g} ms leaves {n_bins} bins in {stop - start:g} ms but needs {least}. Take narrower bins."
        )
    if n_bins * columns > _LARGEST:
        raise ParameterError(f"{owner}.width = {width:g} ms makes {n_bins} x {columns} counts, too many to hold. Take wider bins.")
    place = np.ceil((times - start) / width - _ON_GRID).astype(np.int64) - 1
    return np.maximum(place, 0), n_bins
