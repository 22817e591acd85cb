"""Only what has changed is sent: between the tokens of a sample, or between the frames of a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import numpy as np

from snnsim.graph.ir import Graph
from snnsim.graph.nodes import Linear, Multiply, Node
from snnsim.sparsity.flow import Flow
from snnsim.sparsity.rule import Method, Rule
from snnsim.sparsity.run import Run
from snnsim.units import check_scalar, one_of

_WORDS = 4  # 8-bit words of an accumulator


@final
@dataclass(frozen=True)
class Delta(Method):
    r"""A value is sent again when it differs from what was sent last by more than a threshold; sums add the changes.

    .. math:: \hat x_t = x_t \text{ where } |x_t - \hat x_{t-1}| > \theta, \text{ else } \hat x_{t-1}; \quad
              y_t = y_{t-1} + W (\hat x_t - \hat x_{t-1})

    A linear layer takes nnz(change) fan-out MACs and a dense first frame; a product of two running values, such as Q K^T,
    nnz(dQ) n + nnz(dK) n for each head dimension.

    Parameters
    ----------
    threshold : float   >= 0; 0 sends every change, and the outputs are those of the dense model
    along : 'tokens' or 'frames'
        tokens: from one token of a sample to the next, in linear layers. Last values and sums stay in registers
        frames: from one sample to the next, in linear layers and products

    Between frames, and between tokens that are decoded one at a time, last values and sums (of 4 words) are read and written.

    A subtraction and a comparison for every value are counted. Raises ParameterError for any other setting.

    Source: Neil et al. (2017), Delta networks; O'Connor & Welling (2017), Sigma delta quantized networks.
    """

    threshold: float
    along: Literal["tokens", "frames"] = "tokens"

    def __post_init__(self) -> None:
        object.__setattr__(self, "threshold", check_scalar("Delta.threshold", self.threshold, ge=0.0))
        one_of("Delta.along", self.along, ("tokens", "frames"))

    def prepare(self, graph: Graph, calibration: dict[str, np.ndarray] | None) -> tuple[Graph, Rule]:
        return graph, _Delta(self.threshold, self.along == "frames")


def held(x: np.ndarray, there: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Return what is known of `x` at the other end in every step, and where it was sent; arrays of [steps, ...]."""
    last = np.zeros(x.shape[1:])
    known = np.zeros(x.shape[1:], dtype=bool)
    values, sent = np.empty_like(x), np.empty(x.shape, dtype=bool)
    for step in range(len(x)):
        sent[step] = there[step] & (~known | (np.abs(x[step] - last) > threshold))
        last = np.where(sent[step], x[step], last)
        known = known | sent[step]
        values[step] = last
    return values, sent


class _Delta(Rule):
    def __init__(self, threshold: float, frames: bool) -> None:
        self.threshold, self.frames = threshold, frames

    def operand(self, run: Run, node: Node, source: str, flow: Flow) -> Flow:
        if not isinstance(node, (Linear, Multiply) if self.frames else Linear):
            return flow
        if not self.frames and flow.value.ndim < 3:
            return flow  # one row for each sample: it has no token before it
        if (self, source) not in run.notes:
            run.notes[self, source] = self._changes(run, source, flow)
        value, sent = run.notes[self, source]
        if self.frames or run.decoding:
            self._count_sums(run, node, sent)
        value = np.where(flow.there, value, flow.value)
        return Flow(value, flow.there, sent & flow.sent, self.frames)

    def _changes(self, run: Run, source: str, flow: Flow) -> tuple[np.ndarray, np.ndarray]:
        axis = 0 if self.frames else -2
        value, sent = held(np.moveaxis(flow.value, axis, 0), np.moveaxis(flow.there, axis, 0), self.threshold)
        value, sent = np.moveaxis(value, 0, axis), np.moveaxis(sent, 0, axis)
        # A subtraction and a comparison, which counts as an addition: OPERATIONS has no kind for it.
        counts = {"adds": 2 * int(flow.there.sum())}
        if self.frames or run.decoding:
            counts |= {"activation_reads": int(flow.there.sum()), "activation_writes": int(sent.sum())}
        run.add(f"{source}.delta", counts)
        return value, sent

    def _count_sums(self, run: Run, node: Node, sent: np.ndarray) -> None:
        """Running sums are read and written where anything changed; those of the first step are written alone."""
        seen = run.notes.setdefault((self, "sums", node.name), np.zeros((len(sent), *node.shape), dtype=bool))
        before = seen.copy()
        if isinstance(node, Linear):
            seen |= sent.any(axis=-1, keepdims=True)
        else:
            seen |= sent.reshape(len(sent), -1).any(axis=1).reshape(-1, *[1] * len(node.shape))
        new = seen & ~before
        later = new[1:] if self.frames else new[..., 1:, :]
        words = {"activation_reads": _WORDS * int(later.sum()), "activation_writes": _WORDS * int(new.sum())}
        run.add(f"{node.name}.sums", words)
