"""Leave when the answer is clear: a linear head after every block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np

from snnsim.errors import ParameterError
from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Node
from snnsim.sparsity.flow import Flow, without
from snnsim.sparsity.rule import Method, Rule, ridge
from snnsim.sparsity.run import Run
from snnsim.sparsity.structure import blocks


class Head(NamedTuple):
    """logits = x weight + bias, float64[width, classes] and float64[classes]; x : a token, or the mean of all tokens."""

    weight: np.ndarray
    bias: np.ndarray


@final
@dataclass(frozen=True)
class EarlyExit(Method):
    """A sample (a token, where each has an output) leaves after the first block whose head is sure enough.

    The heads are fitted by ridge regression to the outputs of the dense model on calibration data. MACs: sum over blocks of
    p(reach l) MAC_l, and those of the heads that were asked.

    Parameters
    ----------
    margin : float   > 0: least difference of the two largest logits of a head; infinity: nobody leaves, and there are no heads

    A token that has left is not there for later blocks: others do not attend to it. `SparseResult.notes['exits']` tells how many
    left after each block. Raises ParameterError for a margin <= 0, several outputs, or fewer than two blocks before the output.

    Source: Teerapittayanon et al. (2016), BranchyNet; Schuster et al. (2022), CALM (the difference of the two largest, there of
    probabilities).
    """

    margin: float

    def __post_init__(self) -> None:
        margin = self.margin
        if isinstance(margin, (int, float, np.number)) and not isinstance(margin, bool) and margin > 0:
            object.__setattr__(self, "margin", float(margin))
        else:
            raise ParameterError(f"EarlyExit.margin = {margin!r} must be a number > 0: a difference of logits. Give inf to never leave.")

    def prepare(self, graph: Graph, calibration: dict[str, np.ndarray] | None) -> tuple[Graph, Rule]:
        if self.margin == np.inf:
            return graph, Rule()
        if len(graph.outputs) > 1:
            names = ", ".join(node.name for node in graph.outputs)
            raise ParameterError(
                f"EarlyExit: the model has {len(graph.outputs)} outputs ({names}); a head stands for one. Give one output."
            )
        found = blocks(graph)
        chain = [block for block in found if block.stream == found[-1].stream]  # those of the last stream lead to the output
        output = graph.output
        tokens = len(output.shape) == 2
        # The last block needs no head: the output follows.
        ends = [block.end for block in chain[:-1] if not tokens or graph.nodes[block.end].shape[0] == output.shape[0]]
        if not ends or len(output.shape) not in (1, 2) or output.shape[-1] < 2:
            raise ParameterError(
                f"EarlyExit: the model ({len(chain)} blocks before its output, which has shape {output.shape}) has no place to leave. "
                "It needs two blocks and one row of at least two logits for each sample or token."
            )
        values = graph.evaluate(self.needs(calibration, "heads are fitted to it"))
        wanted = values[output.name].reshape(-1, output.shape[-1])
        heads = {}
        for end in ends:
            x = values[end] if tokens else values[end].mean(axis=1)
            heads[end] = Head(*ridge(x.reshape(-1, x.shape[-1]), wanted))
        return graph, _EarlyExit(self.margin, heads, tokens, output.name)


class _EarlyExit(Rule):
    def __init__(self, margin: float, heads: dict[str, Head], tokens: bool, output: str) -> None:
        self.margin, self.heads, self.tokens, self.output = margin, heads, tokens, output

    def result(self, run: Run, node: Node, flow: Flow) -> Flow:
        if node.name in self.heads:
            return self._leave(run, node, flow)
        if node.name == self.output:
            logits, left = run.notes[self]
            return flow._replace(value=np.where(left[..., None], logits, flow.value))
        return flow

    def _leave(self, run: Run, node: Node, flow: Flow) -> Flow:
        """Ask the head of a block, and let go who is sure."""
        weight, bias = self.heads[node.name]
        rows: np.ndarray = np.asarray(flow.there.any(axis=-1))  # tokens that are still on their way
        asked: np.ndarray = rows if self.tokens else np.asarray(rows.any(axis=1))
        x = flow.value if self.tokens else flow.value.mean(axis=1)
        scores = x @ weight + bias
        best = np.sort(scores, axis=-1)
        sure = asked & (best[..., -1] - best[..., -2] > self.margin)
        logits, left = run.notes.get(self, (np.zeros_like(scores), np.zeros(asked.shape, dtype=bool)))
        run.notes[self] = np.where(sure[..., None], scores, logits), left | sure
        run.notes.setdefault("exits", {})[node.name] = int(sure.sum())
        self._count(run, node.name, flow, asked)
        if self.tokens:
            return without(flow, sure[..., None] & flow.there)
        run.finished = run.finished | sure
        return flow

    def _count(self, run: Run, name: str, flow: Flow, asked: np.ndarray) -> None:
        width, classes = self.heads[name].weight.shape
        heads = int(asked.sum())
        readers = int(asked.reshape(len(asked), -1).any(axis=1).sum())  # samples: a weight is read once for each
        # Two comparisons for each logit find the two largest; they count as additions, since OPERATIONS has no kind for them.
        counts = {
            "macs": heads * width * classes,
            "weight_fetches": readers * width * classes,
            "adds": heads * 2 * classes + (0 if self.tokens else int(flow.there.sum())),
            "activation_reads": int(flow.there.sum()),
            "activation_writes": heads * classes,
        }
        run.add(f"{name}.exit", counts)
