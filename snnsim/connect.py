"""Connectors: who connects to whom. A connector knows shapes, never models.

`Sparse` connectors list synapses one by one (biological networks). `Structured` ones, for integer units, compute
their fan-out: a dense matrix shared by all tokens is stored once, and a product of two populations stores nothing.
"""

from __future__ import annotations

from math import prod
from typing import ClassVar, NamedTuple, final

import numpy as np

from snnsim.errors import ParameterError, WiringError
from snnsim.units import as_integers, check_bool, check_number

Shape = tuple[int, ...]


class Synapses(NamedTuple):
    """Synapses in order of source, then target.

    source, target : int64[n_synapses]   indices into the flattened populations
    entry : int64[n_synapses] or None    position in the user's arrays, where a connector was given arrays
    """

    source: np.ndarray
    target: np.ndarray
    entry: np.ndarray | None = None


class Connector:
    """Base of all connectors.

    weighted : bool   whether a projection may give it weights; False where it carries its own or takes none
    """

    weighted: ClassVar[bool] = False

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        """Refuse shapes this connector cannot join. `where` names the projection in the error."""
        raise NotImplementedError(f"{type(self).__name__}.check")  # a connector must say what it accepts


class Sparse(Connector):
    """A connector that can list its synapses."""

    weighted = True

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        """Any two shapes can be joined by a list of synapses."""

    def synapses(self, n_pre: int, n_post: int, *, same: bool, random: np.random.Generator) -> Synapses:
        """Return the synapses between `n_pre` sources and `n_post` targets.

        same : bool          whether pre and post are one population (autapses are then left out)
        random : Generator   used by connectors that draw; others ignore it
        """
        raise NotImplementedError(f"{type(self).__name__}.synapses")


@final
class OneToOne(Sparse):
    """Neuron i of the pre population to neuron i of the post population. Also joins integer units.

    Raises WiringError when the two populations have different sizes.
    """

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        if prod(pre) != prod(post):
            raise WiringError(
                f"{where}: OneToOne joins {prod(pre)} to {prod(post)} units; both sides need the same number. "
                "Use AllToAll, FixedProbability or FromArrays."
            )

    def synapses(self, n_pre: int, n_post: int, *, same: bool, random: np.random.Generator) -> Synapses:
        index = np.arange(n_pre, dtype=np.int64)
        return Synapses(index, index)


@final
class AllToAll(Sparse):
    """Every pre neuron to every post neuron.

    autapses : bool   also connect a neuron to itself when pre and post are one population (default no)
    """

    def __init__(self, *, autapses: bool = False) -> None:
        self.autapses = check_bool(f"{type(self).__name__}.autapses", autapses)

    def synapses(self, n_pre: int, n_post: int, *, same: bool, random: np.random.Generator) -> Synapses:
        source = np.repeat(np.arange(n_pre, dtype=np.int64), n_post)
        target = np.tile(np.arange(n_post, dtype=np.int64), n_pre)
        if same and not self.autapses:
            keep = source != target
            source, target = source[keep], target[keep]
        return Synapses(source, target)


@final
class FixedProbability(Sparse):
    """Every possible synapse exists independently with probability p (a directed Erdos-Renyi graph).

    p : float         in [0, 1]
    autapses : bool   also allow a neuron to connect to itself (default no)

    The draw jumps over absent synapses by geometric gaps, so its cost is that of the synapses made, not of the pairs.
    """

    def __init__(self, p: float, *, autapses: bool = False) -> None:
        number = check_number("FixedProbability.p", p, ge=0.0, le=1.0)
        if isinstance(number, np.ndarray):
            raise ParameterError(f"FixedProbability.p = {p!r} must be one number. Give a float.")
        self.p = number
        self.autapses = check_bool(f"{type(self).__name__}.autapses", autapses)

    def synapses(self, n_pre: int, n_post: int, *, same: bool, random: np.random.Generator) -> Synapses:
        pairs = n_pre * n_post
        if self.p * pairs < 2.0**-60:  # no synapse in any run of any length, and logarithms that stay normal
            empty = np.empty(0, dtype=np.int64)
            return Synapses(empty, empty)
        chosen = np.arange(pairs, dtype=np.int64) if self.p == 1.0 else self._jump(pairs, random)
        source, target = np.divmod(chosen, n_post)
        if same and not self.autapses:
            keep = source != target
            source, target = source[keep], target[keep]
        return Synapses(source, target)

    def _jump(self, pairs: int, random: np.random.Generator) -> np.ndarray:
        expected = pairs * self.p
        chunk = int(expected + 6.0 * np.sqrt(expected) + 16.0)
        parts, last = [], -1
        while last < pairs:
            # 1 - random() lies in (0, 1], so its logarithm is finite.
            gaps = np.floor(np.log(1.0 - random.random(chunk)) / np.log1p(-self.p))
            places = last + np.cumsum(np.minimum(gaps, pairs).astype(np.int64) + 1)
            parts.append(places)
            last = int(places[-1])
        chosen = np.concatenate(parts)
        return chosen[chosen < pairs]


