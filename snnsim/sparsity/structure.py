"""What a graph is made of, seen from its costs: hidden layers, blocks around a residual stream, what is kept in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Activation, Add, Affine, Conv, Gather, LayerNorm, Linear, Max, Multiply, Node, Softmax, Sum

#: a sum that one of `_CLOSES` alone reads stays in its accumulator: it is neither rounded nor written
_SUMS = (Linear, Conv, Multiply, Add, Affine, Sum)
_CLOSES = (Activation, Softmax, Add, LayerNorm, Affine, Sum, Max)


def readers(graph: Graph) -> dict[str, tuple[Node, ...]]:
    """Return who reads each node, looking through changes of layout, which cost nothing."""
    found: dict[str, tuple[Node, ...]] = {}
    for name in reversed(list(graph.nodes)):
        direct = graph.consumers(name)
        found[name] = tuple(node for each in direct for node in (found[each.name] if isinstance(each, Gather) else (each,)))
    return found


def stored(graph: Graph) -> frozenset[str]:
    """Return the nodes whose values are written to memory; the others live in accumulators, or only move what is stored."""
    outputs = {node.name for node in graph.outputs}
    who = readers(graph)
    names: set[str] = set()
    for name, node in graph.nodes.items():
        if isinstance(node, Gather) and name not in graph.host:
            if any(source in names for source in node.inputs):
                names.add(name)
        elif not (isinstance(node, _SUMS) and len(who[name]) == 1 and isinstance(who[name][0], _CLOSES)) or name in outputs | graph.host:
            names.add(name)
    return frozenset(names)


def masks(graph: Graph) -> dict[str, np.ndarray]:
    """Return which places of a product are wanted at all, where a softmax with a constant mask is all that reads it."""
    found = {}
    outputs = {node.name for node in graph.outputs}
    for node in graph.nodes.values():
        if not isinstance(node, Softmax) or node.mask is None or node.inputs[0] in outputs:
            continue
        if graph.consumers(node.inputs[0]) == [node]:
            found[node.inputs[0]] = node.mask
    return found


def causal(graph: Graph) -> bool:
    """Whether some attention is blocked by a constant mask, so that a token must not depend on later ones."""
    return any(isinstance(node, Softmax) and node.mask is not None for node in graph.nodes.values())


def decodes(graph: Graph) -> bool:
    """Whether every attention looks back only, so that tokens can come one at a time."""
    attentions = [node for node in graph.nodes.values() if isinstance(node, Softmax)]
    return bool(attentions) and all(node.mask is not None and not np.triu(node.mask, 1).any() for node in attentions)


def _is_gate(node: Node) -> bool:
    return isinstance(node, Multiply) and len({*node.subscripts.replace("->", ",").split(",")}) == 1


def hidden(graph: Graph) -> list[Node]:
    """Return the hidden layers of MLPs: activations, or gates, that linear layers alone read."""
    who = readers(graph)
    found = [node for node in graph.nodes.values() if (isinstance(node, Activation) or _is_gate(node)) and node.name not in graph.host]
    return [node for node in found if who[node.name] and all(isinstance(reader, Linear) for reader in who[node.name])]


@final
@dataclass(frozen=True)
class Block:
    """One attention with the MLPs that follow it, between two places of a residual stream.

    entry, end : str              names of nodes of one shape (tokens, width); without the block, `end` would be `entry`
    nodes : frozenset of str      what depends on `entry` and is needed for `end`, which is among them
    stream : int                  blocks that follow one another have the same number
    """

    entry: str
    end: str
    nodes: frozenset[str]
    stream: int


def _post_dominators(graph: Graph) -> dict[str, str | None]:
    """Return the first node that all ways from each node to an output pass; None where there is none.

    Source: Cooper, Harvey & Kennedy (2001), a simple, fast dominance algorithm; one pass suffices where there is no loop.
    """
    order = {name: place for place, name in enumerate(graph.nodes)}
    outputs = {node.name for node in graph.outputs}
    after: dict[str, str | None] = {}
    for name in reversed(list(graph.nodes)):
        ways = [each.name for each in graph.consumers(name)]
        if name in outputs or not ways:
            after[name] = None
            continue
        meet: str | None = ways[0]
        for way in ways[1:]:
            other: str | None = way
            while meet != other:
                if meet is None or other is None:
                    meet = other = None
                elif order[meet] < order[other]:
                    meet = after[meet]
                else:
                    other = after[other]
        after[name] = meet
    return after


def _between(graph: Graph, entry: str, end: str) -> frozenset[str]:
    below = {entry}
    for name, node in graph.nodes.items():
        if any(source in below for source in node.inputs):
            below.add(name)
    above, waiting = set(), [end]
    while waiting:
        name = waiting.pop()
        if name in below and name not in above and name != entry:
            above.add(name)
            waiting += graph.nodes[name].inputs
    return frozenset(above)


def _carries(graph: Graph, entry: str, end: str) -> bool:
    """Whether `entry` reaches `end` through sums alone."""
    waiting = [end]
    while waiting:
        node = graph.nodes[waiting.pop()]
        if node.name == entry:
            return True
        if isinstance(node, Add):
            waiting += node.inputs
    return False


def blocks(graph: Graph) -> list[Block]:
    """Return the blocks of all residual streams, in order: of an encoder, a decoder, or both.

    A part (attention, or MLP) goes from a node that is read more than once to the sum where all ways from it meet and to which it is
    added. A block whose input the host computes is not found: position tables may be folded into its layers.
    """
    after = _post_dominators(graph)
    parts = {}
    for name, node in graph.nodes.items():
        end = after[name]
        if end is None or name in graph.host or len(graph.consumers(name)) < 2 or len(node.shape) != 2:
            continue
        if isinstance(graph.nodes[end], Add) and graph.nodes[end].shape == node.shape and _carries(graph, name, end):
            parts[name] = end
    found: list[list[str]] = []  # entry, end; of parts joined into blocks
    streams: list[int] = []
    last = ""
    for name, end in parts.items():
        # A norm may lie between the sum of one part and the next one.
        follows = bool(last) and (name == last or (isinstance(graph.nodes[name], LayerNorm) and graph.nodes[name].inputs == (last,)))
        attends = any(isinstance(graph.nodes[inner], Softmax) for inner in _between(graph, name, end))
        if follows and not attends:
            found[-1][1] = end
        else:
            found.append([name, end])
            streams.append(streams[-1] if follows else len(streams))
        last = end
    return [Block(entry, end, _between(graph, entry, end), stream) for (entry, end), stream in zip(found, streams, strict=True)]
