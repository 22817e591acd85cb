"""From a model and a file of samples to a spiking network, for the command line."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from snnsim.conversion.convert import convert
from snnsim.conversion.options import USUAL_BITS
from snnsim.conversion.spiking_model import SpikingModel
from snnsim.energy.comparison import EnergyComparison
from snnsim.errors import ParameterError
from snnsim.report.energies import compare_energy
from snnsim.report.precision import precision_of
from snnsim.report.samples import calibration_of, example_of, read_arrays
from snnsim.report.task import data_task, digits_task, read_model


def check_file(path: str | Path) -> Path:
    """Return `path` after proving that a file can be written there. Makes nothing. Raises ParameterError saying why it cannot."""
    path = Path(path)
    if path.suffix != ".npz":
        raise ParameterError(f"out = {str(path)!r} must end in .npz: it will hold plain arrays. Rename it.")
    if path.is_dir():
        raise ParameterError(f"out = {str(path)!r} is a folder. Give the name of a file.")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ParameterError(f"out = {str(path)!r} cannot be written to: {error.strerror or error}. Choose another folder.") from None
    return path


def prepare(
    model: Any,
    data: Any,
    *,
    bits: int = USUAL_BITS,
    activation_bits: int | None = None,
    weight_bits: int | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> SpikingModel:
    """Return the spiking network of a model as `compare` takes it; the calibration arrays of `data`, or all samples, set the scales."""
    precision = precision_of(bits, activation_bits, weight_bits)
    tell = progress or (lambda text, fraction: None)
    arrays, owner = read_arrays(data)
    tell("reading the model", 0.0)
    graph, _, _ = read_model(model, example_of(arrays, owner))
    tell("converting", 0.3)
    spiking = convert(graph, calibration_of(arrays, owner, graph), activation_bits=precision.activations, weight_bits=precision.weights)
    tell("proving it exact (the first run compiles, half a minute)", 0.6)
    return spiking


def energy_of(
    model: Any, data: Any, *, samples: int | None, profiles: Sequence[str] | None, bits: Sequence[int], tokens: int | None, seed: int
) -> EnergyComparison:
    """Return the energy comparison of a model and of its spiking network, as `compare` takes them. Raises what both raise."""
    task = digits_task(model, samples=samples, seed=seed) if data is None else data_task(model, data, samples=samples, seed=seed)
    spiking = convert(task.graph, task.samples.calibration)
    return compare_energy(
        task.graph, spiking, task.samples.inputs, labels=task.samples.labels, calibration=task.samples.calibration, profiles=profiles,
        bits=bits, tokens=tokens, allow_mixed_nodes=True,
    )  # fmt: skip
