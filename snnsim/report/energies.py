"""`compare_energy`: an ANN and its spiking counterpart, counted on the same samples and priced on the same hardware."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from snnsim.conversion.convert import convert
from snnsim.conversion.rate_model import RateModel
from snnsim.conversion.spiking_model import SpikingModel
from snnsim.counts import OperationCounts
from snnsim.energy.break_even import baseline_bits
from snnsim.energy.comparison import EnergyComparison, Implementation, compare_implementations, mixed_nodes
from snnsim.energy.estimate import MixedNodesWarning
from snnsim.engines.settle import CODES, SCHEDULES
from snnsim.errors import ParameterError
from snnsim.graph.operations import ann_operations
from snnsim.hardware.profile import load_profile
from snnsim.report.quality import accuracy
from snnsim.results import Result
from snnsim.units import check_bool, check_integer, one_of

#: chips and figures of comparable meaning; the brain as a line to compare with
DEFAULT_PROFILES = (
    "horowitz45", "seneca22", "loihi14", "loihi14_sanafe", "truenorth28", "tianjic28", "odin28", "spinnaker1", "spinnaker2",
    "a100", "edge_tpu", "brain",
)  # fmt: skip
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


def compare_energy(
    ann: Any,
    snn: Any,
    inputs: Any = None,
    *,
    labels: Any = None,
    calibration: Any = None,
    profiles: Sequence[Any] | None = None,
    host: Any = "horowitz45",
    codes: Sequence[str] = ("unary", "signed_digit", "graded"),
    schedule: str = "settled",
    bits: Sequence[int] = (),
    reuse: int | None = None,
    per: int | None = None,
    tokens: int | None = None,
    allow_recalled: bool = False,
    allow_mixed_nodes: bool = False,
    threads: int | None = None,
) -> EnergyComparison:
    """Count an ANN and its spiking counterpart on the same samples, and price both on several pieces of hardware.

    Parameters
    ----------
    ann : torch.nn.Module, Graph, SpikingModel, OperationCounts or a mapping of name to OperationCounts
        a model is counted as fp32, as its own integers, dense and zero-skipping, attention included; None takes the model of `snn`
    snn : SpikingModel, RateModel, Result, OperationCounts or a mapping of name to Result or OperationCounts
    inputs : arrays as for a call of the model; needed where a model is given
    labels : int[samples]         adds accuracies
    calibration : arrays          samples that set the scales where `ann` is converted here; default `inputs`
    profiles : sequence of str    names or .toml paths; default twelve of `profile_names()`
    host : str or None            does for a chip what it cannot do itself: rows (softmax, norms), products, table neurons, the ANN
    codes, schedule : str         how a SpikingModel is run
    bits : sequence of int        further quantised ANNs, converted from `ann`; for a RateModel of T steps
                                  ceil(log2(T + 1)) bits are added
    reuse : int                   MACs for which the ANNs use one weight before they read it again; default all of an inference
    per : int                     inferences in counts that were given
    tokens : int                  tokens of an inference, for energies per token
    allow_recalled : bool         use prices of grade R
    allow_mixed_nodes : bool      do not warn of sums over two process nodes; the table says them in any case

    Returns
    -------
    EnergyComparison   `rows()`, `verdict`, `break_even`, `sensitivity`; see `report.show_energy`, `report.save_energy`

    Raises
    ------
    ParameterError    for unknown names (listing the valid ones), a model without inputs, anything that was not counted
    ConversionError   for an ANN that cannot be counted as integers

    Warns
    -----
    MixedNodesWarning   naming every sum over two process nodes
    """
    names = DEFAULT_PROFILES if profiles is None else profiles
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        raise ParameterError(f"compare_energy.profiles = {profiles!r} must be a list of names. Leave it out for the default ones.")
    chips = [load_profile(name) for name in names]
    for code in codes:
        one_of("compare_energy.codes", code, CODES)
    one_of("compare_energy.schedule", schedule, [name for name in SCHEDULES if name != "timed"])
    check_bool("compare_energy.allow_mixed_nodes", allow_mixed_nodes)
    tokens = None if tokens is None else check_integer("compare_energy.tokens", tokens, low=1)
    spikes, dense, samples = _implementations(
        ann, snn, inputs, labels, inputs if calibration is None else calibration, codes, schedule, bits, reuse, threads
    )  # fmt: skip
    if per is not None and samples is not None and per != samples:
        raise ParameterError(f"compare_energy.per = {per!r}, but {samples} samples are run. Leave it out.")
    inferences = check_integer("compare_energy.per", per, low=1) if per is not None else samples or 1
    found = compare_implementations(
        [*dense, *spikes], chips, host=host, per=inferences, tokens=tokens, allow_recalled=allow_recalled
    )  # fmt: skip
    mixed = mixed_nodes(found)
    if mixed and not allow_mixed_nodes:
        warnings.warn(
            f"compare_energy adds up energies of different process nodes: {'; '.join(mixed)}. Choose a host of the same node, or say "
            "allow_mixed_nodes=True; the remarks name them in any case.",
            MixedNodesWarning,
            stacklevel=2,
        )
    return found


def _implementations(
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
    model = ann if isinstance(ann, SpikingModel) else snn if ann is None else convert(ann, calibration)
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
