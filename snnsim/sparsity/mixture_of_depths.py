"""Some tokens pass a block by: a router sees who needs it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Literal, NamedTuple, final

import numpy as np

from snnsim.errors import ParameterError
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Node
from snnsim.sparsity.flow import Flow, without
from snnsim.sparsity.rule import Method, Rule, ridge
from snnsim.sparsity.run import Run
from snnsim.sparsity.structure import Block, blocks, causal
from snnsim.sparsity.top_k import largest, selection
from snnsim.units import check_integer, check_scalar, one_of


class Router(NamedTuple):
    """Who may enter a block.

    weight : float64[width] or None   score = x . weight; None: the squared norm of what the block before added to the token
    before : str or None              where the token was before that block; None: it was nowhere, and its own norm counts
    least : float or None             a score above lets in; None: the largest scores do
    """

    weight: np.ndarray | None
    before: str | None
    least: float | None


@final
@dataclass(frozen=True)
class MixtureOfDepths(Method):
    """A share of the tokens goes through each block; the others keep their value, and nobody in the block attends to them.

    Of n tokens, k = ceil(fraction n) enter: 4 k d^2 + 2 k^2 d + 2 k d f MACs.

    Parameters
    ----------
    fraction : float   in (0, 1]; 1 leaves the dense model
    router : 'linear'  a score fitted by ridge regression to how much the block changes a token, on calibration data
             'update'  how much the block before changed it: nothing is fitted
    blocks : tuple of int or None   places of the blocks that have a router; None: all

    Behind a causal mask, where a token must not depend on later ones, a token enters whose score is above that of the same share of
    tokens on calibration data; then their number is not exact. d MACs per token and the comparisons are counted. A block whose input
    the host computes (embeddings) has no router.

    Raises ParameterError for other settings, or a model without blocks.

    Source: Raposo et al. (2024), Mixture-of-Depths; they train with the router, which is not done here.
    """

    fraction: float
    router: Literal["linear", "update"] = "linear"
    blocks: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "fraction", check_scalar("MixtureOfDepths.fraction", self.fraction, gt=0.0, le=1.0))
        one_of("MixtureOfDepths.router", self.router, ("linear", "update"))
        if self.blocks is not None:
            if isinstance(self.blocks, str) or not isinstance(self.blocks, Iterable):
                raise ParameterError(f"MixtureOfDepths.blocks = {self.blocks!r} must hold places of blocks, such as (0, 1).")
            given = tuple(check_integer("MixtureOfDepths.blocks", place) for place in self.blocks)
            if not given or len(set(given)) < len(given):
                raise ParameterError(f"MixtureOfDepths.blocks = {given} must name one block at least, and each once. Leave it out for all.")
            object.__setattr__(self, "blocks", given)

    def prepare(self, graph: Graph, calibration: dict[str, np.ndarray] | None) -> tuple[Graph, Rule]:
        found = blocks(graph)
        if not found:
            raise ParameterError("MixtureOfDepths: the model has no residual stream of tokens. Choose another method.")
        places = range(len(found)) if self.blocks is None else self.blocks
        for place in places:
            if not isinstance(place, int) or not 0 <= place < len(found):
                raise ParameterError(
                    f"MixtureOfDepths.blocks holds {place!r} but the model has {len(found)} blocks with a router: give places in "
                    f"0 .. {len(found) - 1}."
                )
        if self.fraction == 1.0:
            return graph, Rule()
        online = causal(graph)
        values = None
        if online or self.router == "linear":
            values = graph.evaluate(self.needs(calibration, "routers are fitted to it"))
        routers = {place: self._router(found, place, values, online) for place in places}
        return graph, _MixtureOfDepths(self.fraction, {found[place]: router for place, router in routers.items()})

    def _router(self, found: list[Block], place: int, values: object, online: bool) -> Router:
        block = found[place]
        before = found[place - 1].entry if place and found[place - 1].stream == block.stream else None
        weight = None
        if self.router == "linear":
            x, y = values[block.entry], values[block.end]  # type: ignore[index]
            change = np.linalg.norm(y - x, axis=-1).reshape(-1, 1)
            weight = ridge(x.reshape(-1, x.shape[-1]), change)[0][:, 0]
        router = Router(weight, None if self.router == "linear" else before, None)
        if not online:
            return router
        scores = _scores(router, values[block.entry], None if router.before is None else values[router.before])  # type: ignore[index]
        return router._replace(least=float(np.quantile(scores, 1.0 - self.fraction)))


def _scores(router: Router, x: np.ndarray, before: np.ndarray | None) -> np.ndarray:
    """Return the score of every token, float64[batch, tokens]."""
    if router.weight is not None:
        return x @ router.weight
    change = x if before is None else x - before
    return (change * change).sum(axis=-1)


class _MixtureOfDepths(Rule):
    def __init__(self, fraction: float, routers: dict[Block, Router]) -> None:
        self.fraction, self.routers = fraction, routers
        self.inside = {(name, block.entry): block for block in routers for name in block.nodes}
        self.ends = {block.end: block for block in routers}

    def operand(self, run: Run, node: Node, source: str, flow: Flow) -> Flow:
        block = self.inside.get((node.name, source))
        if block is None:
            return flow
        if (self, block.entry) not in run.notes:
            run.notes[self, block.entry] = self._enter(run, block)
        return without(flow, flow.there & ~run.notes[self, block.entry][..., None])

    def result(self, run: Run, node: Node, flow: Flow) -> Flow:
        block = self.ends.get(node.name)
        if block is None:
            return flow
        entry = run.flows[block.entry]
        through = run.notes[self, block.entry][..., None]
        there = entry.there & ~run.finished.reshape(-1, 1, 1)
        return Flow(np.where(through, flow.value, entry.value), there, there)

    def _enter(self, run: Run, block: Block) -> np.ndarray:
        """Return who enters, bool[batch, tokens], and count the router."""
        router, entry = self.routers[block], run.flows[block.entry]
        rows = entry.there.any(axis=-1) & ~run.finished[:, None]
        x, n = entry.value, entry.value.shape[-1]
        scores = _scores(router, x, None if router.before is None else run.flows[router.before].value)
        tokens, samples = int(rows.sum()), int(rows.any(axis=1).sum())
        k = ceil(self.fraction * x.shape[-2])
        # Comparisons count as additions: OPERATIONS has no kind for them.
        compared = tokens if router.least is not None else selection(rows, k)
        reads = tokens * n * (1 if router.before is None else 2)
        counts = {"macs": tokens * n, "adds": compared + reads - tokens * n, "activation_reads": reads}
        if router.weight is not None:
            counts["weight_fetches"] = samples * n
        run.add(f"{block.entry}.router", counts)
        if router.least is not None:
            return rows & (scores > router.least)
        return rows & largest(np.where(rows, scores, -np.inf), k)
