"""Third pass: which channels of a population may have a step of their own.

Every neuron has thresholds of its own, so a step per channel is free wherever the readers can carry it:

- a linear map takes the steps into its weights;
- a product carries the step of a channel that its result keeps (values, in attention) on to the thresholds of that channel;
- a product that sums over a channel (queries and keys) needs the two steps that meet to have one product for all: a pair.

Channels for which none of these holds share a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, final

import numpy as np

from snnsim.conversion.plan import Plan, Planned
from snnsim.conversion.terms import Mapped, Multiplied, Point, by_channel, sources_of
from snnsim.graph.nodes import Input, Max, Softmax


class Pair(NamedTuple):
    """Channels of two populations that meet in a product, one to one: int64[n] each."""

    left: str
    right: str
    left_channels: np.ndarray
    right_channels: np.ndarray


@final
@dataclass(frozen=True, eq=False)
class Channels:
    """What is free in the choice of steps.

    able : mapping of name to bool       a step per channel; False: one for all
    together : list of (name, int64[n])  channels that must have the same step
    pairs : list of Pair                 steps whose product must be the same in every place
    """

    able: dict[str, bool]
    together: list[tuple[str, np.ndarray]] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)

    def covered(self, largest: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        r"""Return which magnitude the levels of each channel must cover, float64[channels] by name, at least the `largest` given.

        In a pair both sides get the same relative room: with :math:`t = \max_c \sqrt{x_c y_c}`,

        .. math:: x'_c = t \sqrt{x_c / y_c}, \quad y'_c = t \sqrt{y_c / x_c}

        Source: the cross-layer equalisation of Nagel et al. (2019), here of the two operands of a product.
        """
        found = {name: value.copy() for name, value in largest.items()}
        for pair in self.pairs:
            x, y = found[pair.left][pair.left_channels], found[pair.right][pair.right_channels]
            most = np.sqrt(x * y).max()
            root = np.sqrt(x / y)
            found[pair.left][pair.left_channels] = np.maximum(most * root, x)  # at least x, to the last bit
            found[pair.right][pair.right_channels] = np.maximum(most / root, y)
        for name, channels in self.together:
            if name in found:
                found[name][channels] = found[name][channels].max()
        return found


def channel_ids(planned: Planned) -> np.ndarray:
    """Return the channel of every unit of a population, int64[units]: its place along the last axis, of a maximum that of its rows."""
    shape = planned.shape
    units = np.arange(int(np.prod(shape)))
    if isinstance(planned.function, Max):
        return units // shape[-1] % (shape[-2] if len(shape) > 1 else 1)
    return units % shape[-1]


def channels_of(plan: Plan) -> Channels:
    """Return for each population whether all that read it can take a step per channel, and which steps are bound to each other."""
    ids = {planned.name: channel_ids(planned) for planned in plan.populations}
    found = Channels({planned.name: not isinstance(planned.function, Softmax) for planned in plan.populations})
    able = found.able
    for planned in reversed(plan.populations):
        if isinstance(planned.node, Input) and planned.node.kind == "levels":
            able[planned.name] = False
        for term in planned.terms:
            if isinstance(term, Multiplied):
                _product(planned, term, ids, plan, found)
            elif isinstance(term, Mapped):
                width = term.weight.shape[0] if term.conv is None else term.weight.shape[-2] * term.conv.groups
                able[term.source] &= _rows_agree(term.index, ids[term.source], width)
            elif isinstance(planned.function, Max):
                # A maximum answers in the steps of what it compares, so it needs them where its readers do.
                able[term.source] &= able[planned.name] and _windows_agree(planned, term, ids[term.source])
        for term in planned.blocked:
            able[term.source] = False
    _untangle(found, ids)
    return found


def weighed(plan: Plan) -> Mapping[str, bool]:
    """Return for each population whether a weight or a product reads it, not only sums, norms and functions."""
    found = {planned.name: False for planned in plan.populations}
    for planned in reversed(plan.populations):
        for term in planned.terms:
            for source in sources_of(term):
                found[source] |= not isinstance(term, Point) or (isinstance(planned.function, Max) and found[planned.name])
    return found


def reading_weights(plan: Plan, able: Mapping[str, bool]) -> Mapping[str, np.ndarray]:
    """Return for each population with a step per channel the largest weight that reads each channel, float64[channels]."""
    found: dict[str, np.ndarray] = {}
    ids = {planned.name: channel_ids(planned) for planned in plan.populations if able[planned.name]}
    for planned in plan.populations:
        for term in planned.terms:
            if not isinstance(term, Mapped) or not able[term.source]:
                continue
            own = ids[term.source]
            groups = 1 if term.conv is None else term.conv.groups
            taps = np.abs(term.weight).reshape(-1, *term.weight.shape[-2:]).max(axis=0)  # [in / groups, out]
            rows = taps.reshape(len(taps), groups, -1).max(axis=-1).T.ravel()  # by channel in
            places = (np.arange(own.size) if term.index is None else term.index).reshape(-1, rows.size)
            weights = found.setdefault(term.source, np.zeros(int(own.max()) + 1))
            there = places >= 0
            np.maximum.at(weights, own[places[there]], np.broadcast_to(rows, places.shape)[there])
    return found


def _rows_agree(index: np.ndarray | None, ids: np.ndarray, width: int) -> bool:
    """Whether every row of a layout has the same channels of the source in the same places."""
    channel = ids.reshape(-1, width) if index is None else ids[index].reshape(-1, width)
    return by_channel(channel, index, channel.shape) is not None


def _windows_agree(planned: Planned, term: Point, ids: np.ndarray) -> bool:
    """Whether a maximum compares within one channel of its source, the one of its own row."""
    own = channel_ids(planned).reshape(planned.shape)
    channel = ids.reshape(1, *planned.shape) if term.index is None else np.where(term.index < 0, own, ids[term.index])
    return ids.max(initial=0) == own.max(initial=0) and bool((channel == own).all())


def _product(planned: Planned, term: Multiplied, ids: Mapping[str, np.ndarray], plan: Plan, found: Channels) -> None:
    """Add what one product asks of the steps of its operands."""
    sides, out = term.subscripts.split("->")
    labels = sides.split(",")
    names = (term.left, term.right)
    views = [
        _operand(ids[name], index, view) for name, index, view in zip(names, (term.left_index, term.right_index), term.views, strict=True)
    ]
    kept = len(planned.terms) == 1 and planned.function is None and not planned.readout and not _one_step(planned.name, ids, found)
    sizes = {label: size for own, view in zip(labels, term.views, strict=True) for label, size in zip(own, view, strict=True)}
    bound = [not (kept and _kept(view, own, out, sizes, planned.shape)) for view, own in zip(views, labels, strict=True)]
    if all(bound) and (pair := _pair(names, views, labels, sizes)) and all(_thresholds(plan, name) for name in names):
        found.pairs.append(pair)
        return
    for name, view, single in zip(names, views, bound, strict=True):
        if single:
            found.together.append((name, np.unique(view[view >= 0])))


def _one_step(name: str, ids: Mapping[str, np.ndarray], found: Channels) -> bool:
    """Whether those that read a population, which come before it here, ask for one step for all its channels."""
    channels = int(ids[name].max(initial=0)) + 1
    return not found.able[name] or any(each == name and len(bound) == channels for each, bound in found.together)


def _operand(ids: np.ndarray, index: np.ndarray | None, view: tuple[int, ...]) -> np.ndarray:
    """Return the channels of an operand as the subscripts read it; -1 where nothing stands."""
    return (ids if index is None else np.where(index < 0, -1, ids[index])).reshape(view)


def _spread(view: np.ndarray, own: str, to: str, sizes: Mapping[str, int]) -> np.ndarray:
    """Return an operand over the axes `to`, repeated along those it does not have."""
    order = [label for label in to if label in own]
    shape = tuple(sizes[label] if label in own else 1 for label in to)
    return np.broadcast_to(np.transpose(view, [own.index(label) for label in order]).reshape(shape), tuple(sizes[label] for label in to))


def _kept(view: np.ndarray, own: str, out: str, sizes: Mapping[str, int], shape: tuple[int, ...]) -> bool:
    """Whether each channel of a product's result takes from one channel of this operand alone."""
    for axis, label in enumerate(own):
        if label not in out and (view != view.take([0], axis=axis)).any():
            return False
    inner = tuple(slice(None) if label in out else 0 for label in own)
    channels = _spread(view[inner], "".join(label for label in own if label in out), out, sizes).reshape(shape)
    return bool((channels >= 0).all()) and by_channel(channels, None, shape) is not None


