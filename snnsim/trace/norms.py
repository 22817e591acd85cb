"""Normalisations: over rows as LayerNorm nodes, over the batch (in eval mode) as scales and offsets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from snnsim.graph.nodes import LayerNorm
from snnsim.trace.arithmetic import mul
from snnsim.trace.builder import Builder
from snnsim.trace.calls import Call
from snnsim.trace.sums import add
from snnsim.trace.values import Value


def normalise(builder: Builder, value: Value, width: int, gamma: Any, beta: Any, eps: float, centred: bool = True) -> Value:
    """Return LayerNorm, or RMSNorm, over the last `width` elements of a value's flattened rows; its shape stays."""
    value = builder.plain(value)
    shape = value.shape
    rows, lead = builder.rows(_flat_rows(builder, value, width), width)
    gamma = np.ones(width) if gamma is None else np.ascontiguousarray(np.ravel(gamma))
    beta = np.zeros(width) if beta is None else np.ascontiguousarray(np.ravel(beta))
    return builder.emit(LayerNorm, (rows,), (*lead, width), shape, gamma=gamma, beta=beta, eps=float(eps), centred=centred)


def _flat_rows(builder: Builder, value: Value, width: int) -> Value:
    if value.shape and value.shape[-1] == width:
        return value
    lead: list[int] = []
    rest = value.index.size // width
    for size in value.shape:
        if rest % size or rest == 1:
            break
        lead.append(size)
        rest //= size
    return value.but(index=value.index.reshape(*lead, *([rest] if rest > 1 else []), width))


def _layer_norm(builder: Builder, call: Call) -> Any:
    value = call.value("input")
    width = int(np.prod(call["normalized_shape"]))
    result = normalise(builder, value, width, call.array("weight"), call.array("bias"), call["eps"])
    return (result, None, None) if call.op == "native_layer_norm" else result


def _rms_norm(builder: Builder, call: Call) -> Any:
    value = call.value("input")
    width = int(np.prod(call["normalized_shape"]))
    eps = call.get("eps")
    if eps is None:  # torch: the precision of the numbers, which the model holds in single precision
        eps = float(np.finfo(np.float32).eps)
    result = normalise(builder, value, width, call.array("weight"), None, eps, centred=False)
    return (result, None) if call.op == "_fused_rms_norm" else result


def _per_channel(array: np.ndarray | None, ndim: int) -> np.ndarray | None:
    return None if array is None else array.reshape([-1 if axis == 1 else 1 for axis in range(ndim)])


def _group_norm(builder: Builder, call: Call) -> Any:
    value = call["self"] if call.op == "native_group_norm" and "self" in call.arguments else call["input"]
    groups = int(call["group"] if "group" in call.arguments else call["num_groups"])
    result = normalise(builder, value, int(np.prod(value.shape[1:])) // groups, None, None, call["eps"])
    result = _channel_affine(builder, result, call.array("weight"), call.array("bias"))
    return (result, None, None) if call.op == "native_group_norm" else result


def _channel_affine(builder: Builder, value: Any, weight: np.ndarray | None, bias: np.ndarray | None) -> Any:
    scale, offset = _per_channel(weight, value.ndim), _per_channel(bias, value.ndim)
    if scale is not None:
        value = mul(builder, value, scale, value.shape)
    return value if offset is None else add(builder, value, offset, value.shape)


def _batch_norm(builder: Builder, call: Call) -> Any:
    value = call.value("input")
    if call.get("training") or call.get("use_input_stats"):
        if call.op == "instance_norm":
            result = normalise(builder, value, int(np.prod(value.shape[2:])), None, None, call["eps"])
            return _channel_affine(builder, result, call.array("weight"), call.array("bias"))
        call.refuse("takes the statistics of the batch, so that samples depend on each other", "Call model.eval() first.")
    mean, variance = call.array("running_mean"), call.array("running_var")
    if mean is None or variance is None:
        call.refuse("keeps no running statistics", "Use track_running_stats=True and train it, or another normalisation.")
    weight, bias = call.array("weight"), call.array("bias")
    scale = 1.0 / np.sqrt(variance + call["eps"])
    scale = scale if weight is None else scale * weight
    offset = -mean * scale if bias is None else bias - mean * scale
    result = _channel_affine(builder, value, scale, offset)
    return (result, None, None, None, None) if call.op.startswith("_") or call.op.startswith("native") else result


HANDLERS: dict[str, Callable[[Builder, Call], Any]] = {
    **dict.fromkeys(["layer_norm", "native_layer_norm"], _layer_norm),
    **dict.fromkeys(["rms_norm", "_fused_rms_norm"], _rms_norm),
    **dict.fromkeys(["group_norm", "native_group_norm"], _group_norm),
    **dict.fromkeys(
        [
            "batch_norm",
            "instance_norm",
            "native_batch_norm",
            "_native_batch_norm_legit_no_training",
            "_native_batch_norm_legit",
            "cudnn_batch_norm",
            "_batch_norm_no_update",
        ],
        _batch_norm,
    ),
}
