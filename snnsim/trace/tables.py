"""The handlers of all families by torch operation, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from snnsim.trace import (
    attention,
    convolution,
    elementwise,
    embedding,
    embedding_bag,
    layout,
    linear,
    norms,
    overlapping,
    pooling,
    resampling,
)
from snnsim.trace.builder import Builder
from snnsim.trace.calls import Call
from snnsim.trace.values import Value

_ON_RANDOM = [
    "bernoulli",
    "multinomial",
    "rand",
    "randn",
    "rand_like",
    "randn_like",
    "randint",
    "randint_like",
    "randperm",
    "normal",
    "uniform",
    "exponential",
]


def _random(builder: Builder, call: Call) -> Any:
    call.refuse("draws random numbers, so that the model has no one answer", "Draw outside the model and give the numbers as an input.")


def _dropout(builder: Builder, call: Call) -> Any:
    probability, active = call.get("p", 0.5), call.get("train", call.get("training", True))
    if active and probability:
        call.refuse(f"drops values at random (p = {probability})", "Call model.eval(), and pass training=self.training to F.dropout.")
    value = call["input"]
    return (value, None) if call.op == "native_dropout" else value


def _by_shape(builder: Builder, call: Call) -> Any:
    """Constants that depend on the shape of a value alone."""
    import torch

    given = {name: torch.zeros(v.shape, dtype=torch.float64) if isinstance(v, Value) else v for name, v in call.arguments.items()}
    names = [(argument.name, argument.kwarg_only) for argument in call.target._schema.arguments]
    result = call.target(
        *(given[name] for name, by_name in names if not by_name), **{name: given[name] for name, by_name in names if by_name}
    )
    return result.to(torch.float64) if result.dtype.is_floating_point else result


HANDLERS: Mapping[str, Callable[[Builder, Call], Any]] = {
    **layout.HANDLERS,
    **elementwise.HANDLERS,
    **linear.HANDLERS,
    **convolution.HANDLERS,
    **norms.HANDLERS,
    **pooling.HANDLERS,
    **overlapping.HANDLERS,
    **resampling.HANDLERS,
    **attention.HANDLERS,
    **embedding.HANDLERS,
    **embedding_bag.HANDLERS,
    **dict.fromkeys(_ON_RANDOM, _random),
    **dict.fromkeys(["full_like", "zeros_like", "ones_like", "empty_like"], _by_shape),
    **dict.fromkeys(["new_zeros", "new_ones", "new_full", "new_empty", "zero"], _by_shape),
    **dict.fromkeys(["dropout", "native_dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"], _dropout),
}
#: operations that may read attention scores with blocked places
READS_MASKED = frozenset(
    [*layout.HANDLERS, "add", "sub", "mul", "div", "masked_fill", "where", "softmax", "_softmax", "_safe_softmax", "dropout", "clamp_min"]
)
MOVES = frozenset(layout.HANDLERS)
NEVER_DECOMPOSED: frozenset[str] = frozenset()