@final
class FromArrays(Sparse):
    """Synapses listed by the user.

    source, target : int[n_synapses]   indices into the flattened pre and post populations
    Array weights and delays of the projection follow the same order.

    Raises ParameterError for arrays of different length or not of integers, WiringError for an index out of range.
    """

    def __init__(self, source: np.ndarray, target: np.ndarray) -> None:
        self.source, self.target = (
            as_integers(f"FromArrays.{name}", values, low=-(2**62), high=2**62) for name, values in (("source", source), ("target", target))
        )
        for name, array in (("source", self.source), ("target", self.target)):
            if array.ndim != 1:
                raise ParameterError(f"FromArrays.{name} has shape {array.shape} but must be a list of indices.")
            array.flags.writeable = False
        if len(self.source) != len(self.target):
            raise ParameterError(
                f"FromArrays: source has {len(self.source)} and target {len(self.target)} entries; each synapse needs one of both."
            )

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        for name, index, size in (("source", self.source, prod(pre)), ("target", self.target, prod(post))):
            bad = index[(index < 0) | (index >= size)]
            if bad.size:
                raise WiringError(f"{where}: FromArrays.{name} holds {bad[0]} but must lie in 0 .. {size - 1}. Correct the index.")

    def synapses(self, n_pre: int, n_post: int, *, same: bool, random: np.random.Generator) -> Synapses:
        entry = np.lexsort((self.target, self.source))
        return Synapses(self.source[entry], self.target[entry], entry)


@final
class Dense(Connector):
    """A weight matrix over the last axis, shared by all leading positions (tokens).

    weight : int8[width_in, width_out]   row = source channel, so that one event reads one contiguous row

    Joins (..., width_in) to (..., width_out) with equal leading axes.
    """

    def __init__(self, weight: np.ndarray) -> None:
        array = as_integers("Dense.weight", weight, low=-127, high=127)
        if array.ndim != 2:
            raise ParameterError(f"Dense.weight has shape {array.shape} but must be a matrix (width_in, width_out).")
        self.weight = np.ascontiguousarray(array, dtype=np.int8)
        self.weight.flags.writeable = False

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        wanted = (pre[:-1], pre[-1], post[-1])
        if (post[:-1], *self.weight.shape) != wanted:
            raise WiringError(
                f"{where}: Dense.weight {self.weight.shape} cannot join {pre} to {post}: it needs shape ({pre[-1]}, {post[-1]}) "
                "and equal leading axes."
            )


@final
class SumOver(Connector):
    """Sum over the leading axis: (positions, width) to (width,). Pooling over tokens."""

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        if len(pre) < 2 or pre[1:] != post:
            raise WiringError(f"{where}: SumOver joins (positions, *shape) to shape, not {pre} to {post}.")


@final
class Product(Connector):
    """One side of a product of two populations, as in attention: an event of one meets the value of the other.

    partner : Population   the other operand
    subscripts : str       Einstein summation 'pre,partner->post' over the axes, for example 'ihd,jhd->hij'

    An operand may carry merged axes, (tokens, width) for 'ihd': sizes follow from the populations whose axes are all named.
    Give the mirrored projection of the partner as well; together they keep ``acc = sum(pre * partner)`` for every order of events.
    """

    def __init__(self, partner: object, subscripts: str) -> None:
        self.partner = partner
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
        return sizes

    def check(self, where: str, pre: Shape, post: Shape) -> None:
        shape = getattr(self.partner, "shape", None)
        if shape is None:
            raise WiringError(f"{where}: Product.partner = {self.partner!r} must be a Population.")
        self.sizes(where, pre, shape, post)
