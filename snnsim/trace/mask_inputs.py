"""Inputs of real numbers that are nothing but masks: they are added to attention scores, minus infinity among them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from snnsim.trace.described import kind
from snnsim.trace.tables import MOVES

_ON_HOST = frozenset(
    [
        *("add", "sub", "rsub", "mul", "div", "neg", "where", "masked_fill", "clamp", "clamp_min", "clamp_max"),
        *("logical_not", "logical_or", "logical_and", "bitwise_not", "bitwise_or", "bitwise_and", "eq", "ne", "lt", "le", "gt", "ge"),
        *("zeros_like", "ones_like", "full_like", "new_zeros", "new_full"),
    ]
)
_SUMS = frozenset(["add", "baddbmm"])
_TO_SOFTMAX = MOVES | {"masked_fill", "where", "mul", "div", "dropout", "clamp_min", "add"}
_SOFTMAX = frozenset(["softmax", "_softmax", "_safe_softmax", "special_softmax"])


def mask_inputs(graph: Any, given: Iterable[Any]) -> set[Any]:
    """Return those placeholders among `given`, of real numbers, that only the scores of attention read.

    Between an input and the scores may stand whatever the host computes: changes of layout, constants, other masks.
    """
    inputs = list(given)
    masks = {node for node in inputs if kind(node.meta.get("val")) == "float"}
    while masks:
        added, wrong = _readers(graph, inputs, masks)
        if not wrong:
            return masks & added
        masks -= wrong
    return masks


def _readers(graph: Any, inputs: list[Any], masks: set[Any]) -> tuple[set[Any], set[Any]]:
    """Return which of `masks` are added to scores, and which are read by anything else."""
    host: dict[Any, set[Any]] = {}  # what the host computes -> the masks in it
    numbers: set[Any] = set()  # what spikes stand for
    added: set[Any] = set()
    wrong: set[Any] = set()
    for node in inputs:
        if node in masks or kind(node.meta.get("val")) != "float":
            host[node] = {node} & masks
        else:
            numbers.add(node)
    for node in graph.nodes:
        sources, op = node.all_input_nodes, getattr(node.target, "_opname", "")
        read: set[Any] = set().union(*(host[source] for source in sources if source in host))
        if numbers.isdisjoint(sources) and (op in MOVES or op in _ON_HOST):
            if not host.keys().isdisjoint(sources):
                host[node] = read
            continue
        if not (numbers.isdisjoint(sources) and host.keys().isdisjoint(sources)):
            numbers.add(node)
        if _adds_to_scores(node, op, host):
            added |= read
        else:
            wrong |= read
    return added, wrong


def _adds_to_scores(node: Any, op: str, host: dict[Any, set[Any]]) -> bool:
    """Whether a node reads masks as a term of scores and nowhere else."""
    factors = {"scaled_dot_product_attention": node.args[:3], "baddbmm": node.args[1:3], "add": ()}
    return op in factors and not any(host.get(node) for node in factors[op]) and (op not in _SUMS or _reaches_softmax(node))


def _reaches_softmax(node: Any) -> bool:
    ops = [(user, getattr(user.target, "_opname", "")) for user in node.users]
    return bool(ops) and all(op in _SOFTMAX or (op in _TO_SOFTMAX and _reaches_softmax(user)) for user, op in ops)
