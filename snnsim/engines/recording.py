"""What both engines write down while they run, and how it becomes part of a `Result`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking
from snnsim.engines.takes import NO_END, ROUNDING, Take
from snnsim.kernels.record import Log, Samples
from snnsim.record import window_length
from snnsim.results import Recorded, Recording, SpikeTrains
from snnsim.stream.reader import load_recordings
from snnsim.stream.writer import Columns, Writer

_LOG = 1 << 16  # spikes buffered beyond those one step can make
_BUFFER = 1 << 24  # bytes of samples that wait for the disk


class Recorder:
    """Collects what a run writes down: in memory, or into a file that takes it from chunk to chunk.

    unit : float      ms per unit of recorded spike times
    first, last : int grid points before the run and at its end
    writer : Writer   takes spikes and samples from the buffers while the run goes on; None: they stay in memory
    heard : (listener, population) places: whose spikes somebody wants while the run goes on
    """

    def __init__(
        self,
        compiled: CompiledSpiking,
        takes: Sequence[Take],
        *,
        unit: float,
        first: int,
        last: int,
        writer: Writer | None = None,
        heard: Iterable[tuple[int, int]] = (),
    ) -> None:
        self.compiled, self.unit, self.first, self.writer = compiled, unit, first, writer
        self.spikes = [take for take in takes if take.what == "spikes"]
        self.states = [take for take in takes if take.what != "spikes"]
        self._heard: dict[tuple[int, int], list[tuple[np.ndarray, np.ndarray]]] = {pair: [] for pair in heard}
        self._logged = {take.population for take in self.spikes} | {p for _, p in self._heard}
        self._kept: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {take.population: [] for take in self.spikes}
        self._column = {take.population: _columns(take.neurons, self._size(take)) for take in self.spikes}
        self._waiting: list[tuple[np.ndarray, ...]] = []
        self._written = [0] * len(self.states)
        self._now = first * compiled.dt
        each = sum(8 * take.width(self._size(take)) / take.every for take in self.states)
        #: Grid points that may pass between two drains.
        self.most = NO_END if writer is None or not self.states else max(1, int(_BUFFER / each))
        rows = [
            take.n_samples(first, last, compiled.dt) if writer is None else min(self.most, last - first) // take.every + 1
            for take in self.states
        ]
        self._samples = self._buffer(rows)

    def _size(self, take: Take) -> int:
        return self.compiled.populations[take.population].size

    def _buffer(self, rows: list[int]) -> Samples:
        """Return the buffer for all neurons, as one thread would see it."""
        width = [take.width(self._size(take)) for take in self.states]
        ends = np.cumsum([0, *(n * w for n, w in zip(rows, width, strict=True))])
        lists = [np.empty(0, np.int64) if take.neurons is None else take.neurons for take in self.states]
        models = [self.compiled.populations[take.population].model for take in self.states]
        points = np.array([take.points(self.compiled.dt) for take in self.states], dtype=np.int64).reshape(-1, 2)
        return Samples(
            population=_ints([take.population for take in self.states]),
            row=_ints([model.states.index(take.what) for take, model in zip(self.states, models, strict=True)]),
            every=_ints([take.every for take in self.states]),
            after=np.ascontiguousarray(points[:, 0]),
            until=np.ascontiguousarray(points[:, 1]),
            whole=np.array([take.neurons is None for take in self.states], dtype=bool),
            chosen_ptr=np.cumsum([0, *(len(chosen) for chosen in lists)]).astype(np.int64),
            chosen=np.concatenate([np.empty(0, np.int64), *lists]).astype(np.int32),
            column=np.concatenate([np.empty(0, np.int64), *(np.arange(len(chosen)) for chosen in lists)]).astype(np.int32),
            first=ends[:-1].astype(np.int64),
            width=_ints(width),
            values=np.empty(int(ends[-1])),
            size=np.zeros(len(self.states), dtype=np.int64),
        )

    def samples(self, low: np.ndarray | None = None, high: np.ndarray | None = None) -> Samples:
        """Return the samples as the thread sees them that owns neurons low[p] .. high[p] - 1: the same values, own columns."""
        whole = self._samples
        if low is None or high is None:
            return whole
        of = np.repeat(whole.population, np.diff(whole.chosen_ptr))
        mine = (whole.chosen >= low[of]) & (whole.chosen < high[of])
        before = np.concatenate([[0], np.cumsum(mine)]).astype(np.int64)
        return whole._replace(
            first=whole.first + np.where(whole.whole, low[whole.population], 0),
            chosen_ptr=before[whole.chosen_ptr],
            chosen=(whole.chosen - low[of])[mine].astype(np.int32),
            column=whole.column[mine],
            size=np.zeros(len(whole.size), dtype=np.int64),
        )

    def log(self, room: int) -> Log:
        """Return an empty spike buffer for a loop that stops when less than `room` is left."""
        capacity = _LOG + 2 * room
        wanted = np.zeros(len(self.compiled.populations), dtype=bool)
        wanted[list(self._logged)] = True
        population, index, times = (np.empty(capacity, dtype=np.int32) for _ in range(3))
        return Log(wanted, np.empty(capacity), population, index, times, np.zeros(1, dtype=np.int64))

    def drain(self, logs: Sequence[Log], samples: Sequence[Samples], now: float, *, settled: bool = True) -> None:
        """Empty the buffers.

        now : float      ms of simulated time that are complete
        settled : bool   no more spikes will come at the time of the last one; else those of that time wait, for spikes of one
                         time are in order of their neurons
        """
        for log in logs:
            size = int(log.size[0])
            self._waiting.append(tuple(column[:size].copy() for column in (log.time, log.population, log.neuron, log.times)))
            log.size[0] = 0
        time, population, neuron, times = (np.concatenate(column) for column in zip(*self._waiting, strict=True))
        later = np.zeros(len(time), dtype=bool) if settled or not len(time) else time == time[-1]
        self._waiting = [tuple(column[later] for column in (time, population, neuron, times))]
        for p in self._logged:
            mine = np.flatnonzero((population == p) & ~later)
            mine = mine[np.lexsort((neuron[mine], time[mine]))]
            at, who = (np.repeat(column[mine], times[mine]) for column in (time, neuron))
            self._take_spikes(p, at * self.unit, who)
        if self.writer is not None:
            self._write_samples(self.writer, samples)
            self.writer.flush(now)
            self._now = now

    def _take_spikes(self, p: int, times: np.ndarray, neurons: np.ndarray) -> None:
        for (_, heard), blocks in self._heard.items():
            if heard == p:
                blocks.append((times, neurons))
        for take in self.spikes:
            if take.population == p and len(times):
                # A strong current may make a spike at 0 ms itself, which belongs to a run that begins there.
                kept = ((times > take.start * ROUNDING) | (take.start == 0.0)) & (times <= take.stop * ROUNDING)
                column = self._column[p]
                if column is not None:
                    neurons = column[neurons]
                    kept &= neurons >= 0
                if self.writer is not None:
                    self.writer.add_spikes(self.compiled.populations[p].name, times[kept], neurons[kept])
                else:
                    self._kept[p].append((times[kept], neurons[kept].astype(np.int32)))

    def _write_samples(self, writer: Writer, samples: Sequence[Samples]) -> None:
        """Hand the samples to the writer. All threads have taken as many."""
        for k, take in enumerate(self.states):
            n = int(samples[0].size[k])
            if n:
                writer.add_samples(self.compiled.populations[take.population].name, take.what, *self._block(k, n, self._written[k]))
                self._written[k] += n
        for part in samples:
            part.size[:] = 0

    def hear(self, listener: int, p: int) -> tuple[np.ndarray, np.ndarray]:
        """Return times and neurons of the spikes of population p since the last call for this listener."""
        blocks = self._heard[listener, p]
        times = np.concatenate([np.empty(0), *(times for times, _ in blocks)])
        neurons = np.concatenate([np.empty(0, np.int64), *(neurons for _, neurons in blocks)]).astype(np.int64)
        blocks.clear()
        return times, neurons

    def spike_trains(self, began: float, end: float) -> dict[str, SpikeTrains]:
        """Return the recorded spikes by population, of a run from `began` to `end` ms."""
        trains = Recorded("spikes")
        for take in self.spikes:
            blocks = self._kept[take.population]
            times = np.concatenate([np.empty(0), *(times for times, _ in blocks)])
            index = np.concatenate([np.empty(0, np.int32), *(index for _, index in blocks)]).astype(np.int64)
            population = self.compiled.populations[take.population]
            length = window_length(take.start, take.stop, began, end)
            trains[population.name] = SpikeTrains(times, index, take.width(population.size), length, neurons=take.neurons)
        return trains

    def recordings(self, samples: Samples) -> dict[str, dict[str, Recording]]:
        """Return the sampled states. samples : those of any thread"""
        out = Recorded("recordings")
        for k, take in enumerate(self.states):
            block = self._block(k, int(samples.size[k]), 0)
            name = self.compiled.populations[take.population].name
            states = out.setdefault(name, Recorded(f"recordings[{name!r}]"))
            states[take.what] = Recording(*block, neurons=take.neurons)
        return out

    def _block(self, k: int, n: int, before: int) -> tuple[np.ndarray, np.ndarray]:
        """Return times and values of the n samples in the buffer of state k, which follow `before` others of this run."""
        take, dt = self.states[k], self.compiled.dt
        first, width = int(self._samples.first[k]), int(self._samples.width[k])
        point = max(self.first, take.points(dt)[0]) // take.every + 1 + before
        times = np.arange(point, point + n) * take.every * dt
        return times, self._samples.values[first : first + n * width].reshape(n, width)

    def end(self, logs: Sequence[Log], samples: Sequence[Samples], end: float, cut: bool) -> None:
        """Take what the buffers still hold. The run ended at `end` ms; cut : it was interrupted"""
        self.drain(logs, samples, end)
        if self.writer is not None:
            self.writer.close(end, cut)

    def close(self) -> None:
        """Close the file of a run that failed, with what was written."""
        if self.writer is not None:
            self.writer.close(self._now, True)

    def results(self, samples: Samples, began: float, duration: float, weights: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a `Result` says of a run of `duration` ms from `began`: spikes, recordings and the file they are in.

        weights : recordings of projections, where they are not in the file
        """
        if self.writer is None:
            recordings = self.recordings(samples)
            recordings.update(weights)
            return {"spikes": self.spike_trains(began, began + duration), "recordings": recordings}
        read = load_recordings(self.writer.path)
        return {"spikes": read.spikes, "recordings": read.recordings, "stream": str(self.writer.path)}


def open_writer(
    path: Path | None, compiled: CompiledSpiking, takes: Sequence[Take], engine: str, began: float, more: Iterable[Columns] = ()
) -> Writer | None:
    """Return the writer of a run that begins at `began` ms, or None for one that keeps what it records."""
    if path is None:
        return None
    about = {"engine": engine, "dt": compiled.dt, "seed": compiled.seed, "network": compiled.digest, "begin": began}
    columns = []
    for take in takes:
        population = compiled.populations[take.population]
        width = take.width(population.size)
        columns.append(Columns(population.name, take.what, take.neurons, width, take.every * compiled.dt, take.start, take.stop))
    return Writer(path, about, [*columns, *more])


def _columns(neurons: np.ndarray | None, size: int) -> np.ndarray | None:
    """Return the column of each neuron of a population, -1: not recorded; None where all are, in order."""
    if neurons is None:
        return None
    column = np.full(size, -1, dtype=np.int32)
    column[neurons] = np.arange(len(neurons))
    return column


def _ints(values: Any) -> np.ndarray:
    return np.array(values, dtype=np.int64)
