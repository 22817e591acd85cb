"""Fourth pass: the edges of one population, in whole numbers.

With u the real value of one accumulator unit, a term worth w real units becomes round(w / u). A linear map has 8-bit weights (or as
many as asked for) and, where other terms need a finer u than its weights can have, a whole gain. Products have no weights: their
gain alone fits them to u.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import NamedTuple, final

import numpy as np

from snnsim.conversion.terms import Mapped, Multiplied, Point, Term, uniform
from snnsim.conversion.whole import Rounding, best_share, nearest, round_half_up
from snnsim.errors import ConversionError
from snnsim.graph.integer import DenseEdge, Edge, FiltersEdge, PointEdge, ProductEdge
from snnsim.graph.nodes import Shape

#: a whole weight that stands for a real one is at least this large, so that its rounding is at most one part in twice as much
_FINE = 256
_FINEST_GAIN = 1024
_ROOM_BITS = 30
#: a threshold is at least this many accumulator units, so that rounding it scales the weights by one part in twice as many at most
_FINE_THRESHOLD = 64
#: and this many where the unit is given: then the step of the output moves, not the weights
_FINE_GIVEN = 16


class Source(NamedTuple):
    """A population that edges read: its shape, the real value of what its units emit, float64 broadcast to it, and their largest."""

    shape: Shape
    scale: np.ndarray
    largest: int


@final
class Accumulator:
    """The terms of one population with the real values of their sources folded in.

    Attributes
    ----------
    exact : bool            u is given by the sources and cannot be chosen: products, or units, of one step (in every channel)
    unit : float64[width]   the finest u that the weights allow, per channel
    """

    def __init__(
        self,
        name: str,
        shape: Shape,
        terms: tuple[Term, ...],
        sources: Mapping[str, Source],
        weight_bits: int,
        *,
        channels: bool = True,
        rounding: Rounding = nearest,
    ) -> None:
        self.name, self.shape, self.terms, self.sources, self.rounding = name, shape, terms, sources, rounding
        self.weight_max = 2 ** (weight_bits - 1) - 1
        self.weights = {i: self._real_weight(term) for i, term in enumerate(terms) if isinstance(term, Mapped)}
        self.points = {i: self._real_point(term) for i, term in enumerate(terms) if isinstance(term, Point)}
        self.products = {i: self._real_product(term) for i, term in enumerate(terms) if isinstance(term, Multiplied)}
        self.finest = {i: np.abs(w).reshape(-1, w.shape[-1]).max(axis=0) / self.weight_max for i, w in self.weights.items()}
        self.finest = {i: finest * best_share(self.weights[i], self.weight_max) for i, finest in self.finest.items()}
        self.gains = dict.fromkeys(self.weights, 1)
        self.exact = False
        self.unit = self._unit(channels)

    def _element_scale(self, source: str, index: np.ndarray | None) -> np.ndarray:
        """Return what the units of a layout are worth: one number, or float64[*layout]."""
        about = self.sources[source]
        if about.scale.ndim == 0:
            return about.scale
        flat = np.broadcast_to(about.scale, about.shape).ravel()
        return flat if index is None else np.where(index < 0, 0.0, flat[index])

    def _real_weight(self, term: Mapped) -> np.ndarray:
        scale = self._element_scale(term.source, term.index)
        if scale.ndim == 0:
            return term.weight * scale
        if term.conv is None:
            rows = scale.reshape(-1, len(term.weight))
            return term.weight * rows.max(axis=0)[:, None]  # the same in every row where something stands, 0 elsewhere
        inputs, outputs = term.weight.shape[-2:]
        groups = term.conv.groups
        channels = scale.reshape(-1, inputs * groups).max(axis=0)
        return term.weight * np.repeat(channels.reshape(groups, inputs).T, outputs // groups, axis=1)

    def _real_point(self, term: Point) -> np.ndarray:
        scale = self._element_scale(term.source, term.index)
        if term.index is None and scale.ndim:
            scale = scale.reshape(1, *self.shape)
        real = term.coefficient * scale
        if term.index is not None and real.ndim:
            real = np.where(term.index < 0, 0.0, np.broadcast_to(real, term.index.shape))
        return real

    def _real_product(self, term: Multiplied) -> np.ndarray:
        """Return what a product of two whole numbers is worth, one number or float64[width]."""
        left, right = self._element_scale(term.left, term.left_index), self._element_scale(term.right, term.right_index)
        if left.ndim == right.ndim == 0:
            return term.scale * left * right
        operands = [
            np.broadcast_to(scale.reshape(view) if scale.ndim else scale, view)
            for scale, view in zip((left, right), term.views, strict=True)
        ]
        there = [(operand > 0.0).astype(np.float64) for operand in operands]
        total, count = (np.einsum(term.subscripts, *pair, optimize=True).reshape(-1, self.shape[-1]) for pair in (operands, there))
        worth = term.scale * total.sum(axis=0) / np.maximum(count.sum(axis=0), 1.0)  # where they meet it is the same: see `channels`
        return worth if np.ptp(worth) > 1e-9 * np.abs(worth).max() else np.asarray(worth.mean())

    def _unit(self, channels: bool) -> np.ndarray:
        width = self.shape[-1]
        others = [np.abs(real[real != 0.0]) for real in map(np.asarray, self.points.values())]
        others += [np.abs(p).ravel() for p in self.products.values()]
        present = np.concatenate([np.zeros(0), *others])
        if self.finest:
            largest = np.max(list(self.finest.values()), axis=0)
            if not largest.any() and not present.size:
                raise ConversionError(f"Graph node {self.name!r} has only zero weights: it computes a constant. Remove it from the model.")
        if self.finest and largest.any():
            base = np.min([np.where(f > 0.0, f, np.inf) for f in self.finest.values()], axis=0)
            base = np.where(np.isfinite(base), base, largest.max())
            base = np.maximum(base, largest.max() * 2.0**-16)  # a channel without weights still needs a threshold
            if present.size:
                room = 2.0**_ROOM_BITS / (self._worst() / base).max()  # so that a finer unit does not overflow
                base = base / np.clip(np.ceil(_FINE * (base / present.min()).max()), 1, np.clip(np.floor(room), 1, _FINEST_GAIN))
            for i, finest in self.finest.items():
                self.gains[i] = max(1, int(np.ceil((finest / base).max() - 1e-9)))
            return base
        if not present.size:
            raise ConversionError(f"Graph node {self.name!r} adds up nothing: it computes a constant. Remove it from the model.")
        steps = [np.broadcast_to(np.abs(p), (1, width)) for p in self.products.values()]
        for i, real in self.points.items():
            there = self.terms[i].index  # type: ignore[union-attr]
            spread = np.broadcast_to(np.abs(real), (1, *self.shape) if there is None else there.shape).reshape(-1, width)
            steps.append(spread if there is None else np.where(there.reshape(-1, width) < 0, np.nan, spread))
        every = np.concatenate(steps)
        coarse, fine = np.nanmax(every, axis=0, initial=0.0), np.nanmin(every, axis=0, initial=np.inf)
        fine = np.where(np.isfinite(fine) & (fine > 0.0), fine, present.max())
        same = channels or np.allclose(present, present[0], rtol=1e-12, atol=0.0)
        if same and np.allclose(coarse[coarse > 0.0], fine[coarse > 0.0], rtol=1e-12, atol=0.0):
            self.exact = True
            return fine
        room = self._worst().max() / 2.0**_ROOM_BITS  # so that a finer unit does not overflow
        finest = max(present.min() / _FINEST_GAIN, present.max() / 2.0**24, room)
        return np.full(width, _fitting([np.abs(p).ravel() for p in self.products.values()], finest))

    def _worst(self) -> np.ndarray:
        """Return the largest magnitude that the terms can add up to, in real units, per channel or as one number."""
        worst = np.zeros(self.shape[-1])
        for i, term in enumerate(self.terms):
            match term:
                case Mapped():
                    weight = np.abs(self.weights[i])
                    worst = worst + weight.reshape(-1, weight.shape[-1]).sum(axis=0) * self.sources[term.source].largest
                case Point():
                    summed = 1 if term.index is None else len(term.index)
                    worst = worst + np.abs(self.points[i]).max() * self.sources[term.source].largest * summed
                case Multiplied():
                    left, out = term.subscripts.split(",")[0], term.subscripts.split("->")[1]
                    summed = prod(n for label, n in zip(left, term.views[0], strict=True) if label not in out)
                    operands = self.sources[term.left].largest * self.sources[term.right].largest
                    worst = worst + np.abs(self.products[i]) * operands * summed
        return worst

    def refine(self, step: np.ndarray) -> None:
        """Make the unit finer by a gain, where a threshold worth `step` would hold few of them."""
        fine = _FINE_GIVEN if self.exact else _FINE_THRESHOLD
        gain = int(np.ceil(fine / max(float((step / self.unit).min()), 1e-3)))
        if gain > 1:
            self.unit = self.unit / gain
            self.gains = {i: own * gain for i, own in self.gains.items()}

    def edges(self, unit: np.ndarray) -> tuple[Edge, ...]:
        """Return the edges for accumulator units worth `unit`, float64[width], at least as coarse as `self.unit`."""
        return tuple(self._edge(i, term, unit) for i, term in enumerate(self.terms))

    def _edge(self, i: int, term: Term, unit: np.ndarray) -> Edge:
        match term:
            case Mapped():
                return self._mapped(i, term, unit)
            case Point():
                whole = round_half_up(self.points[i] / unit)
                return PointEdge(term.source, _smallest(whole, self.shape), term.index)
            case Multiplied():
                gain = int(round_half_up((self.products[i] / unit).mean()))
                return ProductEdge(term.left, term.right, term.subscripts, term.views, gain, term.left_index, term.right_index)

    def _mapped(self, i: int, term: Mapped, unit: np.ndarray) -> Edge:
        gain = self.gains[i]
        whole = self.rounding(term, self.weights[i] / (unit * gain), self.weight_max)
        weight = np.ascontiguousarray(whole, dtype=np.int8 if self.weight_max <= 127 else np.int16)
        weight.flags.writeable = False
        if term.conv is None:
            return DenseEdge(term.source, weight, gain, term.index)
        conv = term.conv
        return FiltersEdge(term.source, weight, term.space, conv.stride, conv.padding, conv.dilation, conv.groups, gain, term.index)


def _fitting(products: list[np.ndarray], finest: float) -> float:
    """Return the unit in 1 .. 2 times the finest of which all products are most nearly whole multiples: gains are whole."""
    worths = np.unique(np.concatenate([np.zeros(0), *products]))
    worths = worths[worths > 0.0]
    if not worths.size or worths[-1] < finest:
        return finest
    most = int(worths[-1] / finest)
    units = worths[-1] / np.arange(max(1, most // 2), most + 1)
    missed = np.abs(np.floor(worths / units[:, None] + 0.5) * units[:, None] / worths - 1.0).max(axis=1)
    return float(units[missed.argmin()])


def _smallest(weight: np.ndarray, shape: Shape) -> np.ndarray:
    """Return point weights int32 in the fewest numbers: one, one per channel, or one per place."""
    if np.abs(weight).max(initial=0) >= 2**31:
        raise ConversionError("A weight between populations needs more than 32 bits. Rescale the model.")
    if (one := uniform(weight)) is not None:
        return np.array(int(one), dtype=np.int32)
    rows = np.broadcast_to(weight, (*weight.shape[: weight.ndim - 1], shape[-1])).reshape(-1, shape[-1])
    if (rows == rows[0]).all():
        return rows[0].astype(np.int32)
    full = np.broadcast_to(weight, np.broadcast_shapes(weight.shape, (1, *shape)))
    return (full[0] if len(full) == 1 else full).astype(np.int32)
