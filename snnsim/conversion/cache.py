"""A converted decoder that is given its tokens one after another: the state of its units is the cache of keys and values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np

from snnsim.conversion.beyond import warn_beyond
from snnsim.conversion.causal import last_needed
from snnsim.conversion.spiking_model import SpikingModel
from snnsim.engines.settle import IntegerState, run_integer
from snnsim.errors import ParameterError, unknown_name
from snnsim.graph.nodes import Input
from snnsim.results import Result
from snnsim.units import check_integer

_PROBES = 3  # other tokens that are tried at every position, to see which input units they move


@final
class TokenCache:
    """Runs a decoder of a fixed context on a text that grows.

    Units that depend on tokens which are not given yet are left alone: they neither emit nor are evaluated. A token then costs
    what its own position has to do, and what is emitted stays valid, as nothing depends on a later position. All of that is
    exact: the units up to the last token hold what the integer program computes for them.

    spiking : SpikingModel     of a decoder, or of an encoder and a decoder
    tokens : str               the input that grows, int[trials, n]; default the only input of tokens
    output : str               the output float[trials, n, classes]; default the first
    inputs : mapping           the other inputs, such as the source of an encoder, given once
    pad : int                  stands at positions that are not given yet; no unit up to the last token depends on it
    settings                   code, schedule, seed, threads, as for a call of the model
    beyond : mapping           of input to int64[2], how many numbers of the tokens so far lay past their range, of how many

    Raises
    ------
    ParameterError   for unknown names, and for a model in which the output at some position depends on later ones
    """

    def __init__(
        self, spiking: SpikingModel, *, tokens: str | None = None, output: str | None = None, inputs: Mapping[str, Any] | None = None,
        pad: int = 0, code: str = "signed_digit", schedule: str = "settled", seed: int = 0, threads: int | None = None,
    ) -> None:  # fmt: skip
        self.spiking = spiking
        self.settings: dict[str, Any] = {"code": code, "schedule": schedule, "seed": seed, "threads": threads}
        self.inputs = dict(inputs or {})
        self.node = _grows(spiking, tokens, self.inputs)
        self.context = self.node.shape[0]
        self.pad = check_integer("generate.pad", pad, low=self.node.low or 0, high=self.node.high)
        outputs = spiking.coding.outputs
        if output is not None and output not in outputs:
            raise ParameterError(unknown_name("generate.output", output, list(outputs)))
        self.output = output or next(iter(outputs))
        self._state: IntegerState | None = None
        self.beyond: dict[str, np.ndarray] = {}
        self._counted = 0
        self._last = last_needed(spiking.integer_graph, self._positions())
        self._check_causal()
        rows = [self._last[name].max(axis=-1).ravel() for name in spiking.compiled.populations]
        self._rows = np.concatenate(rows)
        inputs_end = sum(len(part) for part in rows[: len(spiking.compiled.inputs)])
        self._rows[:inputs_end] = -1  # input units are kept back one by one, see `feed`

    def padded(self, text: np.ndarray) -> dict[str, np.ndarray]:
        """Return the inputs of the model for int[trials, m] tokens."""
        whole = np.full((len(text), self.context), self.pad, dtype=np.int64)
        whole[:, : text.shape[1]] = text
        return {self.node.name: whole, **self.inputs}

    def encoded(self, text: np.ndarray) -> dict[str, np.ndarray]:
        """Return the integers of the input populations for int[trials, m] tokens, positions that are not given yet included.

        `beyond` counts those of the tokens that the last text lacked which lie past their range; positions to come do not matter.
        """
        encoded, outside = self.spiking.coding.placed(self.padded(text))
        length = text.shape[1]
        first = self._counted if length > self._counted else 0  # a shorter text is another one
        for name, mask in outside.items():
            new = (self._last[name] < length) & ((self._last[name] >= first) | (first == 0))
            counts = np.array([np.count_nonzero(mask[:, new]), len(mask) * np.count_nonzero(new)])
            self.beyond[name] = self.beyond.get(name, np.zeros(2, np.int64)) + counts
        self._counted = length
        return encoded

    def feed(self, text: np.ndarray, *, warn: bool = True) -> tuple[np.ndarray, Result]:
        """Return the scores float[trials, classes] after the last token of `text`, and what the run cost.

        text : int[trials, m], m <= context; after the first call, the text of the last one with more behind it, else `forget` first
        warn : bool   whether a UserWarning says how many numbers of the new tokens lie past their range; `beyond` counts them anyway
        """
        at = text.shape[1] - 1
        before = dict(self.beyond)
        given = {name: np.where(self._last[name] > at, 0, array) for name, array in self.encoded(text).items()}
        if warn:
            warn_beyond({name: counts - before.get(name, 0) for name, counts in self.beyond.items()})
        result = run_integer(self.spiking.compiled, inputs=given, start=self._state, asleep=self._rows > at, **self.settings)
        self._state = result.state
        return self.spiking.coding.decode(result.values, result.accumulators)[self.output][:, at], result

    def awake(self, length: int) -> dict[str, np.ndarray]:
        """Return which units have been computed after `length` tokens, bool[*shape] by layer."""
        return {name: last < length for name, last in self._last.items()}

    def forget(self) -> None:
        """Begin another text."""
        self._state = None
        self._counted = 0

    def _positions(self) -> dict[str, np.ndarray]:
        """Return which token every input unit follows, -1 for none, found by changing one token at a time.

        A unit that follows a token but shows it with none of the probes is only computed earlier than it need be.
        """
        low, high = self.node.low or 0, int(self.node.high or 0)
        probes = [token for token in np.unique(np.linspace(low, high, _PROBES + 1).astype(int)) if token != self.pad][:_PROBES]
        texts = np.full((1 + self.context * len(probes), self.context), self.pad)
        for i, token in enumerate(probes):
            for position in range(self.context):
                texts[1 + i * self.context + position, position] = token
        others = {name: np.repeat(np.asarray(array)[:1], len(texts), axis=0) for name, array in self.inputs.items()}
        encoded, _ = self.spiking.coding.encode({self.node.name: texts, **others})
        positions = {}
        for name, array in encoded.items():
            moved = (array[1:] != array[0]).reshape(len(probes), self.context, *array.shape[1:]).any(axis=0)
            numbers = np.arange(self.context).reshape(-1, *[1] * (array.ndim - 1))
            last = np.where(moved, numbers, -1).max(axis=0)
            top = last.max(axis=-1, keepdims=True)  # a channel that shows none of the probes belongs to the token of its row
            positions[name] = np.where(((last == top) | (last < 0)).all(axis=-1, keepdims=True), top, last)
        return positions

    def _check_causal(self) -> None:
        output = self.spiking.coding.outputs[self.output]
        if len(output.shape) != 2 or output.shape[0] != self.context:
            raise ParameterError(
                f"generate: output {self.output!r} has shape {output.shape} but must have scores at each of the {self.context} positions. "
                "Convert a model that returns them."
            )
        for piece in output.pieces:
            last = np.where(piece.index < 0, -1, self._last[piece.source].ravel()[piece.index])
            late = np.broadcast_to(last, output.shape).max(axis=1)
            bad = np.flatnonzero(late > np.arange(self.context))
            if bad.size:
                raise ParameterError(
                    f"generate: output {self.output!r} at position {bad[0]} depends on position {late[bad[0]]}, which comes later: "
                    "tokens cannot be given one after another. Use a causal mask (is_causal=True) in every attention of the decoder."
                )


def _grows(spiking: SpikingModel, tokens: str | None, others: Mapping[str, Any]) -> Input:
    """Return the input of tokens that grows."""
    nodes = {node.name: node for node in spiking.coding.host.inputs}
    found = [name for name, node in nodes.items() if node.kind == "index" and len(node.shape) == 1 and name not in others]
    if tokens is None:
        if len(found) != 1:
            names = ", ".join(nodes)
            raise ParameterError(f"generate: the model takes {names}. Say which input grows (tokens=...) and give the others (inputs=...).")
        tokens = found[0]
    if tokens not in nodes:
        raise ParameterError(unknown_name("generate.tokens", tokens, list(nodes)))
    if nodes[tokens].kind != "index" or len(nodes[tokens].shape) != 1:
        raise ParameterError(f"generate.tokens = {tokens!r} must be an input of tokens, int[trials, n]. Choose another.")
    missing = [name for name in nodes if name != tokens and name not in others]
    if missing:
        raise ParameterError(f"generate.inputs lacks {missing[0]!r}, which the model reads beside {tokens!r}. Give it.")
    return nodes[tokens]
