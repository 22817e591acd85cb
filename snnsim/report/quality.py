"""How near the spiking network comes to the float model: accuracy where there are labels, agreement of outputs always."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


class Agreement(NamedTuple):
    """One output of the spiking network against the float model, over all samples.

    cosine : of both, flattened; largest : difference in magnitude; part : that, by the largest magnitude of the float output
    """

    cosine: float
    largest: float
    part: float


def accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of labels that the largest score names; ties go to the lower class."""
    return float((scores.argmax(axis=-1) == labels).mean())


def agreement(got: np.ndarray, wanted: np.ndarray) -> Agreement:
    """Compare two arrays of one shape; the cosine of two that are 0 throughout is 1."""
    norms = float(np.linalg.norm(got) * np.linalg.norm(wanted))
    cosine = float(got.ravel() @ wanted.ravel()) / norms if norms else float(not got.any() and not wanted.any())
    largest, top = float(np.abs(got - wanted).max()), float(np.abs(wanted).max())
    return Agreement(cosine, largest, largest / top if top else float(largest > 0.0))


def agreements(outputs: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, Agreement]:
    """Return the agreement of every output; outputs : as `runs.Measured`."""
    return {name: agreement(outputs["spiking"][name], wanted) for name, wanted in outputs["float"].items()}
