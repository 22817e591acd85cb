"""The modules between two layers of neurons as one matrix and one bias: they are linear, so what they do to single spikes is all."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from snnsim.adapters.torch_trace import Call
from snnsim.connect import AllToAll, FromArrays, OneToOne, Sparse
from snnsim.errors import ConversionError

#: Numbers that one batch of single spikes may become.
_BATCH = 1 << 22
#: From this share of pairs on, all pairs are kept: a full matrix is delivered faster than lists of targets.
_FULL = 0.5

SUPPORTED = ("Linear", "Conv1d", "Conv2d", "AvgPool1d", "AvgPool2d", "AdaptiveAvgPool2d", "BatchNorm1d", "BatchNorm2d", "Flatten",
             "Unflatten", "Dropout", "Dropout1d", "Dropout2d", "Identity")  # fmt: skip
_REMEDIES = {
    "MaxPool1d": "A maximum of spikes is not a sum: use AvgPool1d, or pool after training.",
    "MaxPool2d": "A maximum of spikes is not a sum: use AvgPool2d.",
    "ReLU": "It is not linear: put a layer of neurons there.",
    "LayerNorm": "It divides by what it gets: use BatchNorm, which is folded into the weights.",
}


class Affine:
    """A chain of linear modules between `n_in` numbers and `n_out`, in doubles."""

    def __init__(self, where: str, chain: Sequence[Call], shape_in: tuple[int, ...], shape_out: tuple[int, ...]) -> None:
        self.where, self.chain, self.n_in, self.n_out = where, tuple(chain), prod(shape_in), prod(shape_out)
        for call in self.chain:
            _check(where, call)

    def apply(self, values: Any, *, bias: bool) -> Any:
        """Return values[k, n_in] behind the chain, float64[k, n_out]; without `bias` the linear part alone."""
        for call in self.chain:
            values = _OPERATIONS[type(call.module).__name__](call, values.reshape(len(values), -1), bias)
        return values.reshape(len(values), -1)

    @property
    def bias(self) -> np.ndarray:
        """What arrives without any spike, float64[n_out]."""
        import torch

        with torch.no_grad():
            return self.apply(torch.zeros(1, self.n_in, dtype=torch.float64), bias=True)[0].numpy().astype(np.float64)

    def wiring(self, scale: float | np.ndarray = 1.0) -> tuple[Sparse, np.ndarray | float]:
        """Return a connector and its weights times `scale`, which is one number or one per target."""
        if all(type(call.module).__name__ in _PASSING for call in self.chain) and np.ndim(scale) == 0:
            return OneToOne(), float(scale)
        source, target, weight = self._entries()
        gain = np.broadcast_to(np.ravel(scale), self.n_out)
        if len(weight) < _FULL * self.n_in * self.n_out:
            return FromArrays(source, target), weight * gain[target]
        full = np.zeros((self.n_in, self.n_out))
        full[source, target] = weight
        return AllToAll(autapses=True), (full * gain).ravel()

    def _entries(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the weights that are not 0, in order of source, target: what single spikes become. Exact for a single module."""
        import torch

        parts, most = [], max(1, _BATCH // max(self.n_in, self.n_out))
        with torch.no_grad():
            for first in range(0, self.n_in, most):
                size = min(most, self.n_in - first)
                spikes = torch.zeros(size, self.n_in, dtype=torch.float64)
                spikes[torch.arange(size), first + torch.arange(size)] = 1.0
                out = self.apply(spikes, bias=False).numpy()
                source, target = np.nonzero(out)
                parts.append((source + first, target, out[source, target]))
        source, target, weight = (np.concatenate(column) for column in zip(*parts, strict=True))
        return source, target, weight


def _check(where: str, call: Call) -> None:
    kind = type(call.module).__name__
    if kind in ("BatchNorm1d", "BatchNorm2d") and call.module.running_mean is None:
        raise ConversionError(
            f"{where}: module {call.name!r}, {kind}, keeps no running mean, so that what it does depends on the batch. "
            "Use track_running_stats=True."
        )
    if getattr(call.module, "padding_mode", "zeros") != "zeros":
        raise ConversionError(f"{where}: module {call.name!r}.padding_mode = {call.module.padding_mode!r} must be 'zeros'. Pad with zeros.")
    if kind not in _OPERATIONS:
        remedy = _REMEDIES.get(kind, "Replace it, or put a layer of neurons there.")
        raise ConversionError(
            f"{where}: module {call.name!r} is {kind}, which must be one of {', '.join(SUPPORTED)} between layers of neurons. {remedy}"
        )


def _double(tensor: Any) -> Any:
    return None if tensor is None else tensor.detach().double()


def _linear(call: Call, x: Any, bias: bool) -> Any:
    import torch

    module = call.module
    folded = x.reshape(len(x), -1, module.in_features)
    return torch.nn.functional.linear(folded, _double(module.weight), _double(module.bias) if bias else None)


def _conv(call: Call, x: Any, bias: bool) -> Any:
    import torch

    module, axes = call.module, len(call.module.kernel_size)
    apply = torch.nn.functional.conv1d if axes == 1 else torch.nn.functional.conv2d
    shaped = x.reshape(len(x), *call.shape_in[-1 - axes :])
    weight, offset = _double(module.weight), _double(module.bias) if bias else None
    return apply(shaped, weight, offset, module.stride, module.padding, module.dilation, module.groups)


def _pool(call: Call, x: Any, bias: bool) -> Any:
    axes = 1 if type(call.module).__name__ == "AvgPool1d" else 2
    return call.module(x.reshape(len(x), *call.shape_in[-1 - axes :]))


def _norm(call: Call, x: Any, bias: bool) -> Any:
    import torch

    module = call.module
    axes = 2 if type(module).__name__ == "BatchNorm2d" else len(call.shape_in) - 2
    gain = (_double(module.running_var) + module.eps).rsqrt()
    gain = gain if module.weight is None else gain * _double(module.weight)
    column = (module.num_features, *[1] * axes)
    shaped = x.reshape(len(x), *call.shape_in[-1 - axes :])
    if not bias:
        return shaped * gain.reshape(column)
    offset = torch.zeros_like(gain) if module.bias is None else _double(module.bias)
    return shaped * gain.reshape(column) + (offset - _double(module.running_mean) * gain).reshape(column)


def _same(call: Call, x: Any, bias: bool) -> Any:
    return x


_PASSING = ("Flatten", "Unflatten", "Dropout", "Dropout1d", "Dropout2d", "Identity")
_OPERATIONS = {
    "Linear": _linear, "Conv1d": _conv, "Conv2d": _conv, "AvgPool1d": _pool, "AvgPool2d": _pool, "AdaptiveAvgPool2d": _pool,
    "BatchNorm1d": _norm, "BatchNorm2d": _norm,
} | dict.fromkeys(_PASSING, _same)  # fmt: skip
