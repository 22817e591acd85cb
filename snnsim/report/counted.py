"""An ANN and its spiking counterpart counted on the same samples: what `compare_energy` prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from snnsim.conversion.convert import convert
from snnsim.conversion.rate_model import RateModel
from snnsim.conversion.spiking_model import SpikingModel
from snnsim.counts import OperationCounts
from snnsim.energy.break_even import baseline_bits
from snnsim.energy.entries import Implementation
from snnsim.errors import ParameterError
from snnsim.graph.operations import ann_operations
from snnsim.report.quality import accuracy
from snnsim.results import Result
from snnsim.units import check_integer

#: samples that are held at a time
_BATCH = 64


def _labels(labels: Any, samples: int) -> np.ndarray | None:
    if labels is None:
        return None
    array = np.asarray(labels)
    if len(array) != samples or array.dtype.kind not in "iu":
        raise ParameterError(
            f"compare_energy.labels must be {samples} whole numbers, one for each sample; they are {array.dtype}{array.shape}."
        )
    return array


def _first(outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return next(iter(outputs.values()))


def _batches(spiking: SpikingModel, inputs: Any) -> tuple[list[dict[str, np.ndarray]], int]:
    checked = spiking.coding.checked(inputs)
    samples = len(_first(checked))
    return [{name: array[i : i + _BATCH] for name, array in checked.items()} for i in range(0, samples, _BATCH)], samples


def ann_baselines(
    spiking: SpikingModel, inputs: Any, *, precision: str | None = None, labels: Any = None, reuse: int | None = None, name: str = "ANN"
) -> list[Implementation]:
    """Return the same network as a dense and as a zero-skipping ANN, counted on `inputs`.

    precision : None for the integers of the model, else 'fp32', 'fp16' or 'bf16'
    labels : int[samples]    adds the accuracy of the integer program
    reuse : int              see `ann_operations`

    Raises ParameterError for inputs that do not fit the model.
    """
    return _baselines(spiking, inputs, [precision], labels, reuse, name)[0]


def _baselines(
    spiking: SpikingModel, inputs: Any, precisions: Sequence[str | None], labels: Any, reuse: int | None, name: str = "ANN"
) -> list[list[Implementation]]:  # fmt: skip
    """Return `ann_baselines` of each precision, from one evaluation of the integer program: with many weights that is most of the time."""
    batches, samples = _batches(spiking, inputs)
    right = _labels(labels, samples)
    counts: list[tuple[list[OperationCounts], list[OperationCounts]]] = [([], []) for _ in precisions]
    scores = []
    for batch in batches:
        reference = spiking.reference(batch)
        scores.append(_first(spiking.outputs(reference)))
        for precision, sides in zip(precisions, counts, strict=True):
            for skip, side in zip((False, True), sides, strict=True):
                side.append(ann_operations(spiking.integer_graph, reference, skip_zeros=skip, precision=precision, reuse=reuse))
    found = []
    for precision, sides in zip(precisions, counts, strict=True):
        bits = precision or f"int{_program_bits(sides[0][0])}"
        reached = None if right is None or precision else accuracy(np.concatenate(scores), right)
        found.append(
            [
                Implementation(f"{name} {bits}, {kind}", "ann", sum(parts[1:], start=parts[0]), reached)
                for kind, parts in zip(("dense", "zero-skipping"), sides, strict=True)
            ]
        )
    return found


def _program_bits(counts: OperationCounts) -> int:
    """Return the bits of most MACs."""
    votes: dict[str, int] = {}
    for layer, precision in counts.precisions.items():
        votes[precision] = votes.get(precision, 0) + counts.layers[layer].get("macs", 0)
    most = max(votes, key=votes.__getitem__)
    return max(int(bits) for bits in most[3:].split("x"))


def _spiking_runs(
    spiking: SpikingModel, inputs: Any, codes: Sequence[str], schedule: str, labels: Any, threads: int | None
) -> list[Implementation]:
    batches, samples = _batches(spiking, inputs)
    right = _labels(labels, samples)
    found = []
    for code in codes:
        counts, scores = [], []
        for batch in batches:
            result = spiking(batch, code=code, schedule=schedule, threads=threads)
            counts.append(result.counts)
            scores.append(_first(result.outputs))
        reached = None if right is None else accuracy(np.concatenate(scores), right)
        found.append(Implementation(f"SNN {code}, {schedule}", "snn", sum(counts[1:], start=counts[0]), reached))
    return found


def _rate_run(model: RateModel, inputs: Any, labels: Any) -> tuple[list[Implementation], int]:
    result = model(inputs)
    scores = _first(result.outputs)[:, -1]
    right = _labels(labels, len(scores))
    reached = None if right is None else accuracy(scores, right)
    return [Implementation(f"SNN rates, T = {model.steps}", "snn", result.counts, reached)], len(scores)


def _given(owner: str, role: str, given: Any) -> list[Implementation]:
    """Return what the caller has counted already."""
    table = given if isinstance(given, Mapping) else {role.upper(): given}
    found = []
    for name, each in table.items():
        counts = each.counts if isinstance(each, Result) else each
        if not isinstance(counts, OperationCounts):
            raise ParameterError(
                f"compare_energy.{owner} = {each!r} must be OperationCounts or a Result, one or a mapping by name, or a model with "
                "inputs=. Rates are no counts: run the network."
            )
        found.append(Implementation(str(name), role, counts))
    return found


def _is_counted(given: Any) -> bool:
    if isinstance(given, Mapping):
        return all(isinstance(each, (OperationCounts, Result)) for each in given.values())
    return isinstance(given, (OperationCounts, Result))


def implementations(
    ann: Any, snn: Any, inputs: Any, labels: Any, calibration: Any, codes: Sequence[str], schedule: str, bits: Sequence[int],
    reuse: int | None, threads: int | None,
) -> tuple[list[Implementation], list[Implementation], int | None]:  # fmt: skip
    """Return what spikes, what does not, and the samples that were run (None where everything was counted before)."""
    if not isinstance(snn, (SpikingModel, RateModel)):
        spikes = _given("snn", "snn", snn)
        if _is_counted(ann):
            return spikes, _given("ann", "ann", ann), None
    if inputs is None:
        raise ParameterError("compare_energy.inputs is missing: a model is counted on samples. Give them, or give counts on both sides.")
    wanted = [check_integer("compare_energy.bits", b, low=2, high=16) for b in bits]
    samples: int | None = None
    if isinstance(snn, SpikingModel):
        samples = _batches(snn, inputs)[1]
        spikes = _spiking_runs(snn, inputs, codes, schedule, labels, threads)
    elif isinstance(snn, RateModel):
        spikes, samples = _rate_run(snn, inputs, labels)
        wanted.append(baseline_bits(snn.steps))
    if _is_counted(ann):
        return spikes, _given("ann", "ann", ann), samples
    return spikes, _dense(ann, snn, inputs, labels, calibration, wanted, reuse), samples


def _dense(
    ann: Any, snn: Any, inputs: Any, labels: Any, calibration: Any, bits: Sequence[int], reuse: int | None
) -> list[Implementation]:  # fmt: skip
    """Return the ANN sides of a model: floats, its own integers, and other bits."""
    if ann is None and isinstance(snn, RateModel):
        ann = snn.plan.graph
    if ann is None and not isinstance(snn, SpikingModel):
        raise ParameterError(
            "compare_energy.ann is missing: counts of spikes alone do not say what the ANN is. Give the model or its counts."
        )
    model = (ann if isinstance(ann, SpikingModel) else snn if ann is None else convert(ann, calibration)).original
    real, whole = _baselines(model, inputs, ["fp32", None], labels, reuse)
    found = [real[0], *whole]
    if bits and (ann is None or isinstance(ann, SpikingModel)):
        raise ParameterError("compare_energy.bits: other bits need the float model. Give it as ann.")
    for b in dict.fromkeys(bits):
        low = convert(ann, calibration, weight_bits=b, activation_bits=b)
        for each in ann_baselines(low, inputs, labels=labels, reuse=reuse):
            if each.name not in {other.name for other in found}:
                found.append(each)
    return found
