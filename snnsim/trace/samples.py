"""What a user gives as a sample: tensors by argument name, cut to the first of the batch."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from snnsim.errors import ConversionError, unknown_name


def argument_names(model: Any) -> list[str]:
    """Return the names of the arguments that a module's forward takes."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [name for name, parameter in inspect.signature(model.forward).parameters.items() if parameter.kind in kinds]


def first_samples(
    model: Any, sample: Any, batch_axis: int | Mapping[str, int], rows: Mapping[str, int] = MappingProxyType({})
) -> tuple[tuple[Any, ...], dict[str, Any], dict[str, Any]]:
    """Return positional and named arguments of one sample, and all tensors by name.

    rows : mapping of argument name to int   how many rows of the batch axis belong to one sample, where it is not one

    Raises ConversionError for what is no tensor, has no batch axis or is none of the arguments.
    """
    names = argument_names(model)
    if isinstance(sample, Mapping):
        for name in sample:
            if name not in names and not any(p.kind is p.VAR_KEYWORD for p in inspect.signature(model.forward).parameters.values()):
                raise ConversionError("trace_torch.sample: " + unknown_name("argument", name, names))
        given = {name: first_sample(name, value, batch_axis, _floats(model), rows.get(name, 1)) for name, value in sample.items()}
        return (), given, given
    values = sample if isinstance(sample, (tuple, list)) else (sample,)
    if not values or sample is None:
        raise ConversionError("trace_torch.sample is missing. Give one batch of inputs, such as torch.zeros(1, 3, 32, 32).")
    if len(values) > len(names) and not any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(model.forward).parameters.values()):
        raise ConversionError(
            f"trace_torch.sample holds {len(values)} inputs but forward takes {len(names)}: {', '.join(names)}. Give these."
        )
    names = [*names, *(f"input_{i}" for i in range(len(names), len(values)))]
    given = {
        name: first_sample(name, value, batch_axis, _floats(model), rows.get(name, 1)) for name, value in zip(names, values, strict=False)
    }
    return tuple(given.values()), {}, {name: value for name, value in given.items() if value is not None}


def _floats(model: Any) -> Any:
    """Return the type of real numbers that a module computes in: that of its first real parameter or buffer, or torch's default."""
    import torch

    tensors = (*model.parameters(), *model.buffers())
    return next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), torch.get_default_dtype())


def first_sample(name: str, value: Any, batch_axis: int | Mapping[str, int], floats: Any = None, rows: int = 1) -> Any:
    """Return one sample (`rows`) of a tensor, its batch axis kept. floats : the torch.dtype of arrays of real numbers"""
    import numpy as np
    import torch

    if value is None or isinstance(value, bool):
        return value
    if not isinstance(value, torch.Tensor):
        try:
            array = np.asarray(value)
            # What numpy computes is in doubles, whatever type the model has.
            value = torch.as_tensor(array, dtype=(floats or torch.get_default_dtype()) if array.dtype.kind == "f" else None)
        except (TypeError, ValueError):
            raise ConversionError(f"trace_torch.sample[{name!r}] is a {type(value).__name__} but must be a tensor or an array.") from None
    axis = batch_axis if isinstance(batch_axis, int) else int(batch_axis.get(name, 0))
    if value.is_complex() or value.is_quantized or value.layout is not torch.strided:
        raise ConversionError(f"trace_torch.sample[{name!r}] is complex, quantised or sparse. Give a dense tensor of real numbers.")
    if not 0 <= axis < value.ndim:
        raise ConversionError(
            f"trace_torch.sample[{name!r}] has shape {tuple(value.shape)} but must have a batch axis {axis}: the first axis holds the "
            "samples. Add one with unsqueeze, or give batch_axis."
        )
    if value.shape[axis] == 0:
        raise ConversionError(f"trace_torch.sample[{name!r}] holds no sample. Give at least one.")
    return value.detach().narrow(axis, 0, rows).clone()


def packed_rows(model: Any, sample: Any, wanted: tuple[int, ...]) -> dict[str, int]:
    """Return how many rows of each argument belong to one sample, for those that torch wants in the shape `wanted`."""
    if not isinstance(sample, Mapping):
        sample = dict(zip(argument_names(model), sample if isinstance(sample, (tuple, list)) else (sample,), strict=False))
    shapes = {name: tuple(getattr(value, "shape", ())) for name, value in sample.items()}
    return {name: wanted[0] for name, shape in shapes.items() if shape[1:] == wanted[1:] and shape[0] % wanted[0] == 0}
