"""Many chips of one design: what the spread of devices does to the answers."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np

from snnsim.analog.chip import AnalogChip, Design
from snnsim.analog.device import AnalogDevice
from snnsim.conversion.spiking_model import SpikingModel
from snnsim.engines.settle import CODES, SCHEDULES, run_integer
from snnsim.errors import ParameterError
from snnsim.results import OperationCounts
from snnsim.units import as_integers, check_integer, check_scalar, one_of

_RESAMPLES = 10_000


@final
@dataclass(frozen=True, eq=False)
class ChipStudy:
    """What `monte_carlo` measured.

    seeds : int64[n]                    chip i is ``fabricate(..., seed=seeds[i])``
    accuracy : float64[n]               share of samples answered as `labels` say
    counts : tuple of OperationCounts   of each chip, over the `counted` samples; empty where none were counted
    """

    device: AnalogDevice
    seeds: np.ndarray
    accuracy: np.ndarray
    counted: int
    counts: tuple[OperationCounts, ...]

    @property
    def mean(self) -> float:
        """Mean accuracy of the chips."""
        return float(self.accuracy.mean())

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return a confidence interval of the mean accuracy: percentiles of 10,000 means of chips drawn with replacement.

        It is about chips, for these very samples. Source: Efron & Tibshirani (1993), chapter 13.
        """
        confidence = check_scalar("ChipStudy.interval.confidence", confidence, gt=0.0, lt=1.0)
        n = len(self.accuracy)
        drawn = np.random.default_rng(n).integers(0, n, size=(_RESAMPLES, n))
        low, high = np.percentile(self.accuracy[drawn].mean(axis=1), [50.0 * (1.0 - confidence), 50.0 * (1.0 + confidence)])
        return float(low), float(high)

    def per_inference(self, kind: str, role: str | None = None) -> np.ndarray:
        """Return operations for one inference, float64[n], of all roles or one: kinds and roles as in `OperationCounts.total`."""
        if not self.counts:
            raise ParameterError("ChipStudy.per_inference: no operations were counted. Call monte_carlo with counted >= 1.")
        return np.array([each.total(kind, role) for each in self.counts]) / self.counted


class _Row(NamedTuple):
    accuracy: float
    counts: OperationCounts | None


def _answers(model: SpikingModel, inputs: Any) -> np.ndarray:
    """Return the place of the largest number of the first output, int64[trials]."""
    reference = model.integer_graph.evaluate(model.coding.encode(inputs)[0])
    scores = next(iter(model.outputs(reference).values()))
    return scores.reshape(len(scores), -1).argmax(axis=1)


def monte_carlo(
    model: SpikingModel,
    inputs: Any,
    labels: Any = None,
    device: str | AnalogDevice = "mismatch",
    *,
    n: int = 100,
    seed: int = 0,
    time: float | None = None,
    calibration: Any = None,
    recover: str | None = None,
    counted: int = 0,
    code: str | None = None,
    schedule: str | None = None,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> ChipStudy:
    """Draw `n` chips and measure each on `inputs`. Its answers are those of its integer program, which its spikes equal.

    inputs : as for a call of the model
    labels : int[samples]   what the largest score should be. Default: what it is without any imperfection, so that accuracy is agreement
    n : int                 chips, with the seeds seed .. seed + n - 1
    counted : int           samples, the first ones, that each chip also runs in spikes, verified and counted
    code, schedule : str    of these runs; default 'graded' and 'settled'
    threads : int           chips side by side; default one per core. They change no bit
    progress : function of the fraction done
    others : as for `fabricate`

    The energy of a chip: ``estimate_energy(study.counts[i], profile, per=study.counted)``.

    Raises as `fabricate` does, and ParameterError for labels that do not fit, before any chip is made.
    """
    how = {"code": code, "schedule": schedule}
    code = one_of("monte_carlo.code", "graded" if code is None else code, CODES)
    schedule = one_of("monte_carlo.schedule", "settled" if schedule is None else schedule, [name for name in SCHEDULES if name != "timed"])
    design = Design(model, device, calibration, recover)
    n = check_integer("monte_carlo.n", n, low=1, high=2**20)
    seed = check_integer("monte_carlo.seed", seed, low=0, high=2**62)
    samples = model.coding.checked(inputs)
    total = len(next(iter(samples.values())))
    counted = check_integer("monte_carlo.counted", counted, low=0, high=total)
    for name, value in how.items():
        if value is not None and not counted:
            raise ParameterError(f"monte_carlo.{name} = {value!r} is of runs in spikes, and counted = 0 asks for none. Give counted >= 1.")
    workers = (os.cpu_count() or 1) if threads is None else check_integer("monte_carlo.threads", threads, low=1, high=1024)
    wanted = _answers(model, samples) if labels is None else _checked_labels(model, labels, total)
    if progress is not None and not callable(progress):
        raise ParameterError(f"monte_carlo.progress = {progress!r} must be a function of the fraction done. Leave it out for none.")
    part = {name: array[:counted] for name, array in samples.items()}
    model.encode(samples)  # says once how many inputs lie past their range

    def measure(which: int) -> _Row:
        chip = design.chip(which, time)
        accuracy = float((_answers(chip, samples) == wanted).mean())
        return _Row(accuracy, _counts(chip, part, code, schedule) if counted else None)

    design.chip(seed, time)  # a design that cannot be made says so before the pool starts
    rows = []
    with warnings.catch_warnings(), ThreadPoolExecutor(max_workers=workers) as pool:
        # The filters of warnings are one for all threads: what each run ignores must be ignored while any runs.
        warnings.filterwarnings("ignore", message="First-class function type feature is experimental")
        for row in pool.map(measure, range(seed, seed + n)):
            rows.append(row)
            if progress is not None:
                progress(len(rows) / n)
    return ChipStudy(
        device=design.device,
        seeds=np.arange(seed, seed + n),
        accuracy=np.array([row.accuracy for row in rows]),
        counted=counted,
        counts=tuple(row.counts for row in rows if row.counts is not None),
    )


def _checked_labels(model: SpikingModel, labels: Any, samples: int) -> np.ndarray:
    wanted = np.asarray(labels)
    if wanted.shape != (samples,) or wanted.dtype.kind not in "iu":
        raise ParameterError(
            f"monte_carlo.labels has shape {wanted.shape} and dtype {wanted.dtype} but must hold one whole number for each of the "
            f"{samples} samples. Give the index of the right score."
        )
    classes = next(iter(model.coding.outputs.values())).shape[-1]
    return as_integers("monte_carlo.labels", wanted, low=0, high=classes - 1)


def _counts(chip: AnalogChip, part: dict[str, np.ndarray], code: str, schedule: str) -> OperationCounts:
    encoded, _ = chip.coding.encode(part)
    result = run_integer(chip.compiled, inputs=encoded, code=code, schedule=schedule, seed=0, threads=1)
    chip.verify(result, chip.integer_graph.evaluate(encoded))
    return chip.hardware(result.counts, len(next(iter(part.values()))))
