"""Reads recordings back from the file a run wrote."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from snnsim.errors import FormatError, ParameterError, unrecorded
from snnsim.record import window_length
from snnsim.results import Recording, SpikeTrains
from snnsim.stream.layout import FORMAT, VERSION, h5py
from snnsim.units import check_number

_Value = TypeVar("_Value")


class OnDisk(Mapping[str, _Value]):
    """A mapping whose values are read anew at every look; hold on to a value you use twice."""

    def __init__(self, where: str, names: list[str], read: Callable[[str], _Value]) -> None:
        self._where, self._names, self._read = where, names, read

    def __getitem__(self, name: str) -> _Value:
        if name not in self._names:
            raise unrecorded(self._where, name, self._names)
        return self._read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"OnDisk({', '.join(map(repr, self._names))})"


@dataclass(frozen=True)
class Recordings:
    """What a run wrote to a file.

    spikes : mapping of population to SpikeTrains
    recordings : mapping of population to state to Recording
    about : mapping        attributes of the file: engine, dt, seed, network, begin (ms)
    duration : float       ms that are complete
    cut : bool             True when the run was interrupted
    """

    spikes: Mapping[str, SpikeTrains]
    recordings: Mapping[str, Mapping[str, Recording]]
    about: Mapping[str, Any]
    duration: float
    cut: bool


def load_recordings(path: str | Path, *, window: tuple[float, float] | None = None) -> Recordings:
    """Return the spikes and recordings of the file that ``simulate(stream=path)`` wrote, or is writing.

    Values are read when they are looked at, bit for bit those of a run that keeps them in memory.

    window : (start, stop) or None   ms; only what lies in (start, stop] is read

    Raises
    ------
    ParameterError   for a window that is none
    FormatError      for a missing, damaged or foreign file, or a newer version
    """
    path = Path(path)
    low, high = _window(window)
    with _opened(path) as file:
        about = {name: value.item() if isinstance(value, np.generic) else value for name, value in file.attrs.items()}
        end, cut = float(file["end"][()]), bool(file["cut"][()])
        spikes = {group.attrs["name"]: group.name for group in file.get("spikes", {}).values()}
        samples = {
            group.attrs["name"]: {state.attrs["name"]: state.name for state in group.values()} for group in file.get("samples", {}).values()
        }
    began = float(about["begin"])

    def trains(name: str) -> SpikeTrains:
        with _opened(path) as file:
            group = file[spikes[name]]
            times, indices = _rows(group, "indices", low, min(high, end))
            length = window_length(max(group.attrs["start"], low), min(group.attrs["stop"], high), began, end)
            return SpikeTrains(times, indices.astype(np.int64), int(group.attrs["n"]), length, neurons=_neurons(group))

    def state(population: str, name: str) -> Recording:
        with _opened(path) as file:
            group = file[samples[population][name]]
            return Recording(*_rows(group, "values", low, min(high, end)), neurons=_neurons(group))

    def states(population: str) -> OnDisk[Recording]:
        return OnDisk(f"recordings[{population!r}]", list(samples[population]), lambda name: state(population, name))

    return Recordings(OnDisk("spikes", list(spikes), trains), OnDisk("recordings", list(samples), states), about, end - began, cut)


def _window(window: Any) -> tuple[float, float]:
    if window is None:
        return -np.inf, np.inf
    if not isinstance(window, (tuple, list)) or len(window) != 2:
        raise ParameterError(f"load_recordings.window = {window!r} must be two times in ms. Give (start, stop).")
    low, high = (float(check_number("load_recordings.window", value, unit="ms", ge=0.0)) for value in window)
    if not low < high:
        raise ParameterError(f"load_recordings.window = {window!r} ms must be (start, stop) with start < stop. Exchange them.")
    return low, high


def _opened(path: Path) -> Any:
    """Return the open file, checked."""
    if not path.is_file():
        raise FormatError(f"{path} does not exist. Check the path.")
    try:
        # As a file that may still grow: one that nobody closed is read the same way.
        file = h5py().File(path, "r", libver="latest", swmr=True)
    except OSError as error:
        raise FormatError(f"{path} is damaged or is no snnsim recording ({error}). Give a file made by simulate(stream=...).") from error
    problem = None
    if file.attrs.get("format") != FORMAT:
        problem = f"is an HDF5 file but holds no snnsim recordings: its format is {file.attrs.get('format')!r}. Give another file."
    elif int(file.attrs["version"]) > VERSION:
        problem = f"has version {file.attrs['version']}; this snnsim reads up to {VERSION}. Upgrade snnsim."
    if problem:
        file.close()
        raise FormatError(f"{path} {problem}")
    return file


def _rows(group: Any, name: str, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Return times and rows in (low, high]. A search touches a few chunks of the times alone."""
    times, values = group["times"], group[name]
    n = min(len(times), len(values))
    first, last = (bisect_right(times, t * (1.0 + 1e-12), 0, n) for t in (low, high))
    return times[first:last], values[first:last]


def _neurons(group: Any) -> np.ndarray | None:
    return group["neurons"][()] if "neurons" in group else None
