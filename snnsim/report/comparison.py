"""`compare`: float model, integer program and spiking network side by side, with what each would cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from snnsim.conversion.certificate import Certificate
from snnsim.conversion.convert import convert
from snnsim.conversion.options import USUAL_BITS, Bits
from snnsim.conversion.spiking_model import SpikingModel
from snnsim.counts import OperationCounts
from snnsim.energy.estimate import EnergyReport, estimate_energy
from snnsim.engines.settle import CODES, SCHEDULES
from snnsim.errors import ParameterError
from snnsim.hardware.profile import load_profile
from snnsim.report.precision import Precision, precision_of
from snnsim.report.quality import Agreement, accuracy, agreements
from snnsim.report.runs import SpikingRun, measure
from snnsim.report.task import Task, data_task, digits_task
from snnsim.units import check_integer, one_of

#: what the table compares, beside the run asked for
TABLE_CODES = ("unary", "signed_digit", "graded")
TABLE_SCHEDULES = ("settled", "eager")
DEFAULT_PROFILES = ("horowitz45", "seneca22", "loihi14", "tianjic28", "spinnaker2")
#: does for a spiking chip what it cannot do itself: softmax and norm rows, and the ANN baselines
HOST = "horowitz45"


@final
@dataclass(frozen=True)
class Energy:
    """What one implementation costs on one profile, per inference."""

    what: str
    report: EnergyReport


@final
@dataclass(frozen=True)
class Comparison:
    """Everything `compare` found.

    task : Task         the float model and the samples
    samples : int       how many were compared
    precision : Precision   bits of weights and values
    accuracy : mapping of 'float', 'quantised', 'spiking' to float, or None where there are no labels
    agreement : mapping of output to Agreement of spiking and float outputs
    beyond : mapping of input to the share of its numbers past the range of the calibration data
    energy : mapping of profile to Energy entries, ANN baselines first
    shown : int         the sample that the figures follow through the network
    """

    task: Task
    samples: int
    precision: Precision
    seed: int
    code: str
    schedule: str
    accuracy: Mapping[str, float] | None
    agreement: Mapping[str, Agreement]
    beyond: Mapping[str, float]
    certificate: Certificate
    runs: tuple[SpikingRun, ...]
    baselines: Mapping[str, OperationCounts]
    energy: Mapping[str, tuple[Energy, ...]]
    spiking: SpikingModel
    shown: int
    seconds: float

    @property
    def main(self) -> SpikingRun:
        """The run asked for; its certificate is the one shown."""
        return next(run for run in self.runs if (run.code, run.schedule) == (self.code, self.schedule))

    @property
    def dense(self) -> OperationCounts:
        """The operations of the ANN that skips nothing."""
        return self.baselines[f"ANN {self.precision.name}, dense"]

    @property
    def shown_inputs(self) -> dict[str, np.ndarray]:
        """The arrays of the sample that is followed, a batch of one."""
        return {name: array[self.shown : self.shown + 1] for name, array in self.task.samples.inputs.items()}


def check_choices(code: str, schedule: str, profiles: Sequence[str] | None) -> tuple[str, ...]:
    """Return the profiles to use, all checked. Raises ParameterError, FormatError."""
    one_of("code", code, CODES)
    one_of("schedule", schedule, [name for name in SCHEDULES if name != "timed"])  # which may stop before the answer
    if profiles is None:
        return DEFAULT_PROFILES
    if isinstance(profiles, str) or not isinstance(profiles, Sequence):
        raise ParameterError(f"profiles = {profiles!r} must be a list of names. Give [{profiles!r}].")
    if not profiles:
        raise ParameterError("profiles is empty: an energy table needs at least one. Leave it out for all.")
    for name in profiles:
        load_profile(name)
    return tuple(dict.fromkeys(profiles))


def _energies(name: str, baselines: Mapping[str, OperationCounts], runs: Sequence[SpikingRun], samples: int) -> tuple[Energy, ...]:
    counted = {**baselines, **{f"SNN {run.code}, {run.schedule}": run.counts for run in runs}}
    return tuple(
        Energy(what, estimate_energy(counts, name, host=HOST, per=samples, allow_mixed_nodes=True)) for what, counts in counted.items()
    )


def _judged(outputs: Mapping[str, Mapping[str, np.ndarray]], labels: np.ndarray | None) -> tuple[dict[str, float] | None, int]:
    """Return the accuracy of float, quantised and spiking model, and the first sample that the spikes name rightly."""
    if labels is None:
        return None, 0
    first = {kind: next(iter(values.values())) for kind, values in outputs.items()}
    right = first["spiking"].argmax(axis=-1) == labels
    found = np.flatnonzero(right.reshape(len(right), -1).all(axis=1))
    return {kind: accuracy(scores, labels) for kind, scores in first.items()}, int(found[0]) if found.size else 0


def compare(
    model: Any = "digits",
    data: Any = None,
    *,
    bits: int = USUAL_BITS,
    activation_bits: Bits | None = None,
    weight_bits: Bits | None = None,
    samples: int | None = None,
    code: str = "signed_digit",
    schedule: str = "settled",
    profiles: Sequence[str] | None = None,
    seed: int = 0,
    threads: int | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Comparison:
    """Turn a trained model into spikes, prove it equal to its integer program, and price both.

    Parameters
    ----------
    model : str, Path, torch.nn.Module or Graph
        a name of `snnsim.data.MODELS`, a torch program (.pt2), a graph file (.npz), or the model itself; without `data` it must
        read 8x8 digits as 16 patches
    data : str, Path or mapping of arrays
        an .npz file or arrays named as the inputs of the model ('x' where there is one). 'labels' adds the accuracy;
        'calibration_NAME' for every input sets the scales, otherwise half of the samples (512 at most) do
    bits : int           of weights and values, 2 .. 16
    activation_bits, weight_bits : int or mapping of pattern to int   of one of them, as for `convert`; default `bits`
    samples : int        how many to compare, chosen by `seed`; default all
    code : str           how values travel: 'unary', 'binary', 'signed_digit' or 'graded'
    schedule : str       when units speak: 'settled', 'eager' or 'shuffled'
    profiles : sequence of str   hardware profiles by name or .toml path; default five
    seed : int           of the choice of samples, and of the shuffled schedule
    threads : int        default one per core; changes no bit
    progress : callable  called with (what is being done, fraction done)

    Returns
    -------
    Comparison   `report.save` writes it as a page and JSON, `report.tables.show` prints it

    Raises
    ------
    ParameterError    for unknown names (listing the valid ones), bits, samples or threads out of range, data that do not fit the model
    FormatError       for a damaged model or data file
    ConversionError   when the model cannot be converted, or a certificate fails
    CompileError      when an accumulator could overflow
    """
    begin = time.perf_counter()
    if progress is not None and not callable(progress):
        raise ParameterError(f"progress = {progress!r} must be a function of (what is being done, fraction done).")
    tell = progress or (lambda text, fraction: None)
    chosen_profiles = check_choices(code, schedule, profiles)
    precision = precision_of(bits, activation_bits, weight_bits)
    seed = check_integer("seed", seed, low=0, high=2**63 - 1)
    workers = None if threads is None else check_integer("threads", threads, low=1, high=1024)
    tell("reading the model", 0.0)
    task = digits_task(model, samples=samples, seed=seed) if data is None else data_task(model, data, samples=samples, seed=seed)
    tell("converting", 0.02)
    spiking = convert(
        task.graph, task.samples.calibration, activation_bits=precision.activations, weight_bits=precision.weights
    )  # fmt: skip
    pairs = list(dict.fromkeys([*((c, s) for s in TABLE_SCHEDULES for c in TABLE_CODES), (code, schedule)]))
    inputs = task.samples.inputs
    found = measure(
        spiking, task.graph, inputs, pairs, (code, schedule), precision=precision.name, seed=seed, threads=workers,
        tell=lambda text, part: tell(text, 0.05 + 0.9 * part),
    )  # fmt: skip
    tell("pricing", 0.97)
    judged, shown = _judged(found.outputs, task.samples.labels)
    n = len(next(iter(inputs.values())))
    return Comparison(
        task=task,
        samples=n,
        precision=precision,
        seed=seed,
        code=code,
        schedule=schedule,
        accuracy=judged,
        agreement=agreements(found.outputs),
        beyond=found.beyond,
        certificate=found.certificate,
        runs=found.runs,
        baselines=found.baselines,
        energy={name: _energies(name, found.baselines, found.runs, n) for name in chosen_profiles},
        spiking=spiking,
        shown=shown,
        seconds=time.perf_counter() - begin,
    )
