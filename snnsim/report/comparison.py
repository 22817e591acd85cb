"""`compare`: float model, integer program and spiking network side by side, with what each would cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, final

import numpy as np

from snnsim.conversion.certificate import Certificate
from snnsim.conversion.convert import convert
from snnsim.conversion.spiking_model import SpikingModel
from snnsim.data import load_digits, load_model, patches
from snnsim.energy.estimate import EnergyReport, estimate_energy
from snnsim.engines.settle import CODES, SCHEDULES
from snnsim.errors import ParameterError
from snnsim.graph.ir import Graph
from snnsim.graph.operations import ann_operations
from snnsim.hardware.profile import load_profile
from snnsim.results import OperationCounts, Result
from snnsim.units import check_integer, one_of

#: what the table compares, beside the run asked for
TABLE_CODES = ("unary", "signed_digit", "graded")
TABLE_SCHEDULES = ("settled", "eager")
DEFAULT_PROFILES = ("horowitz45", "seneca22", "loihi14", "tianjic28", "spinnaker2")
#: does for a spiking chip what it cannot do itself: softmax and norm rows, and the ANN baselines
HOST = "horowitz45"
#: training images that set the activation scales
CALIBRATION = 512


@final
@dataclass(frozen=True)
class SpikingRun:
    """One code and schedule over all images."""

    code: str
    schedule: str
    counts: OperationCounts
    steps: int
    mismatches: int
    seconds: float


@final
@dataclass(frozen=True)
class Energy:
    """What one implementation costs on one profile, per inference."""

    what: str
    report: EnergyReport


@final
@dataclass(frozen=True)
class Comparison:
    """Everything `compare` found. `shown` is the image that the figures follow through the network.

    accuracy : mapping of 'float', 'quantised', 'spiking' to float
    energy : mapping of profile to Energy entries, ANN baselines first
    """

    model: str
    about: Mapping[str, Any]
    images: int
    seed: int
    code: str
    schedule: str
    accuracy: Mapping[str, float]
    certificate: Certificate
    runs: tuple[SpikingRun, ...]
    baselines: Mapping[str, OperationCounts]
    energy: Mapping[str, tuple[Energy, ...]]
    spiking: SpikingModel
    result: Result
    float_values: Mapping[str, np.ndarray]
    inputs: np.ndarray
    labels: np.ndarray
    shown: int
    seconds: float

    @property
    def main(self) -> SpikingRun:
        """The run asked for; its certificate is the one shown."""
        return next(run for run in self.runs if (run.code, run.schedule) == (self.code, self.schedule))


def check_choices(code: str, schedule: str, profiles: Sequence[str] | None) -> tuple[str, ...]:
    """Return the profiles to use, all checked. Raises ParameterError, FormatError."""
    one_of("code", code, CODES)
    one_of("schedule", schedule, SCHEDULES)
    if profiles is None:
        return DEFAULT_PROFILES
    if isinstance(profiles, str) or not isinstance(profiles, Sequence):
        raise ParameterError(f"profiles = {profiles!r} must be a list of names. Give [{profiles!r}].")
    if not profiles:
        raise ParameterError("profiles is empty: an energy table needs at least one. Leave it out for all.")
    for name in profiles:
        load_profile(name)
    return tuple(dict.fromkeys(profiles))


def _check_task(graph: Graph, model: str) -> None:
    """Refuse a model that does not read digits as patches, or does not tell ten classes apart."""
    node, classes = graph.input, graph.output.shape
    if (node.shape, node.low, node.high) != ((16, 4), 0, 16) or classes != (10,):
        raise ParameterError(
            f"model = {model!r} reads {node.shape} in {node.low} .. {node.high} and answers {classes}; the digits are (16, 4) in 0 .. 16 "
            "with (10,) classes. Give a model for them, or use sim.convert for another task."
        )


def _choose(images: int | None, available: int, seed: int) -> np.ndarray:
    """Return which held-out images to use: all, or a random choice in their stored order."""
    if images is None:
        return np.arange(available)
    count = check_integer("images", images, low=1, high=available, why=f"the held-out split has {available}")
    return np.sort(np.random.Generator(np.random.PCG64(seed)).permutation(available)[:count])


def _accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    return float((scores.argmax(axis=-1) == labels).mean())  # ties go to the lower class


def _energies(name: str, baselines: Mapping[str, OperationCounts], runs: Sequence[SpikingRun], images: int) -> tuple[Energy, ...]:
    counted = {**baselines, **{f"SNN {run.code}, {run.schedule}": run.counts for run in runs}}
    return tuple(Energy(what, estimate_energy(counts, name, host=HOST, per=images)) for what, counts in counted.items())


def _part(tell: Callable[[str, float], None], text: str, first: float, size: float, part: float) -> None:
    tell(text, first + size * part)


def compare(
    model: str = "digits",
    *,
    images: int | None = None,
    code: str = "signed_digit",
    schedule: str = "settled",
    profiles: Sequence[str] | None = None,
    seed: int = 0,
    threads: int | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Comparison:
    """Turn a trained transformer into spikes, prove it equal to its integer program, and price both.

    Parameters
    ----------
    model : str          a name of `snnsim.data.MODELS`, or a graph file (.npz) that reads 8x8 digits as 16 patches
    images : int         held-out images to classify, chosen by `seed`; default all 360
    code : str           how values travel: 'unary', 'binary', 'signed_digit' or 'graded'
    schedule : str       when units speak: 'settled', 'eager' or 'shuffled'
    profiles : sequence of str   hardware profiles by name or .toml path; default five
    seed : int           of the choice of images, and of the shuffled schedule
    threads : int        default one per core; changes no bit
    progress : callable  called with (what is being done, fraction done)

    Returns
    -------
    Comparison   `report.save` writes it as a page and JSON, `report.tables.show` prints it

    Raises
    ------
    ParameterError    for unknown names (listing the valid ones), images or threads out of range
    FormatError       for a damaged model file
    ConversionError   when the model cannot be converted, or a certificate fails
    """
    begin = time.perf_counter()
    if progress is not None and not callable(progress):
        raise ParameterError(f"progress = {progress!r} must be a function of (what is being done, fraction done).")
    tell = progress or (lambda text, fraction: None)
    chosen_profiles = check_choices(code, schedule, profiles)
    seed = check_integer("seed", seed, low=0, high=2**63 - 1)
    workers = None if threads is None else check_integer("threads", threads, low=1, high=1024)
    test_images, test_labels = load_digits("test")
    chosen = _choose(images, len(test_images), seed)
    inputs, labels = patches(test_images[chosen]), test_labels[chosen].astype(np.int64)

    tell("reading the model", 0.0)
    graph, about = load_model(model)
    _check_task(graph, model)
    floats = graph.evaluate(inputs)
    tell("converting", 0.02)
    spiking = convert(graph, patches(load_digits("train")[0][:CALIBRATION]))
    reference = spiking.reference(inputs)
    output = spiking.integer_graph.output.name

    pairs = [(c, s) for s in TABLE_SCHEDULES for c in TABLE_CODES]
    pairs += [(code, schedule)] if (code, schedule) not in pairs else []
    runs: list[SpikingRun] = []
    main: tuple[Result, Certificate] | None = None
    for i, (c, s) in enumerate(pairs):
        text, first, size = f"spiking: {c} code, {s} schedule", 0.05 + 0.9 * i / len(pairs), 0.9 / len(pairs)
        tell(text, first)
        start = time.perf_counter()
        result = spiking(inputs, code=c, schedule=s, seed=seed, threads=workers, progress=partial(_part, tell, text, first, size))
        seconds = time.perf_counter() - start
        certificate = spiking.verify(result, reference)
        runs.append(SpikingRun(c, s, result.counts, int(result.duration), certificate.mismatches, seconds))
        if (c, s) == (code, schedule):
            main = result, certificate
    assert main is not None
    result, certificate = main

    baselines = {
        "ANN int8, dense": ann_operations(spiking.integer_graph, reference, skip_zeros=False),
        "ANN int8, zero-skipping": ann_operations(spiking.integer_graph, reference, skip_zeros=True),
    }
    right = np.flatnonzero(result.accumulators[output].argmax(axis=-1) == labels)
    tell("pricing", 0.97)
    return Comparison(
        model=model,
        about=about,
        images=len(inputs),
        seed=seed,
        code=code,
        schedule=schedule,
        accuracy={
            "float": _accuracy(floats[output], labels),
            "quantised": _accuracy(reference[output].acc, labels),
            "spiking": _accuracy(result.accumulators[output], labels),
        },
        certificate=certificate,
        runs=tuple(runs),
        baselines=baselines,
        energy={name: _energies(name, baselines, runs, len(inputs)) for name in chosen_profiles},
        spiking=spiking,
        result=result,
        float_values=floats,
        inputs=inputs,
        labels=labels,
        shown=int(right[0]) if right.size else 0,
        seconds=time.perf_counter() - begin,
    )
