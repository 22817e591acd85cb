"""What `compare_energy` is asked for, looked at before anything is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from snnsim.conversion.rate_model import RateModel
from snnsim.conversion.spiking_model import SpikingModel
from snnsim.counts import OperationCounts
from snnsim.energy.comparison import distinct
from snnsim.engines.settle import CODES, SCHEDULES
from snnsim.errors import ParameterError
from snnsim.hardware.profile import Profile, load_profile
from snnsim.results import Result
from snnsim.units import check_integer, check_scalar, one_of

#: chips and figures of comparable meaning; the brain as a line to compare with
DEFAULT_PROFILES = (
    "horowitz45", "seneca22", "loihi14", "loihi14_sanafe", "truenorth28", "tianjic28", "odin28", "spinnaker1", "spinnaker2",
    "a100", "edge_tpu", "brain",
)  # fmt: skip
#: how a SpikingModel is run unless it is said
CODED, SCHEDULED = ("unary", "signed_digit", "graded"), "settled"


def check_profiles(profiles: Any) -> tuple[Profile, ...]:
    """Return the profiles, the default ones for None. Raises ParameterError for unknown ones, and two of one name."""
    names = DEFAULT_PROFILES if profiles is None else profiles
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        raise ParameterError(f"compare_energy.profiles = {profiles!r} must be a list of names. Leave it out for the default ones.")
    return distinct([load_profile(name) for name in names])


def is_counted(given: Any) -> bool:
    """Whether a side was counted before."""
    if isinstance(given, Mapping):
        return all(isinstance(each, (OperationCounts, Result)) for each in given.values())
    return isinstance(given, (OperationCounts, Result))


def check_sides(ann: Any, snn: Any, inputs: Any, labels: Any) -> None:
    """Raise ParameterError for a side that nothing can be counted of, and for inputs and labels where nothing is run."""
    for owner, given in (("ann", ann), ("snn", snn)):
        if isinstance(given, Mapping) and not given:
            raise ParameterError(f"compare_energy.{owner} = {given!r} must hold one implementation at least. Name its counts.")
    models = not is_counted(ann) or isinstance(snn, (SpikingModel, RateModel))
    for name, given in (("inputs", inputs), ("labels", labels)):
        if given is not None and not models:
            raise ParameterError(f"compare_energy.{name} is given, but both sides are counted: nothing is run. Leave it out.")


def check_runs(snn: Any, codes: Any, schedule: Any, threads: Any) -> None:
    """Raise ParameterError for unknown codes and schedules, and for those of a model where none is run."""
    if isinstance(codes, str) or not isinstance(codes, Sequence) or not codes:
        raise ParameterError(f"compare_energy.codes = {codes!r} must be a list of codes, one at least. Valid: {', '.join(CODES)}.")
    for code in codes:
        one_of("compare_energy.codes", code, CODES)
    if len(set(codes)) < len(codes):
        raise ParameterError(f"compare_energy.codes = {codes!r} must name each code once. Drop one.")
    one_of("compare_energy.schedule", schedule, [name for name in SCHEDULES if name != "timed"])
    if threads is not None:
        check_integer("compare_energy.threads", threads, low=1, high=1024)
    given = {"codes": tuple(codes) != CODED, "schedule": schedule != SCHEDULED, "threads": threads is not None}
    used = list(given) if isinstance(snn, SpikingModel) else ["threads"] if isinstance(snn, RateModel) else []
    for name, said in given.items():
        if said and name not in used:
            raise ParameterError(
                f"compare_energy.{name} says how a SpikingModel is run, but snn is of type {type(snn).__name__}. Leave it out."
            )


def check_dense(ann: Any, snn: Any, calibration: Any, bits: Any, reuse: Any) -> list[int]:
    """Return the bits of further ANNs. Raises ParameterError for wrong ones, and for choices that an ANN counted before cannot take."""
    if isinstance(bits, str) or not isinstance(bits, Sequence):
        raise ParameterError(f"compare_energy.bits = {bits!r} must be a list of whole numbers, such as [4].")
    wanted = [check_integer("compare_energy.bits", b, low=2, high=16) for b in bits]
    if reuse is not None:
        check_integer("compare_energy.reuse", reuse, low=1)
    if is_counted(ann):
        for name, said in (("calibration", calibration is not None), ("bits", bool(wanted)), ("reuse", reuse is not None)):
            if said:
                raise ParameterError(f"compare_energy.{name} is given, but ann is counted already. Leave it out, or give the model.")
    converted = isinstance(ann, SpikingModel) or (ann is None and isinstance(snn, SpikingModel))
    if converted and (wanted or isinstance(snn, RateModel)):  # which is compared with an ANN of as many bits as its steps
        raise ParameterError("compare_energy.bits: other bits need the float model. Give it as ann.")
    if converted and calibration is not None:
        raise ParameterError(
            "compare_energy.calibration is given, but the ANN is converted already. Leave it out, or give the float model."
        )
    return wanted


def check_latencies(latency_ms: Any) -> Mapping[str, float]:
    """Return the latencies by name. Raises ParameterError."""
    if latency_ms is None:
        return {}
    if not isinstance(latency_ms, Mapping):
        raise ParameterError(f"compare_energy.latency_ms = {latency_ms!r} must map names of implementations to ms. Give a dict.")
    return {
        name: check_scalar(f"compare_energy.latency_ms[{name!r}]", value, unit="ms", ge=0.0, le=1e30) for name, value in latency_ms.items()
    }
