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
from snnsim.report.energy_choices import is_counted
from snnsim.report.quality import accuracy
from snnsim.results import Result
from snnsim.units import as_integers

#: samples that are held at a time
_BATCH = 64


def _labels(labels: Any, model: SpikingModel | RateModel, samples: int, owner: str = "compare_energy") -> np.ndarray | None:
    if labels is None:
        return None
    shape = _answer(model)
    array = as_integers(f"{owner}.labels", labels, low=0, high=shape[-1] - 1)
    if array.shape != (samples, *shape[:-1]):
        raise ParameterError(
            f"{owner}.labels has shape {array.shape} but must have {(samples, *shape[:-1])}: one class for every answer. Reshape it."
        )
    return array


def _answer(model: SpikingModel | RateModel) -> tuple[int, ...]:
    """Return the shape of the first output for one sample, classes last."""
    if isinstance(model, RateModel):
        return model.plan.graph.nodes[next(iter(model.readouts))].shape
    return next(iter(model.coding.outputs.values())).shape


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

    Raises ParameterError for inputs that do not fit the model, labels of another shape, and labels beside a float precision: what is
    counted are the integers, whose accuracy is not that of floats.
    """
    if not isinstance(spiking, SpikingModel):
        raise ParameterError(f"ann_baselines.spiking = {type(spiking).__name__} must be a SpikingModel. Give what sim.convert returned.")
    if precision is not None and labels is not None:
        raise ParameterError(f"ann_baselines.labels tell the accuracy of integers, not of {precision}. Leave out one of both.")
    if not isinstance(name, str):
        raise ParameterError(f"ann_baselines.name = {name!r} must be a text.")
    return _baselines(spiking, inputs, [precision], labels, reuse, name, "ann_baselines")[0]


def _baselines(
    spiking: SpikingModel, inputs: Any, precisions: Sequence[str | None], labels: Any, reuse: int | None, name: str = "ANN",
    owner: str = "compare_energy",
) -> list[list[Implementation]]:  # fmt: skip
    """Return `ann_baselines` of each precision, from one evaluation of the integer program: with many weights that is most of the time."""
    batches, samples = _batches(spiking, inputs)
    right = _labels(labels, spiking, samples, owner)
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
    right = _labels(labels, spiking, samples)
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


def _rate_run(model: RateModel, inputs: Any, labels: Any, threads: int | None) -> tuple[list[Implementation], int]:
    result = model(inputs, threads=threads)
    scores = _first(result.outputs)[:, -1]
    right = _labels(labels, model, len(scores))
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


def implementations(
    ann: Any, snn: Any, inputs: Any, labels: Any, calibration: Any, codes: Sequence[str], schedule: str, bits: Sequence[int],
    reuse: int | None, threads: int | None,
) -> tuple[list[Implementation], list[Implementation], int | None]:  # fmt: skip
    """Return what spikes, what does not, and the samples that were run (None where everything was counted before)."""
    if not isinstance(snn, (SpikingModel, RateModel)):
        spikes = _given("snn", "snn", snn)
        if is_counted(ann):
            return spikes, _given("ann", "ann", ann), None
    if inputs is None:
        raise ParameterError("compare_energy.inputs is missing: a model is counted on samples. Give them, or give counts on both sides.")
    # The ANN first: what cannot be converted is found before anything is run.
    more = [baseline_bits(snn.steps)] if isinstance(snn, RateModel) else []
    dense = _given("ann", "ann", ann) if is_counted(ann) else _dense(ann, snn, inputs, labels, calibration, [*bits, *more], reuse)
    samples: int | None = None
    if isinstance(snn, SpikingModel):
        samples = _batches(snn, inputs)[1]
        spikes = _spiking_runs(snn, inputs, codes, schedule, labels, threads)
    elif isinstance(snn, RateModel):
        spikes, samples = _rate_run(snn, inputs, labels, threads)
    return spikes, dense, samples


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
    _labels(labels, model, _batches(model, inputs)[1])
    real, whole = _baselines(model, inputs, ["fp32", None], labels, reuse)
    found = [real[0], *whole]
    for b in dict.fromkeys(bits):
        low = convert(ann, calibration, weight_bits=b, activation_bits=b)
        for each in ann_baselines(low, inputs, labels=labels, reuse=reuse):
            if each.name not in {other.name for other in found}:
                found.append(each)
    return found
