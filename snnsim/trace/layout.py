"""All operations that change the layout, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from snnsim.trace import padding
from snnsim.trace.builder import Builder
from snnsim.trace.calls import Call, constant
from snnsim.trace.moving import MOVED, ONE_MOVED, move
from snnsim.trace.values import Value

_SAME = """
    contiguous clone detach alias lift_fresh lift_fresh_copy _to_copy to type_as float double positive view_copy _conj
    resolve_conj resolve_neg
"""


def same(builder: Builder, call: Call) -> Any:
    """Copies and changes of the number format: the same numbers, but cut to whole ones where they become integers."""
    value = call.arguments.get("self", call.arguments.get("input"))
    if isinstance(value, Value) and call.kind != "float" and call.op in ("_to_copy", "to", "type_as"):
        if call.kind == "bool":
            return value.but(expression=("ne", value.expression, 0.0)) if builder.possible(value) != frozenset({0.0, 1.0}) else value
        if not builder.on_host(value):
            return value.but(expression=("trunc", value.expression))
    return value


def copy(builder: Builder, call: Call) -> Any:
    """x.copy_(y): nothing of x is left."""
    source = call["src"]
    return source.broadcast(call.shape) if isinstance(source, Value) else source.expand(call.shape)


def gather(builder: Builder, call: Call) -> Any:
    """torch.gather; places that depend on the input must all hold the same constant."""
    import torch

    if isinstance(call["index"], Value) and not isinstance(call["self"], Value):
        held = constant(call["self"])
        if (held == held.flat[0]).all():
            return torch.full(call.shape, held.flat[0], dtype=torch.float64 if call.kind == "float" else torch.int64)
    return move(builder, call)


def fill_constant(builder: Builder, call: Call) -> Any:
    """x.fill_(c): nothing of x is left."""
    import torch

    if isinstance(call["value"], Value):
        return call["value"].broadcast(call.shape)
    return torch.full(call.shape, float(call["value"]), dtype=torch.float64)


Handler = Callable[[Builder, Call], Any]
HANDLERS: dict[str, Handler] = {
    **dict.fromkeys([*ONE_MOVED.split(), *MOVED], move),
    **dict.fromkeys(_SAME.split(), same),
    **padding.HANDLERS,
    "fill": fill_constant,
    "copy": copy,
    "gather": gather,
}
