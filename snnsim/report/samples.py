"""The user's data for a comparison: arrays from an .npz file or a mapping, checked against the model and divided."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from snnsim.errors import FormatError, ParameterError, unknown_name
from snnsim.graph.file import DAMAGE
from snnsim.graph.ir import Graph, check_inputs, named_inputs
from snnsim.units import check_integer

_PREFIX = "calibration_"
#: of a file without calibration arrays, at most so many samples set the scales
_CALIBRATION = 512


@final
@dataclass(frozen=True)
class Samples:
    """What is compared on, and what sets the scales.

    inputs, calibration : mapping of input name to array[n, *shape]
    labels : int64[n, ...] or None    the class of every sample, or of every place of an output
    division : str                    one sentence: where the calibration samples come from
    """

    inputs: Mapping[str, np.ndarray]
    calibration: Mapping[str, np.ndarray]
    labels: np.ndarray | None
    division: str


def read_arrays(data: Any) -> tuple[dict[str, np.ndarray], str]:
    """Return the arrays of an .npz file or a mapping, and what errors call it.

    Raises FormatError for a missing or damaged file, ParameterError for what holds no arrays.
    """
    if isinstance(data, Mapping):
        return {str(name): np.asarray(value) for name, value in data.items()}, "data"
    if not isinstance(data, (str, Path)):
        raise ParameterError(f"data = {type(data).__name__} must be the path of an .npz file, or a mapping of names to arrays.")
    try:
        with Path(data).open("rb") as stream:
            if not zipfile.is_zipfile(stream):
                raise FormatError(f"{data} is no .npz file. Make one with numpy.savez(path, x=array).")
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}, str(data)
    except FileNotFoundError:
        raise FormatError(f"{data} does not exist. Check the path.") from None
    except FormatError:
        raise
    except DAMAGE as error:
        raise FormatError(f"{data} is damaged or holds more than plain arrays ({type(error).__name__}: {error}). Make it again.") from error


def example_of(arrays: Mapping[str, np.ndarray], owner: str) -> Any:
    """Return the inputs as `trace_torch` takes a sample: an array where there is one, called anything; else a mapping."""
    inputs = {name: array for name, array in arrays.items() if name != "labels" and not _is_calibration(name)}
    if not inputs:
        inputs = {name.removeprefix(_PREFIX).removeprefix("calibration") or "x": a for name, a in arrays.items() if _is_calibration(name)}
    if not inputs:
        raise ParameterError(f"{owner} holds no input: it needs an array named like each input of the model, or x where there is one.")
    return inputs["x"] if set(inputs) == {"x"} else inputs


def _is_calibration(name: str) -> bool:
    return name == "calibration" or name.startswith(_PREFIX)


def _sorted_out(arrays: Mapping[str, np.ndarray], owner: str, names: list[str]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return inputs and calibration arrays by the names of the model's inputs; a model with one input takes 'x' for it."""
    if "x" not in names and len(names) == 1:
        short = {"x": names[0], "calibration_x": f"{_PREFIX}{names[0]}", "calibration": f"{_PREFIX}{names[0]}"}
        arrays = {short.get(name, name): array for name, array in arrays.items()}
    valid = [*names, "labels", *(f"{_PREFIX}{name}" for name in names)]
    for name in arrays:
        if name not in valid:
            raise ParameterError(f"{owner}: " + unknown_name("array", name, valid))
    calibration = {name.removeprefix(_PREFIX): array for name, array in arrays.items() if name.startswith(_PREFIX) and name not in names}
    return {name: array for name, array in arrays.items() if name in names}, calibration


def _check_excited(owner: str, arrays: Mapping[str, np.ndarray], graph: Graph) -> None:
    masks = {node.name for node in graph.inputs if node.kind == "mask"}  # one that blocks nothing is as good as any
    for name, array in arrays.items():
        if name not in masks and array.size > 1 and (array == array.flat[0]).all() and array.dtype.kind == "f":
            raise ParameterError(
                f"{owner}: {name!r} holds nothing but {array.flat[0]:g}: no range of activations follows from it. Give real samples."
            )


