"""Inputs of a program become input nodes: of real numbers, or of the rows of the tables that they look up."""

from __future__ import annotations

from typing import Any

import numpy as np

from snnsim.errors import ConversionError
from snnsim.graph.nodes import Input
from snnsim.trace.builder import Builder
from snnsim.trace.described import kind, shape
from snnsim.trace.tables import MOVES
from snnsim.trace.values import Value, places


def input_value(builder: Builder, name: str, node: Any, batch_axis: int, sample: Any, masks: bool) -> Value:
    """Make the input node of a placeholder, and return it as a value. masks : whether its numbers are added to scores alone"""
    tensor = node.meta["val"]
    full = shape(tensor)
    builder.label, builder.origin = name, ""
    packed = sample is not None and tuple(sample.shape) == full and batch_axis == 0 and full[:1] > (1,)
    if not packed and (len(full) <= batch_axis or full[batch_axis] != 1):
        raise ConversionError(
            f"trace_torch: input {name!r} of shape {full} must have a batch of 1 on axis {batch_axis}. Give its batch axis: "
            f"batch_axis={{{name!r}: axis}}."
        )
    cut = full if packed else (*full[:batch_axis], *full[batch_axis + 1 :])
    what = kind(tensor)
    if what == "complex":
        raise ConversionError(f"trace_torch: input {name!r} is complex. Give its real and imaginary parts as two inputs.")
    if what == "float":
        made = builder.node(Input, (), cut, kind="mask" if masks else "real", packed=packed)
    else:
        made = builder.node(Input, (), cut, kind="index", low=0, high=_highest(name, node, what, sample), packed=packed)
    return Value((made,), places(int(np.prod(full)), full))


def _highest(name: str, node: Any, what: str, sample: Any) -> int:
    """Return the largest index an input may hold: the end of the tables it looks up, or 1 for a mask."""
    if what == "bool":
        return 1
    sizes = [shape(table.meta["val"])[0] for table in _tables_read(node)]
    if sizes:
        return min(sizes) - 1
    if sample is not None and (int(sample.max()) > 1 or int(sample.min()) < 0):
        raise ConversionError(
            f"trace_torch: the integer input {name!r} holds {int(sample.max())} but looks up no embedding table: only tokens and masks "
            "of 0 and 1 are integers. Give it as a float tensor."
        )
    return 1


def _tables_read(node: Any) -> list[Any]:
    """Return the table nodes that a placeholder's numbers look up, through changes of layout."""
    found, seen, front = [], {node}, [node]
    while front:
        source = front.pop()
        for user in source.users:
            op = getattr(user.target, "_opname", "")
            if op in ("embedding", "embedding_bag", "_embedding_bag", "_embedding_bag_forward_only"):
                if user.args[1] is source:
                    found.append(user.args[0])
            elif user not in seen and (op in MOVES or op in ("where", "masked_fill")) and kind(user.meta.get("val")) == "int":
                seen.add(user)
                front.append(user)
    return found
