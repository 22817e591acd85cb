"""What both engines write down while they run, and how it becomes part of a `Result`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snnsim.compiler.spiking import CompiledSpiking
from snnsim.engines.limits import check_memory
from snnsim.kernels.record import Log, Samples
from snnsim.results import OperationCounts, Recording, SpikeTrains

_LOG = 1 << 16  # spikes buffered beyond those one step can make


def build_log(compiled: CompiledSpiking, record: Mapping[str, list[str]], room: int) -> Log:
    """Return an empty spike buffer for a loop that stops when less than `room` is left."""
    capacity = _LOG + 2 * room
    wanted = np.array(["spikes" in record.get(population.name, ()) for population in compiled.populations])
    population, index, times = (np.empty(capacity, dtype=np.int32) for _ in range(3))
    return Log(wanted, np.empty(capacity), population, index, times, np.zeros(1, dtype=np.int64))


def drain(log: Log, into: list[tuple[np.ndarray, ...]]) -> None:
    """Move the spikes of `log` to the list `into`."""
    size = int(log.size[0])
    if size:
        into.append(tuple(column[:size].copy() for column in (log.time, log.population, log.neuron, log.times)))
        log.size[0] = 0


def build_samples(compiled: CompiledSpiking, record: Mapping[str, list[str]], n_samples: int) -> Samples:
    """Return a buffer for `n_samples` samples of every recorded state."""
    table, width = [], 0
    for p, population in enumerate(compiled.populations):
        for state in record.get(population.name, ()):
            if state != "spikes":
                table.append((p, population.model.states.index(state), width))
                width += population.size
    remedy = "Record fewer states or neurons, raise dt, or run in pieces."
    check_memory(f"recording {width} states at {n_samples} times", 8 * n_samples * width, remedy)
    source, row, column = np.array(table, dtype=np.int64).reshape(-1, 3).T.copy()
    return Samples(source, row, column, np.empty((n_samples if table else 0, width)), np.zeros(1, dtype=np.int64))


def cut_samples(samples: Samples, low: np.ndarray) -> Samples:
    """Return the samples as the thread sees them whose neurons begin at `low`, int64[P]: same values, own columns."""
    return samples._replace(column=samples.column + low[samples.population], size=np.zeros(1, dtype=np.int64))


def spike_trains(
    compiled: CompiledSpiking, record: Mapping[str, list[str]], parts: list[tuple[np.ndarray, ...]], unit: float, duration: float
) -> dict[str, SpikeTrains]:
    """Return the recorded spikes by population. `unit` : ms per unit of recorded time."""
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)] if parts else [np.empty(0)] * 4
    trains = {}
    for p, population in enumerate(compiled.populations):
        if "spikes" in record.get(population.name, ()):
            mine = np.flatnonzero(columns[1] == p)
            mine = mine[np.lexsort((columns[2][mine], columns[0][mine]))]
            times, index = (np.repeat(columns[k][mine], columns[3][mine].astype(np.int64)) for k in (0, 2))
            trains[population.name] = SpikeTrains(times * unit, index.astype(np.int64), population.size, duration)
    return trains


def recordings(compiled: CompiledSpiking, samples: Samples, first: int, dt: float) -> dict[str, dict[str, Recording]]:
    """Return the sampled states; sample k was taken at (first + k + 1) dt."""
    n = int(samples.size[0])
    times = np.arange(first + 1, first + n + 1) * dt
    out: dict[str, dict[str, Recording]] = {}
    for p, row, column in zip(samples.population, samples.row, samples.column, strict=True):
        population = compiled.populations[p]
        block = samples.values[:n, column : column + population.size]
        out.setdefault(population.name, {})[population.model.states[row]] = Recording(times, block)
    return out


def counts(engine: str, compiled: CompiledSpiking, neurons: np.ndarray, synapses: np.ndarray) -> OperationCounts:
    """Return what the kernels counted, and the operations that follow from it.

    neurons : int64[P, 3], synapses : int64[Q, 2]   tallies, as in `kernels.layout`
    An update does what its model declares in `update_operations`; a synaptic operation reads one weight and reads, adds to
    and writes one input.
    """
    layers: dict[str, dict[str, int]] = {}
    for population, model, (driven, idle, spikes) in zip(compiled.populations, compiled.models, neurons, strict=True):
        layers[population.name] = {"spikes": int(spikes), "updates_driven": int(driven), "updates_idle": int(idle)}
        for kind, each in model.update_operations.get(engine, {}).items():
            layers[population.name][kind] = each * int(driven + idle)
    for part, (synops, learned) in zip(compiled.projections, synapses, strict=True):
        per_synop = ("synops", "adds", "weight_fetches", "state_reads", "state_writes")
        layers[part.name] = dict.fromkeys(per_synop, int(synops)) | {"plasticity_updates": int(learned)}
    roles = {population.name: "neuron" for population in compiled.populations}
    return OperationCounts(layers, roles | {part.name: "synaptic" for part in compiled.projections})
