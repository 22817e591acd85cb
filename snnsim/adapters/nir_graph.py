"""A NIR graph made flat: nested graphs opened, every shape known, every edge checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from snnsim.adapters.nir_library import array, library
from snnsim.adapters.nir_maps import LINEAR, Map, Shape
from snnsim.adapters.nir_neurons import NEURONS, shape_of
from snnsim.errors import ConversionError


@dataclass(frozen=True)
class Flat:
    """Nodes by name, those of nested graphs as 'graph.node', and what follows from them.

    after : name -> the nodes its output goes to
    shapes : name -> shape of the output
    maps : name of a linear node -> its map and its bias (float64[n_out] or None)
    inputs, outputs : the Input and Output nodes of the outermost graph; those of nested graphs are linear nodes
    """

    nodes: dict[str, Any]
    after: dict[str, list[str]]
    shapes: dict[str, Shape]
    maps: dict[str, tuple[Map, np.ndarray | None]]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def kind(self, name: str) -> str:
        """Return the type of a node, by name."""
        return type(self.nodes[name]).__name__

    @property
    def neurons(self) -> list[str]:
        """Names of the nodes that are populations of neurons."""
        return [name for name in self.nodes if self.kind(name) in NEURONS]


def flatten(graph: Any) -> Flat:
    """Return `graph` flat.

    Raises ConversionError for types that cannot be read, edges to nothing, shapes that do not fit or cannot be known.
    """
    nodes, edges = _opened(graph, "")
    kinds = {name: type(node).__name__ for name, node in nodes.items()}
    for name, kind in kinds.items():
        if kind not in LINEAR and kind not in NEURONS:
            known = ", ".join(sorted({*LINEAR, *NEURONS, "NIRGraph"}))
            raise ConversionError(
                f"NIR node {name!r} is of type {kind!r}, which cannot be read. Types that can: {known}. Replace the node."
            )
    if len(set(edges)) < len(edges):
        twice = next(edge for edge in edges if edges.count(edge) > 1)
        raise ConversionError(f"NIR edge {twice} is there twice, which NIR does not allow. Remove one, or put a Scale into one of them.")
    outer = {name for name in graph.nodes if kinds.get(name) in ("Input", "Output")}
    ends = {way: tuple(name for name in kinds if name in outer and kinds[name] == way) for way in ("Input", "Output")}
    for pre, post in edges:
        if post in ends["Input"] or pre in ends["Output"]:
            raise ConversionError(
                f"NIR edge ({pre!r}, {post!r}) leads into an Input or out of an Output of the whole graph. Turn it round."
            )
    after: dict[str, list[str]] = {name: [] for name in nodes}
    for pre, post in edges:
        after[pre].append(post)
    shapes, maps = _shapes(nodes, edges)
    return Flat(nodes, after, shapes, maps, ends["Input"], ends["Output"])


def _opened(graph: Any, stem: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return nodes and edges with those of nested graphs among them. An edge to a graph leads to its one Input."""
    kind = library().NIRGraph
    nodes: dict[str, Any] = {}
    edges: list[tuple[str, str]] = []
    ends: dict[tuple[str, str], str] = {}
    for name, node in graph.nodes.items():
        full = f"{stem}{name}"
        if isinstance(node, kind):
            inner, inner_edges = _opened(node, f"{full}.")
            for way in ("Input", "Output"):
                found = [f"{full}.{each}" for each, part in node.nodes.items() if type(part).__name__ == way]
                ends[full, way] = found[0] if len(found) == 1 else ""
            new, edges = inner, edges + inner_edges
        else:
            new = {full: node}
        if set(new) & set(nodes):
            raise ConversionError(f"NIR node {min(set(new) & set(nodes))!r} is there twice once nested graphs are opened. Rename one.")
        nodes |= new
    for pre, post in graph.edges:
        edges.append((_end(graph, stem, pre, "Output", ends), _end(graph, stem, post, "Input", ends)))
    return nodes, edges


def _end(graph: Any, stem: str, name: str, way: str, ends: dict[tuple[str, str], str]) -> str:
    full = f"{stem}{name}"
    if name not in graph.nodes:
        raise ConversionError(f"NIR edge names {full!r}, which is no node. Nodes: {', '.join(graph.nodes)}. Correct the edge.")
    end = ends.get((full, way), full)
    if not end:
        raise ConversionError(f"NIR graph {full!r} must have one {way} to be joined by an edge. Join its nodes directly, or nest less.")
    return end


def _declared(name: str, node: Any) -> Shape | None:
    """Return the shape of the input that a node states itself."""
    kind = type(node).__name__
    if kind in NEURONS:
        return shape_of(name, node)
    given = getattr(node, "output_type" if kind == "Output" else "input_type", None) if kind in ("Input", "Output", "Flatten") else None
    value = next(iter(given.values()), None) if isinstance(given, dict) else None
    if value is not None:
        return tuple(int(size) for size in np.ravel(array(value)))
    if kind in ("Scale", "Delay"):
        return array(node.scale if kind == "Scale" else node.delay).shape or None
    if kind in ("Affine", "Linear"):
        weight = array(node.weight).shape
        return (*weight[:-2], weight[-1]) if len(weight) > 1 else None
    if kind in ("Conv1d", "Conv2d") and node.input_shape is not None:
        size = tuple(int(n) for n in np.ravel(array(node.input_shape)))
        return (array(node.weight).shape[1] * int(np.ravel(array(node.groups))[0]), *size)
    return None


@contextmanager
def _damage(name: str, node: Any) -> Iterator[None]:
    """Say of which node a field is that no number or shape can be made of."""
    try:
        yield
    except (TypeError, ValueError, IndexError, OverflowError, MemoryError) as error:
        raise ConversionError(
            f"NIR node {name!r} of type {type(node).__name__} has a field of no known form ({type(error).__name__}: {error}). Correct it."
        ) from error


def _shapes(nodes: dict[str, Any], edges: list[tuple[str, str]]) -> tuple[dict[str, Shape], dict[str, tuple[Map, np.ndarray | None]]]:
    """Return the shape of every output, and the maps of linear nodes; shapes travel along edges where a node does not state its own."""
    entry: dict[str, Shape] = {}
    for name, node in nodes.items():
        with _damage(name, node):
            shape = _declared(name, node)
        if shape is not None:
            entry[name] = shape
    shapes: dict[str, Shape] = {}
    maps: dict[str, tuple[Map, np.ndarray | None]] = {}
    waiting = list(nodes)
    while waiting:
        for pre, post in edges:
            if pre in shapes:
                entry.setdefault(post, shapes[pre])
        ready = [name for name in waiting if name in entry]
        if not ready:
            raise ConversionError(
                f"NIR node {waiting[0]!r}: the shape of its input is not known: no node before it states one. Give an Input with a shape."
            )
        for name in ready:
            shapes[name] = entry[name]
            if type(nodes[name]).__name__ in LINEAR:
                with _damage(name, nodes[name]):
                    shapes[name], made, bias = LINEAR[type(nodes[name]).__name__](name, nodes[name], entry[name])
                maps[name] = made, bias
        waiting = [name for name in waiting if name not in ready]
    for pre, post in edges:
        if shapes[pre] != entry[post]:
            raise ConversionError(
                f"NIR edge ({pre!r}, {post!r}) joins an output of shape {shapes[pre]} to an input of shape {entry[post]}, which must be "
                "the same. Correct the nodes, or put a Flatten between them."
            )
    return shapes, maps
