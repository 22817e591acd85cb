"""Softmax with its masks, and scaled dot-product attention."""

from __future__ import annotations

import math
import string
from collections.abc import Callable
from typing import Any

import numpy as np

from snnsim.graph.nodes import Elementwise, Softmax
from snnsim.trace.arithmetic import scale
from snnsim.trace.builder import Builder, Shape
from snnsim.trace.calls import Call, constant
from snnsim.trace.comparisons import compare
from snnsim.trace.linear import product
from snnsim.trace.sums import add
from snnsim.trace.values import Value


def softmax(builder: Builder, scores: Value, axis: int) -> Value:
    """Return the softmax over an axis; blocked places get nothing."""
    order = [*[a for a in range(scores.ndim) if a != axis], axis]
    shape = tuple(scores.shape[a] for a in order)
    bare = builder.plain(scores.but(blocked=None, blockers=()))
    name, lead = builder.rows(bare.but(index=bare.index.transpose(order)), shape[-1])
    inputs: tuple[str, ...] = (name,)
    if scores.blockers:
        blockers = [builder.plain(b).broadcast(scores.shape) for b in scores.blockers]
        names = tuple(builder.gather(b.but(index=b.index.transpose(order)), (*lead, shape[-1])) for b in blockers)
        names = tuple(dict.fromkeys(names))
        inputs += (
            names[0] if len(names) == 1 else builder.node(Elementwise, names, (*lead, shape[-1]), "mask", function=_any(len(names))),
        )
    mask = None if scores.blocked is None else ~scores.blocked.transpose(order).reshape(*lead, shape[-1])
    if mask is not None and mask.all():
        mask = None
    result = builder.emit(Softmax, inputs, (*lead, shape[-1]), shape, "softmax", mask=mask)
    return result.but(index=np.moveaxis(result.index, -1, axis))


def _any(n: int) -> Any:
    """Return 'or' of n variables."""
    expression: Any = "x0"
    for i in range(1, n):
        expression = ("or", expression, f"x{i}")
    return expression


def _softmax(builder: Builder, call: Call) -> Any:
    value = call.value("self")
    return softmax(builder, value, call.axis())


def _log_softmax(builder: Builder, call: Call) -> Any:
    call.refuse("is not bounded below, so that no range of spikes holds it", "Return the logits: the largest one is the same.")


def _repeat_heads(value: Any, groups: int) -> Any:
    if not isinstance(value, Value):
        return value.repeat_interleave(groups, dim=-3)
    return value.but(**{name: _repeated(getattr(value, name), groups) for name in ("index", "scale", "offset")})


def _repeated(array: Any, groups: int) -> Any:
    return array if array.ndim == 0 else np.repeat(array, groups, axis=-3)


def attend(
    builder: Builder, call: Call, query: Any, key: Any, value: Any, mask: Any, causal: bool, factor: float | None, grouped: bool
) -> tuple[Any, Any]:
    """Return softmax(scale q k^T + mask) v, and the softmax."""
    if grouped and key.ndim >= 3 and key.shape[-3] != query.shape[-3]:
        key, value = _repeat_heads(key, query.shape[-3] // key.shape[-3]), _repeat_heads(value, query.shape[-3] // value.shape[-3])
    batch = string.ascii_lowercase[: query.ndim - 2]
    lead = tuple(np.broadcast_shapes(query.shape[:-2], key.shape[:-2]))
    shape = (*lead, query.shape[-2], key.shape[-2])
    label = builder.label
    scores = product(builder, call, query, key, f"{batch}YX,{batch}WX->{batch}YW", shape, "scores")
    scores = scale(builder, scores, 1.0 / math.sqrt(query.shape[-1]) if factor is None else factor)
    if causal:
        above = np.triu(np.ones(shape[-2:]), 1) > 0
        scores = add(builder, scores, np.where(above, -np.inf, 0.0), shape)
    if mask is not None:
        scores = _masked(builder, scores, mask, shape, call)
    weights = softmax(builder, scores, len(shape) - 1)
    builder.label = label
    out: Shape = (*lead, query.shape[-2], value.shape[-1])
    return product(builder, call, weights, value, f"{batch}YW,{batch}WV->{batch}YV", out, "mix"), weights


def _masked(builder: Builder, scores: Value, mask: Any, shape: Shape, call: Call) -> Value:
    truth = call.kinds.get("attn_mask") == "bool"
    if isinstance(mask, Value):
        if not truth:
            return add(builder, scores, mask, shape)
        blocks = compare(builder, "eq", mask, np.float64(0.0), mask.shape).broadcast(shape)
        return scores.but(blockers=(*scores.blockers, blocks))
    array = constant(mask)
    return add(builder, scores, np.where(array != 0.0, 0.0, -np.inf) if truth else array, shape)


def _sdpa(builder: Builder, call: Call) -> Any:
    if float(call.get("dropout_p", 0.0)):
        call.refuse(f"drops attention at random (dropout_p = {call['dropout_p']})", "Call model.eval(), or pass dropout_p=0.0.")
    out, _ = attend(
        builder, call, call["query"], call["key"], call["value"], call.get("attn_mask"), bool(call.get("is_causal", False)),
        call.get("scale"), bool(call.get("enable_gqa", False)),
    )  # fmt: skip
    if call.op == "scaled_dot_product_attention":
        return out
    return (out, None)


HANDLERS: dict[str, Callable[[Builder, Call], Any]] = {
    **dict.fromkeys(["softmax", "_softmax", "_safe_softmax", "special_softmax"], _softmax),
    **dict.fromkeys(["log_softmax", "_log_softmax"], _log_softmax),
    **dict.fromkeys(
        [
            "scaled_dot_product_attention",
            "_scaled_dot_product_flash_attention_for_cpu",
            "_scaled_dot_product_attention_math",
            "_scaled_dot_product_efficient_attention",
        ],
        _sdpa,
    ),
}
