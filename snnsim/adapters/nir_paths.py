"""The ways through the linear nodes of a graph: from population to population, and of each bias to the populations it drives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import NamedTuple

import numpy as np

from snnsim.adapters.nir_graph import Flat
from snnsim.adapters.nir_maps import Map, diagonal
from snnsim.errors import ConversionError

#: Types of nodes whose output is a potential, not spikes.
ANALOG = ("LI", "I", "CubaLI")


class Way(NamedTuple):
    """A way from one population to another, or to an Output, through linear `nodes`, and what they do together."""

    pre: str
    post: str
    nodes: tuple[str, ...]
    map: Map


def fused_thresholds(flat: Flat) -> dict[str, str]:
    """Return the neurons of which a Threshold, and nothing else, sees the potential, and which it sees alone: name -> the Threshold's."""
    before: dict[str, list[str]] = {}
    for pre, posts in flat.after.items():
        for post in posts:
            before.setdefault(post, []).append(pre)
    found = {}
    for name in flat.neurons:
        posts = flat.after[name]
        if flat.kind(name) in ANALOG and len(posts) == 1 and flat.kind(posts[0]) == "Threshold" and before[posts[0]] == [name]:
            found[name] = posts[0]
    return found


def ways(flat: Flat, fused: Mapping[str, str], start: str) -> Iterator[Way]:
    """Yield the ways from the output of a population to the next populations and Outputs, in depth.

    Raises ConversionError for a loop without neurons, and for a potential that would have to travel like spikes.
    """
    ends = {*flat.neurons, *flat.outputs}
    nothing = diagonal(np.ones(prod(flat.shapes[start])))
    waiting: list[tuple[str, tuple[str, ...], Map]] = [(post, (), nothing) for post in reversed(flat.after[fused.get(start, start)])]
    while waiting:
        at, nodes, made = waiting.pop()
        if at in ends:
            _check_potential(flat, fused, start, at, made)
            yield Way(start, at, nodes, made)
            continue
        _check_loop(at, nodes)
        # A single node keeps its weights of 0: they are synapses too.
        through = made.then(flat.maps[at][0]) if nodes else flat.maps[at][0]
        waiting += [(post, (*nodes, at), through) for post in reversed(flat.after[at])]


def _check_loop(at: str, nodes: tuple[str, ...]) -> None:
    if at in nodes:
        raise ConversionError(f"NIR node {at!r} is in a loop of linear nodes alone, which no neuron interrupts. Break the loop.")


def _check_potential(flat: Flat, fused: Mapping[str, str], start: str, end: str, made: Map) -> None:
    kind = flat.kind(start)
    if kind not in ANALOG or start in fused or (end in flat.outputs and made.identity):
        return
    raise ConversionError(
        f"NIR node {start!r} is of type {kind}, which sends a potential, not spikes, to {end!r}. Projections carry spikes: let it lead "
        f"straight to an Output, or to a Threshold alone, or replace it by a {kind}F."
    )


def biases(flat: Flat) -> dict[str, np.ndarray]:
    """Return the sum of all biases that reach each population or Output, float64[n]; those that none reaches are left out.

    Raises ConversionError for a bias in front of a Delay: it would begin late.
    """
    ends = {*flat.neurons, *flat.outputs}
    total: dict[str, np.ndarray] = {}
    for name, (_, bias) in flat.maps.items():
        if bias is None or not np.any(bias):
            continue
        waiting: list[tuple[str, tuple[str, ...], np.ndarray]] = [(post, (name,), bias) for post in flat.after[name]]
        while waiting:
            at, nodes, value = waiting.pop()
            if at in ends:
                total[at] = total.get(at, np.zeros(len(value))) + value
                continue
            _check_loop(at, nodes)
            made = flat.maps[at][0]
            if np.any(made.delay):
                raise ConversionError(f"NIR node {at!r} delays the bias of {name!r}: it would begin late. Put the Delay before {name!r}.")
            through = np.bincount(made.target, made.weight * value[made.source], minlength=made.n_out)
            waiting += [(post, (*nodes, at), through) for post in flat.after[at]]
    return total