def _pair(names: tuple[str, str], views: list[np.ndarray], labels: list[str], sizes: Mapping[str, int]) -> Pair | None:
    """Return the channels that meet, where each meets one alone."""
    every = "".join(sizes)
    left, right = (_spread(view, own, every, sizes).ravel() for view, own in zip(views, labels, strict=True))
    there = (left >= 0) & (right >= 0)
    meetings = np.unique(np.stack([left[there], right[there]]), axis=1)
    if any(len(np.unique(row)) < meetings.shape[1] for row in meetings) or (names[0] == names[1] and np.intersect1d(*meetings).size):
        return None
    return Pair(*names, *meetings)


def _thresholds(plan: Plan, name: str) -> bool:
    """Whether the step of a population can be chosen to the last bit: its weights follow its thresholds."""
    planned = next(each for each in plan.populations if each.name == name)
    return planned.function is None and any(isinstance(term, Mapped) for term in planned.terms)


def _untangle(found: Channels, ids: Mapping[str, np.ndarray]) -> None:
    """Turn pairs that meet another condition into shared steps, and steps that all channels share into one."""
    while True:
        used: dict[str, list[np.ndarray]] = {}
        for name, channels in found.together:
            used.setdefault(name, []).append(channels)
        for pair in found.pairs:
            used.setdefault(pair.left, []).append(pair.left_channels)
            used.setdefault(pair.right, []).append(pair.right_channels)
        many = {name: np.bincount(np.concatenate(lists)) > 1 for name, lists in used.items()}
        tangled = [
            pair
            for pair in found.pairs
            if many[pair.left][pair.left_channels].any()
            or many[pair.right][pair.right_channels].any()
            or not (found.able[pair.left] and found.able[pair.right])
        ]
        if not tangled:
            break
        for pair in tangled:
            found.pairs.remove(pair)
            found.together.extend([(pair.left, pair.left_channels), (pair.right, pair.right_channels)])
    for name, channels in found.together:
        if len(channels) == int(ids[name].max(initial=0)) + 1:
            found.able[name] = False
    found.together[:] = _merged([(name, channels) for name, channels in found.together if found.able[name]])


def _merged(shared: list[tuple[str, np.ndarray]]) -> list[tuple[str, np.ndarray]]:
    """Return sets of channels that do not overlap."""
    merged: list[tuple[str, np.ndarray]] = []
    for name, channels in shared:
        overlapping = [other for other in merged if other[0] == name and np.intersect1d(other[1], channels).size]
        merged = [other for other in merged if all(other is not each for each in overlapping)]
        merged.append((name, np.unique(np.concatenate([channels, *(each[1] for each in overlapping)]))))
    return merged
