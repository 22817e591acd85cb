"""A product of two populations, for integer units."""

from __future__ import annotations

from math import prod
from typing import final

import numpy as np

from snnsim.connect.base import Connector, Shape
from snnsim.connect.views import View
from snnsim.errors import ParameterError, WiringError
from snnsim.units import check_integer


@final
class Product(Connector):
    """One side of a product of two populations, as in attention: an event of one meets the value of the other.

    partner : Population   the other operand
    subscripts : str       Einstein summation 'pre,partner->post' over the axes, for example 'ihd,jhd->hij'

    shape : tuple of int   in which the partner is read, where it is `Gathered`; default its own
    only : (str, bool[...])   letters, and which of their places have synapses; default all. A causal mask for 'ihd,jhd->hij' is
                           ('ij', i >= j): what it blocks is neither delivered nor counted. Every unit of either side must have
                           its synapses in one piece

    An operand may carry merged axes, (tokens, width) for 'ihd': sizes follow from the populations whose axes are all named.
    Give the mirrored projection of the partner as well; together they keep ``acc = sum(pre * partner)`` for every order of events.
    """

    weighted = True

    def __init__(self, partner: object, subscripts: str, shape: Shape | None = None, only: tuple[str, np.ndarray] | None = None) -> None:
        self.partner = partner
        self.shape = None if shape is None else tuple(check_integer("Product.shape", size, low=1) for size in shape)
        if not isinstance(subscripts, str):
            raise ParameterError(f"Product.subscripts = {subscripts!r} must be a text such as 'ihd,jhd->hij'.")
        self.subscripts = subscripts.replace(" ", "")
        sides, arrow, out = self.subscripts.partition("->")
        operands = sides.split(",")
        labels = "".join([*operands, out])
        if not arrow or len(operands) != 2 or not labels.isalpha() or not out:
            raise ParameterError(f"Product.subscripts = {subscripts!r} must read 'pre,partner->post', for example 'ihd,jhd->hij'.")
        if any(len(set(part)) != len(part) for part in (*operands, out)):
            raise ParameterError(f"Product.subscripts = {subscripts!r} repeats a letter within one operand. Use distinct letters.")
        if not set(out) <= set(operands[0]) | set(operands[1]):
            raise ParameterError(f"Product.subscripts = {subscripts!r}: every letter after -> must occur before it.")
        lonely = (set(operands[0]) ^ set(operands[1])) - set(out)
        if lonely:
            raise ParameterError(f"Product.subscripts = {subscripts!r} sums {sorted(lonely)} over one operand only. Name it after ->.")
        self.pre_labels, self.partner_labels = operands
        self.post_labels = out
        self.only = None if only is None else self._checked(only)

    def _checked(self, only: tuple[str, np.ndarray]) -> tuple[str, np.ndarray]:
        letters, places = only[0], np.array(only[1])
        known = set(self.pre_labels) | set(self.partner_labels)
        if places.dtype != np.bool_ or places.ndim != len(letters) or len(set(letters)) != len(letters) or not set(letters) <= known:
            raise ParameterError(
                f"Product.only = ({letters!r}, {places.dtype}{list(places.shape)}) must be distinct letters of '{self.subscripts}' and a "
                "bool array with one axis for each. Correct it."
            )
        places.flags.writeable = False
        return letters, places

    def same_synapses(self, other: Product) -> bool:
        """Whether both sides of a product leave out the same synapses."""
        if self.only is None or other.only is None:
            return self.only is other.only
        return self.only[0] == other.only[0] and np.array_equal(self.only[1], other.only[1])

    def limits(self, sizes: dict[str, int]) -> np.ndarray | None:
        """Return where the synapses of each place of `pre` begin and end among the free places of the partner, int32[n, 2].

        None where there is no `only`, or where some place has its synapses in more than one piece.
        """
        if self.only is None:
            return None
        letters, places = self.only
        free = "".join(label for label in self.partner_labels if label not in self.pre_labels)
        order = sorted(range(len(letters)), key=lambda axis: (self.pre_labels + free).index(letters[axis]))
        kept = [sizes[label] if label in letters else 1 for label in self.pre_labels + free]
        full = np.broadcast_to(places.transpose(order).reshape(kept), [sizes[label] for label in self.pre_labels + free])
        there = full.reshape(prod(sizes[label] for label in self.pre_labels), -1)
        count = there.sum(axis=1)
        first = np.where(count > 0, there.argmax(axis=1), 0)
        end = np.where(count > 0, there.shape[1] - there[:, ::-1].argmax(axis=1), 0)
        return np.stack([first, end], axis=1).astype(np.int32) if (end - first == count).all() else None

    def sizes(self, where: str, pre: Shape, partner: Shape, post: Shape) -> dict[str, int]:
        """Return the size of every letter. Raises WiringError when the three shapes do not agree."""
        operands = [(self.pre_labels, pre), (self.partner_labels, partner), (self.post_labels, post)]
        sizes: dict[str, int] = {}
        for labels, shape in operands:
            if len(labels) == len(shape):
                sizes |= dict(zip(labels, shape, strict=True))
        for labels, shape in operands * 2:  # an operand with one open axis gives its size; twice, as one may open another
            missing = [label for label in labels if label not in sizes]
            known = prod(sizes.get(label, 1) for label in labels)
            if len(missing) == 1 and prod(shape) % known == 0:
                sizes[missing[0]] = prod(shape) // known
        if any(prod(sizes.get(label, 0) for label in labels) != prod(shape) for labels, shape in operands):
            raise WiringError(f"{where}: Product '{self.subscripts}' does not fit {pre} x {partner} -> {post}. Check letters and shapes.")
        if self.only is not None and self.only[1].shape != tuple(sizes[label] for label in self.only[0]):
            letters, places = self.only
            raise WiringError(f"{where}: Product.only has shape {places.shape} for {letters!r}, which does not fit {sizes}. Correct it.")
        return sizes

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        shape = getattr(self.partner, "shape", None)
        if shape is None or isinstance(self.partner, View):
            raise WiringError(f"{where}: Product.partner = {self.partner!r} must be a Population, and a whole one.")
        self.sizes(where, pre, self.shape or shape, post)
