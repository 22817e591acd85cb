"""The operations of the user's model, and which nodes of the float graph stand for each."""

from __future__ import annotations

from typing import NamedTuple

from snnsim.graph.node import Node, Shape


class Operation(NamedTuple):
    """One operation as the user wrote it.

    call : str               as the exported program names it, or the node of a graph that comes from no program
    name : str               path of its module in the model, and the operation
    operation : str          'linear', 'add', 'view', ...
    shape : tuple of int     of its (first) result, without the batch where that is known
    origin : str             place in the user's source, or empty
    nodes : tuple of str     nodes that it became, in order, or those that took it in; empty where nothing of it is left
    own : bool               whether it became the last of `nodes`; otherwise it is a scale, an index or a constant in all of them
    """

    call: str
    name: str
    operation: str
    shape: Shape
    origin: str
    nodes: tuple[str, ...]
    own: bool


def node_operation(node: Node) -> Operation:
    """Return the operation that one node of a graph stands for, where nothing else is known of it."""
    return Operation(node.name, node.name, type(node).__name__, node.shape, node.origin, (node.name,), True)
