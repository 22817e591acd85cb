"""Scales and offsets after a Linear, Conv or LayerNorm that nothing else reads become part of it. Unread nodes go."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from snnsim.graph.nodes import Affine, Conv, Gather, Input, LayerNorm, Linear, Multiply, Node, Sum
from snnsim.trace.values import view_order


def fold_affines(nodes: Mapping[str, Node], outputs: list[str]) -> tuple[list[Node], list[str], dict[str, str]]:
    """Return the nodes that the outputs need, inputs first, the outputs, and by its name what each folded node became part of."""
    nodes = _needed(nodes, outputs)
    renamed: dict[str, str] = {}
    result: dict[str, Node] = {}
    readers: dict[str, int] = {}
    for node in nodes.values():
        for name in node.inputs:
            readers[name] = readers.get(name, 0) + 1
    for name in outputs:
        readers[name] = readers.get(name, 0) + 1
    for name, node in nodes.items():
        node = dataclasses.replace(node, inputs=tuple(renamed.get(source, source) for source in node.inputs))
        if isinstance(node, Affine) and readers[nodes[name].inputs[0]] == 1:
            folded = _fold(result[node.inputs[0]], node)
            if folded is not None:
                result[folded.name] = folded
                renamed[name] = folded.name
                readers[folded.name] = readers[name]
                continue
        if isinstance(node, Gather) and len(node.inputs) == 1 and readers[nodes[name].inputs[0]] == 1:
            turned = _turn(result[node.inputs[0]], node)
            if turned is not None:
                result[turned.name] = turned
                renamed[name] = turned.name
                readers[turned.name] = readers[name]
                continue
        result[name] = node
    inputs = [node for node in result.values() if isinstance(node, Input)]
    rest = [node for node in result.values() if not isinstance(node, Input)]
    return [*inputs, *rest], [renamed.get(name, name) for name in outputs], renamed


def _needed(nodes: Mapping[str, Node], outputs: list[str]) -> dict[str, Node]:
    wanted = set(outputs)
    for name in reversed(list(nodes)):
        if name in wanted:
            wanted.update(nodes[name].inputs)
    return {name: node for name, node in nodes.items() if name in wanted or isinstance(node, Input)}


def _last_axis(array: np.ndarray, width: int) -> np.ndarray | None:
    """Return the array as one number per place of the last axis, or None where it depends on other axes."""
    if array.ndim and array.size != array.shape[-1]:
        return None
    return np.broadcast_to(array.ravel() if array.ndim else array, (width,))


def _fold(source: Node, affine: Affine) -> Node | None:
    width = source.shape[-1] if source.shape else 1
    if isinstance(source, (Multiply, Sum)):
        if affine.scale.size != 1 or affine.offset.any():
            return None
        return dataclasses.replace(source, scale=source.scale * float(affine.scale.reshape(())))
    scale, offset = _last_axis(affine.scale, width), _last_axis(affine.offset, width)
    if scale is None:
        return None
    if isinstance(source, Linear):
        if source.shape != affine.shape:
            return None
        bias = source.bias * affine.scale + affine.offset if offset is None else source.bias * scale + offset
        return dataclasses.replace(source, weight=source.weight * scale[:, None], bias=bias)
    if offset is None:
        return None
    if isinstance(source, Conv):
        return dataclasses.replace(source, weight=source.weight * scale, bias=source.bias * scale + offset)
    if isinstance(source, LayerNorm):
        return dataclasses.replace(source, gamma=source.gamma * scale, beta=source.beta * scale + offset)
    return None


def _turn(source: Node, gather: Gather) -> Node | None:
    """Return a product that writes its elements in the order of the only gather that reads it."""
    if not isinstance(source, Multiply):
        return None
    sides, out = source.subscripts.split("->")
    sizes: dict[str, int] = {}
    for letters, view in zip(sides.split(","), source.views, strict=True):
        sizes |= dict(zip(letters, view, strict=True))
    inverse = _inverse(gather.index.ravel(), int(np.prod(source.shape)))
    if inverse is None:
        return None
    # where each element goes, seen along the letters of the product
    order = view_order(inverse.reshape([sizes[x] for x in out]), inverse.size)
    if order is None:
        return None
    return dataclasses.replace(source, subscripts=f"{sides}->{''.join(out[axis] for axis in order)}", shape=gather.shape)


def _inverse(index: np.ndarray, size: int) -> np.ndarray | None:
    """Return the inverse of a permutation, or None for what is none."""
    if index.size != size or (index < 0).any() or (np.bincount(index, minlength=size) != 1).any():
        return None
    inverse = np.empty(size, dtype=np.int64)
    inverse[index] = np.arange(size)
    return inverse
