"""All codes and schedules over all samples, a batch at a time, each held against the integer program."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import final

import numpy as np

from snnsim.conversion.certificate import Certificate, joined
from snnsim.conversion.spiking_model import SpikingModel
from snnsim.counts import OperationCounts
from snnsim.graph.integer import Settled
from snnsim.graph.ir import Graph
from snnsim.graph.operations import ann_operations

#: units times samples that are held at a time
_AT_ONCE = 2**23


@final
@dataclass(frozen=True)
class SpikingRun:
    """One code and schedule over all samples."""

    code: str
    schedule: str
    counts: OperationCounts
    steps: int
    mismatches: int
    seconds: float


@final
@dataclass
class _Part:
    """What one code and schedule did so far."""

    counts: list[OperationCounts] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)
    outputs: list[Mapping[str, np.ndarray]] = field(default_factory=list)
    steps: int = 0
    seconds: float = 0.0


@final
@dataclass(frozen=True)
class Measured:
    """What all runs gave: outputs are float64[samples, *shape] by name.

    beyond : mapping of input to the share of its numbers past the range of the calibration data
    """

    runs: tuple[SpikingRun, ...]
    certificate: Certificate
    baselines: Mapping[str, OperationCounts]
    outputs: Mapping[str, Mapping[str, np.ndarray]]
    beyond: Mapping[str, float]


def _batches(spiking: SpikingModel, samples: int) -> list[slice]:
    units = sum(population.size for population in spiking.network.populations.values())
    size = max(1, _AT_ONCE // units)
    return [slice(first, first + size) for first in range(0, samples, size)]


def _total(parts: Sequence[OperationCounts]) -> OperationCounts:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _stacked(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _part(tell: Callable[[str, float], None], text: str, first: float, size: float, part: float) -> None:
    tell(text, first + size * part)


def measure(
    spiking: SpikingModel,
    graph: Graph,
    inputs: Mapping[str, np.ndarray],
    pairs: Sequence[tuple[str, str]],
    main: tuple[str, str],
    *,
    precision: str,
    seed: int,
    threads: int | None,
    tell: Callable[[str, float], None],
) -> Measured:
    """Run `inputs` in every pair of code and schedule; certificate and spiking outputs are those of the pair `main`.

    precision : str   of the integer program, as ANNs are named by it

    Raises ConversionError when a single integer differs.
    """
    samples = len(next(iter(inputs.values())))
    batches = _batches(spiking, samples)
    parts = {pair: _Part() for pair in pairs}
    floats, quantised = [], []
    dense, skipping = [], []
    for b, batch in enumerate(batches):
        some = {name: array[batch] for name, array in inputs.items()}
        values = graph.evaluate(some)
        floats.append({node.name: values[node.name] for node in graph.outputs})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of inputs past their range: the report tells their share
            reference = spiking.reference(some)
            quantised.append(spiking.outputs(reference))
            dense.append(ann_operations(spiking.integer_graph, reference, skip_zeros=False))
            skipping.append(ann_operations(spiking.integer_graph, reference, skip_zeros=True))
            for i, (pair, part) in enumerate(parts.items()):
                size = 1.0 / len(pairs) / len(batches)
                first = (b * len(pairs) + i) * size
                note = partial(_part, tell, f"spiking: {pair[0]} code, {pair[1]} schedule", first, size)
                _run(spiking, some, reference, pair, part, seed=seed, threads=threads, note=note)
    runs = tuple(
        SpikingRun(*pair, _total(part.counts), part.steps, sum(each.mismatches for each in part.certificates), part.seconds)
        for pair, part in parts.items()
    )
    outputs = {"float": _stacked(floats), "quantised": _stacked(quantised), "spiking": _stacked(parts[main].outputs)}
    baselines = {f"ANN {precision}, dense": _total(dense), f"ANN {precision}, zero-skipping": _total(skipping)}
    beyond = {name: float(clipped / total) for name, (clipped, total) in spiking.coding.encode(inputs)[1].items()}
    return Measured(runs, joined(parts[main].certificates), baselines, outputs, beyond)


def _run(
    spiking: SpikingModel,
    inputs: Mapping[str, np.ndarray],
    reference: Mapping[str, Settled],
    pair: tuple[str, str],
    part: _Part,
    *,
    seed: int,
    threads: int | None,
    note: Callable[[float], None],
) -> None:
    note(0.0)
    start = time.perf_counter()
    result = spiking(inputs, code=pair[0], schedule=pair[1], seed=seed, threads=threads, progress=note)
    part.seconds += time.perf_counter() - start
    part.certificates.append(spiking.verify(result, reference))
    part.counts.append(result.counts)
    part.outputs.append(result.outputs)
    part.steps = max(part.steps, int(result.duration))
