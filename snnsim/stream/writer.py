"""Writes spikes and samples into a file while a run goes on."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from snnsim import __version__
from snnsim.stream.layout import FORMAT, UNITS, VERSION, h5py, key

_CHUNK = 1 << 17  # bytes
_SECONDS = 1.0  # between two writes
_WAITING = 1 << 22  # bytes that may wait for the next one


class Columns(NamedTuple):
    """One thing to be written. neurons as in `Record`; width : neurons recorded; every : ms, samples alone"""

    population: str
    what: str
    neurons: np.ndarray | None
    width: int
    every: float
    start: float
    stop: float


class Writer:
    """A growing file; see `stream.layout`.

    path : Path
    about : mapping of str to number or text     attributes of the file, with 'begin' and 'dt' in ms
    columns : list of Columns
    """

    def __init__(self, path: Path, about: Mapping[str, Any], columns: list[Columns]) -> None:
        library = h5py()
        self.path = path
        self._file = library.File(path, "x", libver="latest", track_order=True)
        self._data: dict[tuple[str, str], tuple[Any, Any]] = {}
        self._waiting: dict[tuple[str, str], list[tuple[np.ndarray, np.ndarray]]] = {}
        self._size, self._last = 0, time.monotonic()
        self._file.attrs.update({"format": FORMAT, "version": VERSION, "snnsim": __version__, **about})
        self._end = self._file.create_dataset("end", data=float(about["begin"]))
        self._end.attrs["unit"] = "ms"
        self._cut = self._file.create_dataset("cut", data=np.int8(0))
        for each in columns:
            self._data[each.population, each.what] = self._create(each)
            self._waiting[each.population, each.what] = []
        self._file.flush()
        # From here on nothing is added but rows: every flush leaves a file that can be read.
        self._file.swmr_mode = True

    def _create(self, each: Columns) -> tuple[Any, Any]:
        spikes = each.what == "spikes"
        group = self._file
        for step in ("spikes" if spikes else "samples", key(each.population)):
            group = group[step] if step in group else group.create_group(step, track_order=True)
        group.attrs["name"] = each.population
        if not spikes:
            group = group.create_group(key(each.what))
            group.attrs.update({"name": each.what, "every": each.every})
        group.attrs.update({"n": each.width, "start": each.start, "stop": each.stop})
        if each.neurons is not None:
            group.create_dataset("neurons", data=each.neurons)
        times = self._grow(group, "times", (), np.float64, "ms")
        if spikes:
            return times, self._grow(group, "indices", (), np.uint32, "1")
        return times, self._grow(group, "values", (each.width,), np.float64, UNITS.get(each.what, ""))

    def _grow(self, group: Any, name: str, row: tuple[int, ...], dtype: Any, unit: str) -> Any:
        width = int(np.prod(row, dtype=np.int64))
        chunk = (max(1, _CHUNK // (width * np.dtype(dtype).itemsize)), *(min(n, _CHUNK // np.dtype(dtype).itemsize) for n in row))
        data = group.create_dataset(
            name, shape=(0, *row), maxshape=(None, *row), dtype=dtype, chunks=chunk, compression="gzip", compression_opts=1, shuffle=True
        )
        data.attrs["unit"] = unit
        return data

    def add_spikes(self, population: str, times: np.ndarray, indices: np.ndarray) -> None:
        """Take spikes that follow those taken before."""
        self._add(population, "spikes", times, indices)

    def add_samples(self, population: str, state: str, times: np.ndarray, values: np.ndarray) -> None:
        """Take samples that follow those taken before; `values` is copied."""
        self._add(population, state, times, values.copy())

    def _add(self, population: str, what: str, times: np.ndarray, values: np.ndarray) -> None:
        if len(times):
            self._waiting[population, what].append((times, values))
            self._size += times.nbytes + values.nbytes

    def flush(self, end: float, *, at_once: bool = False) -> None:
        """Write what waits, if there is much of it or it has waited long. end : ms of simulated time that are complete"""
        if not at_once and self._size < _WAITING and time.monotonic() - self._last < _SECONDS:
            return
        for what, blocks in self._waiting.items():
            if blocks:
                for data, column in zip(self._data[what], zip(*blocks, strict=True), strict=True):
                    rows = np.concatenate(column)
                    data.resize(len(data) + len(rows), axis=0)
                    data[-len(rows) :] = rows
                    data.flush()
                blocks.clear()
        # After the rows: whoever reads up to `end` finds all of them.
        self._end[()] = end
        self._end.flush()
        self._size, self._last = 0, time.monotonic()

    def close(self, end: float, cut: bool) -> None:
        """Write what waits and close the file. end : ms, where the run ended; cut : whether it was interrupted"""
        if self._file.id.valid:
            self._cut[()] = np.int8(cut)
            self.flush(end, at_once=True)
            self._file.close()