def _labels(owner: str, labels: np.ndarray, shape: tuple[int, ...], n: int) -> np.ndarray:
    wanted = (n, *shape[:-1])
    if labels.dtype.kind == "f" and np.isfinite(labels).all() and (labels == np.rint(labels)).all():
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "iu":
        raise ParameterError(f"{owner}: 'labels' of dtype {labels.dtype} must hold whole numbers, the class of each sample.")
    if labels.shape != wanted:
        raise ParameterError(f"{owner}: 'labels' has shape {labels.shape} but must have {wanted}, one class for every answer.")
    if labels.min() < 0 or labels.max() >= shape[-1]:
        wrong = labels.min() if labels.min() < 0 else labels.max()
        raise ParameterError(f"{owner}: 'labels' holds {wrong} but the model tells {shape[-1]} classes apart: 0 .. {shape[-1] - 1}.")
    return labels.astype(np.int64)


def divide(arrays: Mapping[str, np.ndarray], owner: str, graph: Graph, *, samples: int | None, seed: int) -> Samples:
    """Check arrays against the inputs of `graph` and divide them into what is compared and what calibrates.

    samples : int   how many to compare, chosen by `seed`; default all that do not calibrate

    Raises ParameterError naming the array: missing or unknown names, shapes, types, NaN, no samples, constant data.
    """
    inputs, calibration = _sorted_out(arrays, owner, [node.name for node in graph.inputs])
    checked = named_inputs(owner, inputs, graph)
    _check_excited(owner, checked, graph)
    n = len(next(iter(checked.values())))
    labels = _labels(owner, np.asarray(arrays["labels"]), graph.output.shape, n) if "labels" in arrays else None
    order = np.random.Generator(np.random.PCG64(seed)).permutation(n)
    if calibration:
        scales = _calibration(owner, calibration, graph)
        rest, division = order, f"calibrated on {len(next(iter(scales.values())))} samples given for it"
    else:
        if n < 2:
            raise ParameterError(
                f"{owner} holds 1 sample, which cannot both set the scales and be compared. Give two, or {_PREFIX} arrays."
            )
        taken = min(n // 2, _CALIBRATION)
        scales = {name: array[np.sort(order[:taken])] for name, array in checked.items()}
        rest, division = order[taken:], f"calibrated on {taken} of the {n} samples given, chosen by the seed, and compared on others"
    if samples is not None:
        why = f"{owner} has {len(rest)} to compare on"
        rest = rest[: check_integer("samples", samples, low=1, high=len(rest), why=why)]
    chosen = np.sort(rest)
    parts = {name: array[chosen] for name, array in checked.items()}
    return Samples(parts, scales, None if labels is None else labels[chosen], division)


def calibration_of(arrays: Mapping[str, np.ndarray], owner: str, graph: Graph) -> dict[str, np.ndarray]:
    """Return what sets the scales when nothing is compared: the calibration arrays, or all samples. Raises as `divide`."""
    inputs, calibration = _sorted_out(arrays, owner, [node.name for node in graph.inputs])
    if calibration:
        return _calibration(owner, calibration, graph)
    checked = named_inputs(owner, inputs, graph)
    _check_excited(owner, checked, graph)
    return checked


def _calibration(owner: str, calibration: Mapping[str, np.ndarray], graph: Graph) -> dict[str, np.ndarray]:
    checked = {}
    for node in graph.inputs:
        if node.name not in calibration:
            raise ParameterError(f"{owner} lacks {_PREFIX}{node.name}: give calibration arrays for all inputs, or for none.")
        checked[node.name] = check_inputs(f"{owner}, {_PREFIX}{node.name}", calibration[node.name], node)
    _check_excited(f"{owner}, calibration", checked, graph)
    return named_inputs(owner, checked, graph)
