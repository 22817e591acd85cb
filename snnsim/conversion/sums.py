"""The sums of a plan: what a linear map, a convolution, a product or a sum of values adds up, in units of populations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from snnsim.conversion.terms import Mapped, Multiplied, Point, Sources, Term, by_channel, uniform
from snnsim.graph.nodes import Add, Affine, Conv, Linear, Multiply, Node, Sum, convolve

#: terms, and a bias broadcast to their shape
Summed = tuple[tuple[Term, ...], np.ndarray]


class Needed(Exception):
    """A node must be a population after all."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def sum_of(node: Node, value: Callable[[str], Sources], terms: Callable[[str], Summed]) -> Summed:
    """Return the terms and the bias of a node that adds up.

    value, terms : functions of a node's name   it as units of populations; it as terms and a bias

    Raises Needed for a node that must be a population first.
    """
    match node:
        case Linear():
            return _linear(node, value(node.inputs[0]))
        case Conv():
            return _conv(node, value(node.inputs[0]))
        case Multiply():
            return _product(node, [value(source) for source in node.inputs]), np.zeros(())
        case Sum():
            return _summed(node, value(node.inputs[0]))
        case Add():
            parts = [terms(source) for source in node.inputs]
            return tuple(term for added, _ in parts for term in added), sum((bias for _, bias in parts), start=np.zeros(()))
        case Affine():
            inner, bias = terms(node.inputs[0])
            return tuple(_scaled(node, term) for term in inner), bias * node.scale + node.offset
    raise AssertionError(type(node).__name__)


def _linear(node: Linear, value: Sources) -> Summed:
    terms = []
    for name, index in value.parts():
        factor = by_channel(value.coefficient, index, value.shape)
        if factor is None:
            raise Needed(node.inputs[0])
        terms.append(Mapped(name, index, node.weight.T * factor[:, None], value.shape, name=node.name))
    offset = np.broadcast_to(value.offset, value.shape) @ node.weight.T if value.offset.any() else 0.0
    return tuple(terms), np.asarray(node.bias + offset)


def _conv(node: Conv, value: Sources) -> Summed:
    terms = []
    for name, index in value.parts():
        factor = by_channel(value.coefficient, index, value.shape)
        if factor is None:
            raise Needed(node.inputs[0])
        inputs, outputs = node.weight.shape[-2:]
        # Channel i of group g, in front of the channels out of group g.
        taps = np.repeat(factor.reshape(node.groups, inputs).T, outputs // node.groups, axis=1)
        terms.append(Mapped(name, index, node.weight * taps, value.shape, node, node.name))
    bias = np.asarray(node.bias)
    if value.offset.any():
        constant = np.broadcast_to(value.offset, value.shape)[None]
        bias = bias + convolve(constant, node.shape, node.weight, node.stride, node.padding, node.dilation, node.groups)[0]
    return tuple(terms), bias


def _product(node: Multiply, values: list[Sources]) -> tuple[Term, ...]:
    sides = []
    scale = node.scale
    for source, value in zip(node.inputs, values, strict=True):
        factor = uniform(value.coefficient, value.index >= 0)
        if factor is None or value.offset.any():
            raise Needed(source)
        scale *= factor
        sides.append(value.parts())
    return tuple(
        Multiplied(left, right, left_index, right_index, node.subscripts, node.views, scale)
        for left, left_index in sides[0]
        for right, right_index in sides[1]
    )


def _summed(node: Sum, value: Sources) -> Summed:
    spread = value.coefficient.ndim > 0
    coefficient = np.moveaxis(np.broadcast_to(value.coefficient, value.shape), -1, 0) if spread else value.coefficient
    points = []
    for name, index in value.parts():
        if index is None:
            index = np.arange(int(np.prod(value.shape)), dtype=np.int32).reshape(value.shape)
        moved = np.ascontiguousarray(np.moveaxis(index, -1, 0))
        points.append(Point(name, moved if moved.ndim > 1 else moved[:, None], _column(coefficient, moved) * node.scale))
    return tuple(points), np.broadcast_to(value.offset, value.shape).sum(axis=-1) * node.scale


def _scaled(node: Affine, term: Term) -> Term:
    """Return a term of the sum that `node` scales, scaled."""
    shape = node.shape
    match term:
        case Point():
            return Point(term.source, term.index, term.coefficient * np.asarray(node.scale))
        case Mapped():
            factor = by_channel(node.scale, None, shape)
            if factor is None:
                raise Needed(node.inputs[0])
            return Mapped(term.source, term.index, term.weight * factor, term.space, term.conv, term.name)
        case Multiplied():
            one = uniform(node.scale)
            if one is None:
                raise Needed(node.inputs[0])
            views = (term.left_index, term.right_index, term.subscripts, term.views)
            return Multiplied(term.left, term.right, *views, term.scale * one)


def _column(coefficient: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return coefficients that go with an index; one number of the user's is one unit in a row."""
    return coefficient[:, None] if index.ndim == 1 and coefficient.ndim else coefficient
